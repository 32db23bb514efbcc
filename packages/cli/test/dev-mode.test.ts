import { describe, expect, it } from 'vitest'
import { chooseMode, doubts, type DevFacts } from '../src/dev/mode.js'
import { hostOf, isLoopback } from '../src/doctor/loopback.js'

const development: DevFacts = {
  database: 'localhost:5432/shop',
  isLocal: true,
  service: undefined,
  replicas: 0,
  isProduction: false,
  wasServed: false,
  waiting: 3,
  owner: undefined,
}
const owner = { id: 'relay-1', epoch: 7, expiresInMs: 12_000 }

describe('events leave', () => {
  it('a database for development', () => {
    expect(chooseMode(development, undefined)).toEqual({ mode: 'relay', reasons: [] })
  })

  it('one that another dev has open: this one stands by', () => {
    expect(chooseMode({ ...development, owner }, undefined).mode).toBe('relay')
  })
})

describe('events stay, and it is said why', () => {
  it.each<[string, Partial<DevFacts>]>([
    ['localhost:5432/shop is not on this machine', { isLocal: false }],
    ['the server is Amazon RDS', { service: 'Amazon RDS' }],
    ['a replica follows the server', { replicas: 1 }],
    ['2 replicas follow the server', { replicas: 2 }],
    ['the database is called shop_production', { database: 'localhost:5432/shop_production' }],
    ['the database is called prod', { database: 'localhost:5432/prod' }],
    ['NODE_ENV is production', { isProduction: true }],
    ['more than 1000 events wait', { waiting: 1_001 }],
    ['a relay has run on this outbox before', { wasServed: true }],
    [
      'the relay relay-1 owns the outbox and publishes its events (epoch 7, for another 12 s unless it renews)',
      { wasServed: true, owner },
    ],
  ])('%s', (reason, facts) => {
    const choice = chooseMode({ ...development, ...facts }, undefined)
    expect(choice).toEqual({ mode: 'look', reasons: [reason] })
    expect(chooseMode({ ...development, ...facts }, 'consume').mode).toBe('relay')
  })

  it('when that is wanted, there is nothing to say', () => {
    expect(chooseMode(development, 'keep')).toEqual({ mode: 'look', reasons: [] })
  })

  it('a name that only looks like it is no reason', () => {
    expect(doubts({ ...development, database: 'localhost:5432/products' })).toEqual([])
    expect(doubts({ ...development, database: 'production.example:5432/shop' })).toEqual([])
  })
})

describe('an address of this machine', () => {
  it.each([
    'localhost:5432/shop',
    'LOCALHOST:5432/shop',
    'db.localhost:5432/shop',
    '127.0.0.1:3306/shop',
    '127.1.2.3:3306/',
    '::1:5432/shop',
    '[::1]:5432/shop',
    '::ffff:127.0.0.1:5432/shop',
    '/var/run/postgresql:5432/shop',
  ])('%s', (address) => expect(isLoopback(address)).toBe(true))

  it.each([
    'db:5432/shop',
    'postgres:5432/shop',
    'db.example.com:5432/localhost',
    'localhost.example.com:5432/shop',
    '10.0.0.1:5432/shop',
    '127.0.0.1.example.com:5432/shop',
    '[fd00::1]:5432/shop',
    'host.docker.internal:5432/shop',
  ])('not %s', (address) => expect(isLoopback(address)).toBe(false))

  it('hosts are found in what the drivers say', () => {
    expect(['a.b:1/c', '[::1]:1/c', '::1:1/c', 'kafka:9092'].map(hostOf)).toEqual([
      'a.b',
      '::1',
      '::1',
      'kafka',
    ])
  })
})
