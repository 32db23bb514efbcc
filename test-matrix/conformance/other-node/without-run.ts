/** An environment without what ties a process to the vitest that runs it. */
export function withoutRun(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const own = /^(VITEST|OUTBOXKIT_TALLY$|NODE_ENV$|TEST$|PROD$|DEV$|MODE$|SSR$|BASE_URL$)/
  return Object.fromEntries(Object.entries(env).filter(([name]) => !own.test(name)))
}
