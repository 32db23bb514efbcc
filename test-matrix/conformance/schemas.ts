import type { StandardSchema } from '@outboxkit/core'
import * as valibot from 'valibot'
import { z } from 'zod'

/** `{ total: number }` in each schema library that catalogues are tried with. */
export const schemas: Readonly<Record<string, StandardSchema<{ total: number }>>> = {
  zod: z.object({ total: z.number() }),
  valibot: valibot.object({ total: valibot.number() }),
}
