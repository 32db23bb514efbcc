// Started by orphans.test.ts: holds servers until it is killed.
import { dirname } from 'node:path'
import { startKafka } from '../../services/kafka.js'
import { startMariadb, startMysql } from '../../services/mysql.js'
import { startPostgres } from '../../services/postgres.js'
import { serverFolder } from '../../services/server-process.js'
import { mariadbVersion, mysqlVersion } from '../../services/service.js'

const [postgres, mysql] = await Promise.all([
  startPostgres(),
  startMysql({ version: mysqlVersion() }),
  startMariadb({ version: mariadbVersion() }),
  startKafka(),
])
// The hardest case: stopped processes do not react to a signal that asks them to end.
if (process.argv.includes('--paused')) await Promise.all([postgres.pause(), mysql.pause()])
process.stdout.write(`${JSON.stringify({ folder: dirname(serverFolder('probe').path) })}\n`)
setInterval(() => undefined, 60_000)
