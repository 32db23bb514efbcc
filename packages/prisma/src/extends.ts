import type { OutboxOptions } from '@outboxkit/core'
import type { Types } from '@prisma/client/runtime/client'
// On Prisma 6 the same declarations stand in two files, and which one a generated client uses depends on its
// engine. This module is an alias of the other file there, and of the first one on Prisma 7.
import type { Types as LibraryTypes } from '@prisma/client/runtime/wasm-compiler-edge'
import type { PrismaLike, WithOutbox } from './types.js'

type Extensions = Types.Extensions.InternalArgs

/** What Prisma's `$extends` knows about its client. `never` where Prisma's types are not those above. */
type HookOf<C extends PrismaLike> =
  C['$extends'] extends Types.Extensions.ExtendsHook<'extends', infer Map, infer Args, infer Models>
    ? { map: Map; args: Args; models: Models }
    : C['$extends'] extends LibraryTypes.Extensions.ExtendsHook<
          'extends',
          infer Map,
          infer Args,
          infer Models
        >
      ? { map: Map; args: Args; models: Models }
      : never

type MapOf<C extends PrismaLike> =
  HookOf<C> extends { map: infer Map extends Types.Extensions.TypeMapCbDef } ? Map : never
type ArgsOf<C extends PrismaLike> = HookOf<C> extends { args: infer Args extends Extensions } ? Args : never
type ModelsOf<C extends PrismaLike> =
  HookOf<C> extends { models: infer Models extends Types.Extensions.TypeMapDef } ? Models : never

/** The names that a part of an extension can have. */
type Names<C extends PrismaLike, More extends PropertyKey = never> = {
  [K in ModelsOf<C>['meta']['modelProps'] | '$allModels' | More]?: unknown
}

type Extended<C extends PrismaLike, Merged extends Extensions> =
  Types.Extensions.DynamicClientExtensionThis<
    Types.Utils.Call<MapOf<C>, { extArgs: Merged }>,
    MapOf<C>,
    Merged
  > extends infer Client extends PrismaLike
    ? Client
    : never

/** Takes nothing where Prisma's types are not known, so that the next overload is tried. */
type IfKnown<C extends PrismaLike, Extension> = [HookOf<C>] extends [never] ? never : Extension

/**
 * `$extends` of a wrapped client: the result has the outbox as well. The type of a generic method's result cannot
 * be had by inference, so this is Prisma's own signature with another result. All work is in the signatures,
 * because they are looked at only when `$extends` is called: nobody else pays for it.
 *
 * The generator `prisma-client-js` copies Prisma's types into its output folder, where they cannot be recognised:
 * there only `db.$extends((client) => client.$extends({ … }))` has the outbox in its type, and an object gives
 * Prisma's own type. At run time both have it.
 */
export interface Extends<C extends PrismaLike, O extends OutboxOptions> {
  <
    R_ extends Names<C>,
    R,
    M_ extends Names<C>,
    M,
    Q_ extends Names<C, keyof ModelsOf<C>['other']['operations'] | '$allOperations'>,
    C_ extends { [K in string]?: unknown },
    Own,
    Args extends Extensions = Types.Extensions.InternalArgs<R, M, {}, Own>,
    Merged extends Extensions = Types.Extensions.MergeExtArgs<ModelsOf<C>, ArgsOf<C>, Args>,
  >(
    extension: IfKnown<
      C,
      | ((client: Types.Extensions.DynamicClientExtensionThis<ModelsOf<C>, MapOf<C>, ArgsOf<C>>) => {
          $extends: { extArgs: Args }
        })
      | {
          name?: string
          query?: Types.Extensions.DynamicQueryExtensionArgs<Q_, ModelsOf<C>>
          result?: Types.Extensions.DynamicResultExtensionArgs<R_, ModelsOf<C>> & R
          model?: Types.Extensions.DynamicModelExtensionArgs<M_, ModelsOf<C>, MapOf<C>, ArgsOf<C>> & M
          client?: Types.Extensions.DynamicClientExtensionArgs<C_, ModelsOf<C>, MapOf<C>, ArgsOf<C>> & Own
        }
    >,
  ): WithOutbox<Extended<C, Merged>, O>
  <Next extends PrismaLike>(extension: (client: C) => Next): WithOutbox<Next, O>
}
