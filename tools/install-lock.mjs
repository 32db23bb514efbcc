// One installation at a time, between processes. Nothing but Node: it runs before anything is installed.
import { readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const heartbeatMs = 2_000
const deadAfterMs = 30_000

/**
 * Runs `work` while no other process holds the lock `file`. The file names the processes that it stands for: this one,
 * and those that `work` notes, because npm goes on when only its parent is killed. A lock all of whose processes are
 * gone, or that has shown no sign of life for long, is taken over.
 *
 * @template T
 * @param {string} file
 * @param {(note: (pid: number) => void) => Promise<T>} work
 * @param {() => void} onWait called once, when there is somebody to wait for
 * @returns {Promise<T>}
 */
export async function withInstallLock(file, work, onWait) {
  const pids = [process.pid]
  let hasWaited = false
  while (!take(file, pids)) {
    const holder = read(file)
    if (holder !== undefined && isDead(file, holder)) dispossess(file, holder)
    else {
      if (!hasWaited) onWait()
      hasWaited = true
      await sleep(100)
    }
  }
  // A number proves nothing by itself: another process may have it by now.
  const heartbeat = setInterval(() => touch(file), heartbeatMs)
  const release = () => {
    if (read(file)?.split(' ')[0] === String(process.pid)) rmSync(file, { force: true })
  }
  process.once('exit', release)
  try {
    return await work((pid) => {
      pids.push(pid)
      replace(file, pids)
    })
  } finally {
    clearInterval(heartbeat)
    process.off('exit', release)
    release()
  }
}

function take(file, pids) {
  try {
    writeFileSync(file, pids.join(' '), { flag: 'wx' })
    return true
  } catch (error) {
    if (error.code === 'EEXIST') return false
    throw error
  }
}

function replace(file, pids) {
  const draft = `${file}.${process.pid}`
  writeFileSync(draft, pids.join(' '))
  renameSync(draft, file)
}

function read(file) {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

function isDead(file, holder) {
  // Created a moment ago and not yet written, or never to be.
  if (holder === '') return ageMs(file) > deadAfterMs
  const [owner, ...noted] = holder.split(' ').map(Number)
  if (![owner, ...noted].some(isAlive)) return true
  // Once the owner is gone nobody touches the file any more; what it has noted counts as long as it lives.
  return isAlive(owner) && ageMs(file) > deadAfterMs
}

function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

function ageMs(file) {
  try {
    return Date.now() - statSync(file).mtimeMs
  } catch {
    return 0
  }
}

/** Two may find the same lock dead: the slower one must not remove the new lock of the faster one, so it puts it back. */
function dispossess(file, holder) {
  const aside = `${file}.${process.pid}.dead`
  try {
    renameSync(file, aside)
    const found = read(aside)
    if (found !== holder) writeFileSync(file, found ?? '', { flag: 'wx' })
  } catch {
    // somebody else was quicker
  }
  rmSync(aside, { force: true })
}

function touch(file) {
  try {
    utimesSync(file, new Date(), new Date())
  } catch {
    // taken over
  }
}
