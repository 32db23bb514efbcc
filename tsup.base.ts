import type { Options } from 'tsup'

/** How every published package is built: ESM and CommonJS with declarations. */
export const library: Options = {
  entry: ['src/index.ts'],
  format: ['esm', 'cjs'],
  // tsup sets baseUrl, which TypeScript 6 reports unless told to ignore it; with no `paths`, sibling
  // packages resolve through their built exports and so stay external.
  dts: { compilerOptions: { ignoreDeprecations: '6.0', paths: {} } },
  target: 'node20.19',
  platform: 'node',
  sourcemap: true,
  clean: false,
  splitting: false,
}
