import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { cached, retrying, withProgress } from './cache.js'
import { run } from './run.js'

/**
 * The folder with the jars of `dependencies` ("group:artifact:version") and of everything they need at run
 * time, resolved by Maven as the user has configured it.
 */
export async function mavenJars(name: string, dependencies: readonly string[]): Promise<string> {
  const folder = await cached(`jars/${name}`, (partial) =>
    copyJars(
      name,
      partial,
      dependencies.map((one) => dependency(one)),
    ),
  )
  return join(folder, 'jars')
}

/** Copies one jar, without what it needs at run time, into `folder` and returns its path. */
export async function mavenJar(name: string, coordinates: string, folder: string): Promise<string> {
  const alone =
    '<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>'
  await copyJars(name, folder, [dependency(coordinates, alone)])
  const [jar] = readdirSync(join(folder, 'jars'))
  if (jar === undefined) throw new Error(`Maven brought no jar of ${coordinates}`)
  return join(folder, 'jars', jar)
}

async function copyJars(name: string, folder: string, dependencies: readonly string[]): Promise<void> {
  const pom = join(folder, 'pom.xml')
  const jars = join(folder, 'jars')
  mkdirSync(jars, { recursive: true })
  writeFileSync(pom, project(dependencies))
  const goal = ['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${jars}`]
  const what = `Downloading ${name}`
  await withProgress(
    what,
    () => retrying(what, () => run('mvn', ['-B', '-q', '-f', pom, ...goal])),
    () => `${readdirSync(jars).length} jars`,
  )
}

function dependency(coordinates: string, exclusions = ''): string {
  const [group, artifact, version] = coordinates.split(':')
  return `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version>${exclusions}</dependency>`
}

function project(dependencies: readonly string[]): string {
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>outboxkit</groupId><artifactId>services</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>${dependencies.join('\n')}</dependencies>
</project>
`
}

/** Each jar by name and in order: a class data archive is only used with the very class path it was made for. */
export function classpath(jars: string): string {
  const names = readdirSync(jars).filter((file) => file.endsWith('.jar'))
  return names
    .toSorted()
    .map((file) => join(jars, file))
    .join(delimiter)
}
