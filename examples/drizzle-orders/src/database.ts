import { database } from './config.js'

// Drizzle's tables and queries belong to one kind of database. A service of yours has one, and imports its orders.
const { placeOrder, cancelOrder, close } =
  database === 'mysql' ? await import('./mysql/orders.js') : await import('./postgres/orders.js')

export { cancelOrder, close, placeOrder }
