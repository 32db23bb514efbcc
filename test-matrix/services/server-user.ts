import { rmSync, statSync } from 'node:fs'
import { userInfo } from 'node:os'
import { dirname } from 'node:path'
import { run } from './run.js'
import { sharedFolder } from './server-process.js'
import type { User } from './server-process.js'

/**
 * Whom a database server runs as: this user, unless that is root, whom they refuse. `nobody` exists everywhere,
 * and initdb wants a user that has a name.
 */
export async function serverUser(): Promise<User | undefined> {
  if (userInfo().uid !== 0) return undefined
  const [uid, gid] = await Promise.all([run('id', ['-u', 'nobody']), run('id', ['-g', 'nobody'])])
  return { uid: Number(uid), gid: Number(gid) }
}

const linking = new Map<string, Promise<string>>()

/**
 * `folder`, or the same files where `user` can read them: the cache of root usually lies in a home that other
 * users may not enter. Only beside a folder of `serverFolder`.
 */
export async function readableFor(user: User | undefined, folder: string, name: string): Promise<string> {
  if (user === undefined || isOpenToAll(folder)) return folder
  const target = sharedFolder(name)
  const known = linking.get(target) ?? linkTo(folder, target)
  linking.set(target, known)
  await known
  return target
}

function isOpenToAll(folder: string): boolean {
  for (let path = folder; path !== dirname(path); path = dirname(path)) {
    if ((statSync(path).mode & 1) === 0) return false
  }
  return true
}

/** Links cost nothing, a copy hundreds of megabytes. */
function linkTo(folder: string, target: string): Promise<string> {
  return run('cp', ['-al', folder, target]).catch(() => {
    rmSync(target, { recursive: true, force: true })
    return run('cp', ['-a', folder, target])
  })
}
