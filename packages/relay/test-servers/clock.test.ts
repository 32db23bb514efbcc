import { expect, inject, it } from 'vitest'
import { Tables as MysqlTables } from './mysql-harness.js'
import { Tables as PostgresTables } from './postgres-harness.js'

it.each([
  ['postgres', () => PostgresTables.create(inject('postgresUrl'))],
  ['mysql', () => MysqlTables.create(inject('mysqlUrl'))],
  ['mariadb', () => MysqlTables.create(inject('mariadbUrl'))],
])('an opened source of %s knows the clock of its server, and what is open', async (_, create) => {
  const tables = await create()
  const source = tables.source()
  const acquired = await source.leases.acquire({ owner: 'me', termMs: 10_000 })
  if (acquired === undefined) throw new Error('nobody else owns it')
  await source.open(acquired.lease)
  // The server of the tests runs on this machine.
  expect(Math.abs(source.clockOffsetMs ?? NaN)).toBeLessThan(60_000)
  const open = await tables.writer()
  await open.begin()
  await open.insert()
  const committed = await tables.writer()
  await committed.insert()
  await source.read(new AbortController().signal)
  expect(source.openPositions).toBe(1)
  await open.rollback()
  await source.close()
  expect(source.openPositions).toBe(0)
  await tables.dispose()
})
