import { join } from 'node:path'
import { npmPackage } from './npm-package.js'

/** Node versions the matrix runs on, the oldest that is supported first; the package names are those of the `node` package on npm. */
export const nodeVersions = { 20: '20.19.0', 22: '22.23.3', 24: '24.21.0', 26: '26.10.0' } as const

/** The path of a `node` binary of another major version. */
export async function nodeBinary(major: keyof typeof nodeVersions): Promise<string> {
  const home = await npmPackage(`node-${process.platform}-${process.arch}`, nodeVersions[major])
  return join(home, 'bin', 'node')
}
