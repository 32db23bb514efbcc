import { withOutbox } from '@outboxkit/prisma'
import type { PrismaClient } from 'client-under-test'

declare const base: PrismaClient
const db = withOutbox(base)
type Tx = Parameters<Parameters<typeof db.$transaction>[0]>[0]

const service = async (tx: Tx): Promise<number> => (await tx.m1.create({ data: { name: 'x', amount: 1 } })).id

export const result = db.$transaction(async (tx) => {
  const found = await tx.m50.findMany({ where: { active: true }, include: { next: true } })
  await tx.m99.update({ where: { id: 1 }, data: { note: found[0]?.next?.name ?? null } })
  await tx.emit({ type: 'x', aggregateType: 'x', aggregateId: 1, payload: {} })
  return service(tx)
})
