import type { DatabaseName } from './options.js'

export interface WrittenEvent {
  readonly id: string
  readonly key: string
  /** JSON. */
  readonly payload: string
}

/** One connection of an application, with the driver alone: nothing of ours, no ORM. */
export interface Writer {
  /** One event in a transaction of its own; resolves when it is committed. */
  insert(event: WrittenEvent): Promise<void>
  /** A business row and an event in one transaction. */
  order(id: number, event: WrittenEvent): Promise<void>
  end(): Promise<void>
}

export function openWriter(database: DatabaseName, url: string): Promise<Writer> {
  return database === 'postgres' ? openPostgres(url) : openMysql(url)
}

async function openPostgres(url: string): Promise<Writer> {
  const { default: pg } = await import('pg')
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const insert = async ({ id, key, payload }: WrittenEvent): Promise<void> => {
    await client.query({
      name: 'bench_insert',
      text: `insert into outbox (id, aggregatetype, aggregateid, type, payload) values ($1, 'bench', $2, 'bench.made', $3)`,
      values: [id, key, payload],
    })
  }
  return {
    insert,
    async order(id, event) {
      await client.query('begin')
      await client.query({
        name: 'bench_order',
        text: `insert into bench_orders (id, total, note) values ($1, 100, 'bench')`,
        values: [id],
      })
      await insert(event)
      await client.query('commit')
    },
    end: () => client.end(),
  }
}

async function openMysql(url: string): Promise<Writer> {
  const { createConnection } = await import('mysql2/promise')
  const client = await createConnection({ uri: url })
  const insert = async ({ id, key, payload }: WrittenEvent): Promise<void> => {
    await client.execute(
      `insert into outbox (id, aggregatetype, aggregateid, type, payload) values (?, 'bench', ?, 'bench.made', ?)`,
      [id, key, payload],
    )
  }
  return {
    insert,
    async order(id, event) {
      await client.query('begin')
      await client.execute(`insert into bench_orders (id, total, note) values (?, 100, 'bench')`, [id])
      await insert(event)
      await client.query('commit')
    },
    end: () => client.end(),
  }
}
