import type { OutboxOptions } from '@outboxkit/core'
import type { Types } from '@prisma/client/runtime/client'
// On Prisma 6 the same declarations stand in two files, and which one a generated client uses depends on its
// engine. This module is an alias of the other file there, and of the first one on Prisma 7.
import type { Types as LibraryTypes } from '@prisma/client/runtime/wasm-compiler-edge'
import type { PrismaLike, WithOutbox } from './types.js'

type Extensions<R, M, C> = Types.Extensions.InternalArgs<R, M, {}, C>

type Extended<
  Map extends Types.Extensions.TypeMapCbDef,
  Args extends Types.Extensions.InternalArgs,
> = Types.Extensions.DynamicClientExtensionThis<Types.Utils.Call<Map, { extArgs: Args }>, Map, Args>

/**
 * `$extends` with Prisma's own signature, which cannot be had by inference because it is generic, and another
 * result: the extended client has the outbox as well.
 */
interface Extends<
  Map extends Types.Extensions.TypeMapCbDef,
  Old extends Types.Extensions.InternalArgs,
  Models extends Types.Extensions.TypeMapDef,
  O extends OutboxOptions,
> {
  <
    R_ extends { [K in Models['meta']['modelProps'] | '$allModels']?: unknown },
    R,
    M_ extends { [K in Models['meta']['modelProps'] | '$allModels']?: unknown },
    M,
    Q_ extends {
      [
        K in
          | Models['meta']['modelProps']
          | '$allModels'
          | keyof Models['other']['operations']
          | '$allOperations'
      ]?: unknown
    },
    C_ extends { [K in string]?: unknown },
    C,
    Args extends Types.Extensions.InternalArgs = Extensions<R, M, C>,
    Merged extends Types.Extensions.InternalArgs = Types.Extensions.MergeExtArgs<Models, Old, Args>,
  >(
    extension:
      | ((client: Types.Extensions.DynamicClientExtensionThis<Models, Map, Old>) => {
          $extends: { extArgs: Args }
        })
      | {
          name?: string
          query?: Types.Extensions.DynamicQueryExtensionArgs<Q_, Models>
          result?: Types.Extensions.DynamicResultExtensionArgs<R_, Models> & R
          model?: Types.Extensions.DynamicModelExtensionArgs<M_, Models, Map, Old> & M
          client?: Types.Extensions.DynamicClientExtensionArgs<C_, Models, Map, Old> & C
        },
  ): Extended<Map, Merged> extends infer Client extends PrismaLike ? WithOutbox<Client, O> : never
}

/** `$extends` of a wrapped client. A hook that is not known (another runtime) stays what it is. */
export type ExtendsOf<Hook, O extends OutboxOptions> =
  Hook extends Types.Extensions.ExtendsHook<
    'extends',
    infer Map,
    infer Args extends Types.Extensions.InternalArgs,
    infer Models
  >
    ? Extends<Map, Args, Models, O>
    : Hook extends LibraryTypes.Extensions.ExtendsHook<
          'extends',
          infer Map,
          infer Args extends Types.Extensions.InternalArgs,
          infer Models
        >
      ? Extends<Map, Args, Models, O>
      : Hook
