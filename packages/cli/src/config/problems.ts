import type { z } from 'zod'
import { nearestName, OutboxError } from '@outboxkit/core'
import { namesWithin, settingOf, settings } from './settings.js'

/** One thing that is wrong, and where: a path in the file, or a variable. */
export interface Problem {
  readonly where: string
  readonly message: string
}

/** All problems at once. */
export function configurationError(problems: readonly Problem[]): OutboxError {
  const lines = problems.map(({ where, message }) => `${where}: ${message}`)
  const text = lines.length === 1 ? ` ${lines[0]}` : lines.map((line) => `\n- ${line}`).join('')
  return new OutboxError('OUTBOX_CONFIG_INVALID', `The configuration is not valid:${text}`, {
    details: { problems },
  })
}

/** What zod found in a file, in our words. */
export function problemsOf(issues: readonly z.core.$ZodIssue[], root: unknown): Problem[] {
  return issues.flatMap((issue) => {
    const path = issue.path.map(String)
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) => ({ where: [...path, key].join('.'), message: unknownKey(path, key) }))
    const nested = issue.code === 'invalid_union' ? nestedIssues(issue) : []
    if (nested.length > 0)
      return problemsOf(
        nested.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] })),
        root,
      )
    return [
      {
        where: path.join('.') || 'the file',
        message: `${issue.message}${shown(path, root)}.${whenEmpty(path, root)}`,
      },
    ]
  })
}

/** Of a group that may also be `true`: what is wrong inside the group. */
function nestedIssues(issue: z.core.$ZodIssueInvalidUnion): z.core.$ZodIssue[] {
  return issue.errors.flat().filter((inner) => inner.path.length > 0 || inner.code === 'unrecognized_keys')
}

function unknownKey(path: readonly string[], key: string): string {
  const place = withoutOutbox(path)
  const known = namesWithin(place)
  const elsewhere = settings.find((setting) => setting.path.at(-1) === key)
  if (path[0] === 'outboxes' && namesWithin([]).includes(key))
    return `is the same for all outboxes: it stands outside of \`outboxes\`.`
  const nearest = nearestName(key, known)
  if (nearest !== undefined && nearest !== key) return `is not known. Did you mean '${nearest}'?`
  if (elsewhere !== undefined) return `is not known here. Did you mean '${elsewhere.key}'?`
  return `is not known. There is: ${known.join(', ')}.`
}

/** `init` writes a file that takes the URL from a variable, or else is empty. */
function whenEmpty(path: readonly string[], root: unknown): string {
  if (withoutOutbox(path).join('.') !== 'database.url' || valueIn(path, root) !== '') return ''
  return ' The variable that the file takes it from (likely DATABASE_URL) is not set, or empty.'
}

function valueIn(path: readonly string[], root: unknown): unknown {
  return path.reduce<unknown>((inner, name) => (inner as Record<string, unknown> | undefined)?.[name], root)
}

/** What was given, where it cannot be a secret. */
export function shown(path: readonly string[], root: unknown): string {
  const value = valueIn(path, root)
  const place = withoutOutbox(path)
  const setting = settingOf(place.join('.')) ?? settingOf(place.slice(0, -1).join('.'))
  if (setting === undefined || setting.secret !== undefined || setting.kind === 'code') return ''
  if (value === undefined || typeof value === 'function') return ''
  return `, got ${(JSON.stringify(value) ?? typeof value).slice(0, 80)}`
}

export function withoutOutbox(path: readonly string[]): readonly string[] {
  return path[0] === 'outboxes' ? path.slice(2) : path
}
