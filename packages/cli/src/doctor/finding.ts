import type { SourceProblem } from '@outboxkit/relay'
import { docsLink } from '../output/failure.js'
import { checks, isCheck, type CheckId } from './checks.js'

/**
 * - `ok`: looked at, nothing to say.
 * - `info`: nothing is wrong, or it could not be looked at.
 * - `warning`: works, but may cost events, order or speed one day.
 * - `fatal`: a relay does not start, or events are not published.
 */
export type Severity = 'ok' | 'info' | 'warning' | 'fatal'

/** What one check has found. */
export interface Finding {
  /** Stable name. */
  readonly check: CheckId
  readonly severity: Severity
  /** What the check is about. */
  readonly title: string
  /** What there is, as a sentence; empty when all is well. Never a secret. */
  readonly found: string
  /** What to do, as a sentence; empty when there is nothing to do. */
  readonly todo: string
  /** The address of the page that explains the check. */
  readonly anchor: string
}

/** A finding before it has its title. */
export interface Problem {
  readonly check: CheckId
  readonly severity: Exclude<Severity, 'ok'>
  readonly found: string
  readonly todo: string
}

/** Checks that are made together, by one look at something. */
export interface Family {
  readonly checks: readonly CheckId[]
  /** May reject: then its checks say that they could not be made. */
  readonly run: () => Promise<readonly Problem[]>
}

export function problem(severity: Problem['severity'], check: CheckId, found: string, todo: string): Problem {
  return { check, severity, found, todo }
}

/** One finding per check at least: those without a problem are well. */
export async function runFamily(family: Family): Promise<Finding[]> {
  try {
    const problems = await family.run()
    const named = new Set(problems.map(({ check }) => check))
    return [
      ...problems.map(toFinding),
      ...family.checks.filter((check) => !named.has(check)).map((check) => well(check)),
    ]
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return family.checks.map((check) =>
      toFinding(problem('info', check, `This could not be looked at: ${why}`, 'Look at it by hand.')),
    )
  }
}

/** Of checks that this program does not know, the kind stays and the name becomes that of what is closest: columns. */
export function fromSource({ check, severity, found, todo }: SourceProblem): Problem {
  return problem(severity, isCheck(check) ? check : 'columns', found, todo)
}

export function toFinding({ check, severity, found, todo }: Problem): Finding {
  return { check, severity, title: checks[check], found, todo, anchor: docsLink('doctor', check) }
}

function well(check: CheckId): Finding {
  return {
    check,
    severity: 'ok',
    title: checks[check],
    found: '',
    todo: '',
    anchor: docsLink('doctor', check),
  }
}

const order = Object.keys(checks)
const weight: Readonly<Record<Severity, number>> = { fatal: 0, warning: 1, info: 2, ok: 3 }

/**
 * The worst first, then in the order of the checks. A check that two families look at from two sides is `ok` once, and
 * only if neither has found anything.
 */
export function sorted(findings: readonly Finding[]): Finding[] {
  const isBad = new Set(findings.filter(({ severity }) => severity !== 'ok').map(({ check }) => check))
  const seen = new Set<CheckId>()
  return findings
    .filter(({ check, severity }) => {
      if (severity !== 'ok') return true
      const isFirst = !isBad.has(check) && !seen.has(check)
      seen.add(check)
      return isFirst
    })
    .sort(
      (a, b) => weight[a.severity] - weight[b.severity] || order.indexOf(a.check) - order.indexOf(b.check),
    )
}

/** How many there are of each severity. */
export function summary(findings: readonly Finding[]): Readonly<Record<Severity, number>> {
  const count = { ok: 0, info: 0, warning: 0, fatal: 0 }
  for (const { severity } of findings) count[severity]++
  return count
}
