// What hundred-wrapped.ts does, without the outbox: the difference of the two is what withOutbox costs.
// Both check the sources of the package, which users get as declarations.
import type {} from '@outboxkit/prisma'
import type { PrismaClient } from 'client-under-test'

declare const db: PrismaClient
type Tx = Parameters<Parameters<typeof db.$transaction>[0]>[0]

const service = async (tx: Tx): Promise<number> => (await tx.m1.create({ data: { name: 'x', amount: 1 } })).id

export const result = db.$transaction(async (tx) => {
  const found = await tx.m50.findMany({ where: { active: true }, include: { next: true } })
  await tx.m99.update({ where: { id: 1 }, data: { note: found[0]?.next?.name ?? null } })
  return service(tx)
})
