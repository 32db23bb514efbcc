export const isFunction = (value: unknown) => typeof value === 'function'
export const isObject = (value: unknown) => typeof value === 'object' && value !== null
export const has = (value: unknown, name: string) =>
  isObject(value) && isFunction((value as Record<string, unknown>)[name])
