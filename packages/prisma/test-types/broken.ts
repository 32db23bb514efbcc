// Has one error on purpose: shows that these files are really checked.
import { withOutbox } from '@outboxkit/prisma'
import type { PrismaClient } from 'client-under-test'

declare const base: PrismaClient

export const planted = withOutbox(base).$transaction(async (tx) =>
  tx.emit({ type: 'x', aggregateType: 'order', payload: {} }),
)
