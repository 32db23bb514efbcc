import { defineConfig } from 'tsup'
import { library } from '../../tsup.base.js'

// The program is ESM only: top-level await cannot be CommonJS.
export default defineConfig([
  library,
  { ...library, entry: ['src/bin.ts'], format: ['esm'], dts: false, external: ['./index.js'] },
])
