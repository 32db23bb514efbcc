import { createRequire } from 'node:module'
import newest from 'knex'
import type { Knex } from 'knex'

type KnexFactory = (config: Knex.Config) => Knex

// The workspace test-matrix/orms/knex-oldest pins the lower end of the peer range.
const oldest = createRequire(new URL('../../../test-matrix/orms/knex-oldest/package.json', import.meta.url))

/** Both ends of the peer range. */
export const versions: readonly { readonly version: string; readonly knex: KnexFactory }[] = [
  { version: 'newest', knex: newest },
  { version: 'oldest', knex: oldest('knex') as KnexFactory },
]
