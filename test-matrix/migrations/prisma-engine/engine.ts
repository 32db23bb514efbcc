import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils'
import * as glue from '@prisma/schema-engine-wasm/schema_engine_bg'
import { postgresAdapter } from './postgres.js'

/** One file of a schema: its path and its text. */
export type Datamodel = [path: string, text: string]

/** Prisma's schema engine: its methods by the names of the protocol. */
export type Engine = Readonly<Record<string, (params: unknown) => Promise<unknown>>>

/** What the engine's last panic said; it reaches JavaScript only through this registry. */
export const panic = {
  message: '',
  set_message(message: string): void {
    this.message = message
  },
}

export const engineVersion = (): string => glue.version()

/** Loads the WebAssembly; must have happened before anything else. */
export async function loadEngine(): Promise<void> {
  Object.assign(globalThis, { PRISMA_WASM_PANIC_REGISTRY: panic })
  const entry = createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm/schema_engine_bg')
  const module = readFileSync(entry.replace(/\.js$/, '.wasm'))
  const { instance } = await webAssembly.instantiate(module, { './schema_engine_bg.js': glue })
  const { __wbg_set_wasm: connect } = glue as unknown as {
    __wbg_set_wasm: (exports: object) => void
  }
  connect(instance.exports)
  instance.exports.__wbindgen_start()
}

// The declarations of Node leave it to those of browsers, which are not loaded here.
const { WebAssembly: webAssembly } = globalThis as unknown as {
  WebAssembly: {
    instantiate(
      module: Uint8Array,
      imports: object,
    ): Promise<{ instance: { exports: { __wbindgen_start(): void } } }>
  }
}

export async function startEngine(url: string, datamodels: readonly Datamodel[]): Promise<Engine> {
  const engine = await glue.SchemaEngine.new(
    { datamodels: datamodels.length === 0 ? undefined : [...datamodels] },
    () => undefined,
    bindMigrationAwareSqlAdapterFactory(postgresAdapter(url)) as never,
  )
  return engine as unknown as Engine
}
