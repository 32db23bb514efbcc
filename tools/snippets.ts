import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { renderTables } from './tables.js'

export const root: string = fileURLToPath(new URL('..', import.meta.url))

// <!-- from: path#region --> followed by a fenced block: the block is that region of that file.
const marked = /<!-- from: (\S+?)(?:#(\S+))? -->\n+```(\w*)\n([\s\S]*?)```/g
const codeBlock = /(<!-- from: \S+ -->\n+)?```(ts|js|typescript|javascript)\n/g

/** Every Markdown page of ours. */
export function pages(): string[] {
  const packages = readdirSync(join(root, 'packages')).map((name) => join('packages', name, 'README.md'))
  const examples = readdirSync(join(root, 'examples')).map((name) => join('examples', name, 'README.md'))
  const docs = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md') && !name.includes('node_modules'))
    .map((name) => join('docs', name))
  return ['README.md', 'CONTRIBUTING.md', ...packages, ...examples, ...docs].filter((page) =>
    existsSync(join(root, page)),
  )
}

/** The page with every marked block as its file has it today, and every marked table. Throws for a file or region that is not there. */
export function render(markdown: string): string {
  return renderTables(markdown).replace(
    marked,
    (_, file: string, region: string | undefined, language: string) => {
      const name = region === undefined ? file : `${file}#${region}`
      return `<!-- from: ${name} -->\n\n\`\`\`${language}\n${snippet(file, region)}\n\`\`\``
    },
  )
}

/** Code blocks that come from no file. */
export function unmarkedBlocks(markdown: string): string[] {
  return [...markdown.matchAll(codeBlock)]
    .filter((match) => match[1] === undefined)
    .map((match) => markdown.slice(match.index, match.index + 80))
}

/** Links to files and headings of ours that lead nowhere. */
export function brokenLinks(page: string, markdown: string): string[] {
  const prose = markdown.replace(/```[\s\S]*?```/g, '')
  return [...prose.matchAll(/\]\((?!https?:|mailto:)([^)\s]+)\)/g)].flatMap(([, target = '']) => {
    const [path = '', anchor] = target.split('#')
    const file = path === '' ? join(root, page) : resolve(root, dirname(page), path)
    if (!existsSync(file)) return [target]
    if (anchor === undefined || !file.endsWith('.md')) return []
    return anchorsOf(readFileSync(file, 'utf8')).includes(anchor) ? [] : [target]
  })
}

function anchorsOf(markdown: string): string[] {
  return [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(/\s/g, '-'),
  )
}

function snippet(file: string, region: string | undefined): string {
  const text = readFileSync(join(root, file), 'utf8')
  if (region === undefined) return text.trim()
  const lines = text.split('\n')
  const start = lines.findIndex((line) => new RegExp(`// #region ${region}\\s*$`).test(line))
  const end = lines.findIndex((line, index) => index > start && /\/\/ #endregion/.test(line))
  if (start < 0 || end < 0) throw new Error(`${relative(root, join(root, file))} has no region ${region}`)
  const body = lines.slice(start + 1, end)
  const indent = Math.min(...body.filter((line) => line.trim() !== '').map((line) => line.search(/\S/)))
  return body
    .map((line) => line.slice(indent))
    .join('\n')
    .trim()
}
