import { defineConfig } from 'tsup'
import { library } from '../../tsup.base.js'

// The program is ESM only: top-level await cannot be CommonJS. In pieces, so that a command loads only what it uses.
export default defineConfig([
  {
    ...library,
    entry: ['src/index.ts', 'src/bin.ts'],
    format: ['esm'],
    splitting: true,
    dts: { ...dts(), entry: ['src/index.ts'] },
  },
  { ...library, format: ['cjs'] },
])

function dts(): { compilerOptions?: object } {
  return typeof library.dts === 'object' ? library.dts : {}
}
