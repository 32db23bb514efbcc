import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { cached, retrying, withProgress } from './cache.js'
import { run } from './run.js'

/**
 * The folder with the jars of `dependencies` ("group:artifact:version") and of everything they need at run
 * time, resolved by Maven as the user has configured it.
 */
export async function mavenJars(name: string, dependencies: readonly string[]): Promise<string> {
  const folder = await cached(`jars/${name}`, async (partial) => {
    const pom = join(partial, 'pom.xml')
    const jars = join(partial, 'jars')
    mkdirSync(jars)
    writeFileSync(pom, project(dependencies))
    const goal = ['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${jars}`]
    const what = `Downloading ${name}`
    await withProgress(
      what,
      () => retrying(what, () => run('mvn', ['-B', '-q', '-f', pom, ...goal])),
      () => `${readdirSync(jars).length} jars`,
    )
  })
  return join(folder, 'jars')
}

function project(dependencies: readonly string[]): string {
  const lines = dependencies.map((dependency) => {
    const [group, artifact, version] = dependency.split(':')
    return `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`
  })
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>outboxkit</groupId><artifactId>services</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>${lines.join('\n')}</dependencies>
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
