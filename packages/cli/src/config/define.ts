import type { Config } from './schema.js'

/** Types for `outbox.config.ts`: gives back what it gets. What is wrong is found when the file is loaded. */
export function defineConfig(config: Config): Config {
  return config
}
