import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config'

/** Siblings resolve from source through the paths of tsconfig.json: no build is needed to test. */
const project = (test: TestProjectInlineConfiguration['test']): TestProjectInlineConfiguration => ({
  resolve: { tsconfigPaths: true },
  test: {
    pool: 'forks',
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // How long to wait for what will come is no assertion; vitest's own second is too short for a busy machine.
    expect: { poll: { timeout: 30_000, interval: 25 } },
    ...test,
  },
})

/** The adapter's own tests once more, with another Drizzle in the place of the newest. */
const otherDrizzle = (version: 'oldest' | 'next'): TestProjectInlineConfiguration => {
  const folder = `${import.meta.dirname}/test-matrix/orms/drizzle-${version}/node_modules/drizzle-orm`
  const alias = [
    { find: /^drizzle-orm$/, replacement: `${folder}/index.js` },
    { find: /^drizzle-orm\//, replacement: `${folder}/` },
  ]
  return {
    ...project({
      name: `servers-drizzle-${version}`,
      include: ['packages/drizzle/test-servers/**/*.test.ts'],
    }),
    resolve: { tsconfigPaths: true, alias },
  }
}

export default defineConfig({
  test: {
    // At the root, not per project: the servers start once per run and every project gets their addresses.
    globalSetup: ['test-matrix/services/global-setup.ts'],
    maxWorkers: 2,
    retry: 0,
    allowOnly: false,
    reporters: ['default', './tools/tally-reporter.ts'],
    projects: [
      project({
        name: 'unit',
        include: ['packages/*/test/**/*.test.ts', 'test-matrix/*/unit/**/*.test.ts', 'tools/**/*.test.ts'],
        typecheck: {
          enabled: true,
          include: ['packages/*/test/**/*.test-d.ts'],
          tsconfig: './tsconfig.json',
        },
      }),
      // Needs a real PostgreSQL or Kafka.
      project({
        name: 'servers',
        include: [
          'packages/*/test-servers/**/*.test.ts',
          'test-matrix/conformance/**/*.test.ts',
          'test-matrix/migrations/**/*.test.ts',
        ],
      }),
      otherDrizzle('oldest'),
      otherDrizzle('next'),
      // Builds, packs, and runs whole programs: the checks of `npm run check`, the consumers, the demo.
      project({
        name: 'repository',
        include: [
          'test-matrix/packaging/**/*.test.ts',
          'test-matrix/demo/**/*.test.ts',
          'test-matrix/matrix/**/*.test.ts',
          'test-matrix/newcomer/*.test.ts',
          'test-matrix/bench/*.test.ts',
        ],
        fileParallelism: false,
        testTimeout: 300_000,
      }),
      // One at a time: kills, pauses and long contended runs.
      project({
        name: 'faults',
        include: ['test-matrix/faults/**/*.test.ts'],
        fileParallelism: false,
        testTimeout: 300_000,
      }),
    ],
  },
})
