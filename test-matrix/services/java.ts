import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { kafkaJars } from './kafka-files.js'
import { classpath } from './maven.js'
import { serverFolder } from './server-process.js'

export function javaCommand(): string {
  const { JAVA_HOME: home } = process.env
  return home ? join(home, 'bin', 'java') : 'java'
}

/** The class path of Kafka's server, tools and Java client. */
export async function javaClasspath(): Promise<string> {
  return classpath(await kafkaJars())
}

/**
 * Compiles and runs one Java source file against Kafka's jars and returns its standard output: for answers
 * of Kafka's own client that ours are compared with.
 */
export async function runJava(
  source: string,
  className: string,
  args: readonly string[] = [],
  stdin: string | Buffer = '',
): Promise<string> {
  const folder = serverFolder('java')
  try {
    const file = join(folder.path, `${className}.java`)
    writeFileSync(file, source)
    const flags = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-cp', await javaClasspath()]
    return await pipe(javaCommand(), [...flags, file, ...args], stdin)
  } finally {
    folder.remove()
  }
}

function pipe(command: string, args: readonly string[], stdin: string | Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] })
    const out: Buffer[] = []
    let errors = ''
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk.toString()
    })
    // A program that does not read its input closes it.
    child.stdin.on('error', () => undefined)
    child.stdin.end(stdin)
    child.once('error', reject)
    child.once('close', (code) => {
      if (code === 0) resolve(Buffer.concat(out).toString('utf8'))
      else reject(new Error(`java: exit ${code}\n${errors.slice(-3000)}`))
    })
  })
}
