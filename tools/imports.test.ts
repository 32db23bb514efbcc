import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { root } from './checks.js'
import { fileViolations, importViolations } from './imports.js'

describe('imports between packages', () => {
  it('follow the architecture', () => {
    expect(importViolations(root)).toEqual([])
  })

  const packages = join(root, 'packages')
  const violations = (name: string, file: string, text: string): string[] =>
    fileViolations(packages, name, join(packages, name, 'src', file), text)

  it.each([
    ['core', 'a.ts', "import { z } from 'zod'"],
    ['core', 'a.ts', "import type { Relay } from '@outboxkit/relay'"],
    ['knex', 'a.ts', "import { knex } from 'knex'"],
    ['prisma', 'a.ts', "import { PrismaClient } from '@prisma/client'"],
    ['relay', 'loop.ts', "import pg from 'pg'"],
    ['relay', 'sweep.ts', "import mysql from 'mysql2/promise'"],
    ['kafka', 'a.ts', "import { createRelay } from '@outboxkit/relay'"],
    ['kafka', 'a.ts', "export { x } from '../../relay/src/index.js'"],
    ['drizzle', 'a.ts', "const m = await import('@outboxkit/relay')"],
  ])('%s/src/%s: %s is reported', (name, file, text) => {
    expect(violations(name, file, text)).toHaveLength(1)
  })

  it.each([
    ['core', 'a.ts', "import { randomFillSync } from 'node:crypto'"],
    ['knex', 'a.ts', "import type { Knex } from 'knex'"],
    ['relay', 'postgres/a.ts', "import pg from 'pg'"],
    ['relay', 'mysql/a.ts', "import mysql from 'mysql2/promise'"],
    ['kafka', 'kafkajs/a.ts', "const kafkajs = await import('kafkajs')"],
  ])('%s/src/%s: %s is fine', (name, file, text) => {
    expect(violations(name, file, text)).toEqual([])
  })
})
