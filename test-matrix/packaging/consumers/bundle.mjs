import { build } from 'esbuild'

await build({
  entryPoints: ['bundle-entry.cjs'],
  outfile: 'bundle.cjs',
  bundle: true,
  platform: 'node',
  format: 'cjs',
  // The drivers of other databases, which Knex would load on demand and which are not installed.
  external: [
    'better-sqlite3',
    'mariadb',
    'mysql',
    'mysql2',
    'oracledb',
    'pg-native',
    'pg-query-stream',
    'sqlite3',
    'tedious',
  ],
})
