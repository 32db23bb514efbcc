import { database } from './config.js'

await (database === 'mysql' ? import('./mysql/setup.js') : import('./postgres/setup.js'))
