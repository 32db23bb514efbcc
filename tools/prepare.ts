import { generatePrismaClient } from '../test-matrix/demo/applications.js'

/** Makes the code that the checks read and that is not in version control. */
export async function generateClients(): Promise<void> {
  await generatePrismaClient('postgres')
  await generatePrismaClient('mysql')
}
