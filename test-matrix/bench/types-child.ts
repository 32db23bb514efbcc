// What an editor asks of TypeScript's language service, for one file, with a clock.
import { readFileSync } from 'node:fs'
import ts from 'typescript'
import { childConfig, listen, say } from './child-side.js'
import { quantile } from './statistics.js'

export interface TypesConfig {
  /** The repository. */
  readonly root: string
  readonly file: string
}

export interface TypesLine {
  readonly state: 'checked'
  /** From nothing to the file's errors. */
  readonly coldMs: number
  /** Errors and the completions behind `tx.`, after a change of the file; the median of several. */
  readonly editMs: number
}

const { root, file } = childConfig<TypesConfig>()
listen(() => process.stdin.destroy())

let text = readFileSync(file, 'utf8')
let version = 1
const { config } = ts.readConfigFile(`${root}/tsconfig.base.json`, ts.sys.readFile.bind(ts.sys))
const { options } = ts.parseJsonConfigFileContent({ ...config, files: [file] }, ts.sys, root)
const host: ts.LanguageServiceHost = {
  getCompilationSettings: () => options,
  getScriptFileNames: () => [file],
  getScriptVersion: (name) => (name === file ? String(version) : '1'),
  getScriptSnapshot: (name) => {
    const found = name === file ? text : ts.sys.readFile(name)
    return found === undefined ? undefined : ts.ScriptSnapshot.fromString(found)
  },
  getCurrentDirectory: () => root,
  getDefaultLibFileName: (settings) => ts.getDefaultLibFilePath(settings),
  fileExists: ts.sys.fileExists.bind(ts.sys),
  readFile: ts.sys.readFile.bind(ts.sys),
  readDirectory: ts.sys.readDirectory.bind(ts.sys),
  directoryExists: ts.sys.directoryExists.bind(ts.sys),
  getDirectories: ts.sys.getDirectories.bind(ts.sys),
}
const service = ts.createLanguageService(host, ts.createDocumentRegistry())

function check(): void {
  const errors = service.getSemanticDiagnostics(file)
  const [first] = errors
  if (first !== undefined) throw new Error(ts.flattenDiagnosticMessageText(first.messageText, '\n'))
}

function edit(index: number): number {
  text = text.replace('/* here */', `/* here */`.padEnd(10 + index))
  text = `${text}export const added${index} = ${index}\n`
  version += 1
  const startedAt = performance.now()
  check()
  const completions = service.getCompletionsAtPosition(file, text.indexOf('/* here */'), {})
  if (!completions?.entries.some(({ name }) => name === 'model000')) throw new Error('no completions')
  return performance.now() - startedAt
}

const startedAt = performance.now()
check()
const coldMs = performance.now() - startedAt
const edits = Array.from({ length: 7 }, (_, index) => edit(index))
const line: TypesLine = { state: 'checked', coldMs, editMs: quantile(edits, 0.5) }
say(line)
