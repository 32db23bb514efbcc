// The service and a relay in one process; in production they would be two.
import './relay.js'
import './server.js'
