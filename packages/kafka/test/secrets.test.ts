import { describe, expect, it } from 'vitest'
import { redactor } from '../src/secrets.js'

const key = '-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----\n'

describe('secrets', () => {
  it.each([
    ['a password', { sasl: { mechanism: 'plain', username: 'app', password: 'hunter2' } }, 'hunter2'],
    [
      'a secret of AWS',
      { sasl: { mechanism: 'aws', secretAccessKey: 'wJalrXUt', sessionToken: 'tok' } },
      'wJalrXUt',
    ],
    [
      'a token of AWS',
      { sasl: { mechanism: 'aws', secretAccessKey: 'wJalrXUt', sessionToken: 'session' } },
      'session',
    ],
    ['a key', { ssl: { key } }, key],
    ['a line of a key', { ssl: { key } }, 'MIIEvQIBADANBgkq'],
    ['a key as bytes', { ssl: { key: Buffer.from(key) } }, 'hkiG9w0BAQEFAASC'],
    ['one of several keys', { ssl: { key: [{ pem: key, passphrase: 'open sesame' }] } }, 'open sesame'],
    ['a passphrase', { ssl: { passphrase: 'open sesame' } }, 'open sesame'],
  ])('blanks out %s', (_, config, secret) => {
    const clean = redactor(config)(`before ${secret} after ${secret}`)
    expect(clean).not.toContain(secret)
    expect(clean).toMatch(/^before .* after .*$/s)
  })

  it('leaves everything else', () => {
    const text = 'SASL PLAIN authentication failed for app'
    expect(redactor({ sasl: { username: 'app', password: 'hunter2' }, ssl: true })(text)).toBe(text)
    expect(redactor({})(text)).toBe(text)
  })

  it('does not cut everything to pieces for a password of one letter', () => {
    expect(redactor({ sasl: { password: 'a' } })('banana')).toBe('banana')
  })

  it('blanks out a secret that contains another one', () => {
    expect(redactor({ sasl: { password: 'abc' }, ssl: { passphrase: 'abcdef' } })('abcdef abc')).toBe(
      '*** ***',
    )
  })
})
