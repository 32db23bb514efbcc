// Started by orphans.test.ts: holds servers until it is killed.
import { dirname } from 'node:path'
import { startKafka } from '../../services/kafka.js'
import { startPostgres } from '../../services/postgres.js'
import { serverFolder } from '../../services/server-process.js'

const [postgres] = await Promise.all([startPostgres(), startKafka()])
// The hardest case: stopped processes do not react to a signal that asks them to end.
if (process.argv.includes('--paused')) await postgres.pause()
process.stdout.write(`${JSON.stringify({ folder: dirname(serverFolder('probe').path) })}\n`)
setInterval(() => undefined, 60_000)
