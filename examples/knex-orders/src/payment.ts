import { setTimeout as sleep } from 'node:timers/promises'

export type PaymentMethod = 'card' | 'bank-transfer' | 'declined-card'

export class PaymentDeclined extends Error {}

const transferMs = Number(process.env['BANK_TRANSFER_MS'] ?? 10_000)

/** Stands for a payment provider: cards answer at once, bank transfers take their time. */
export async function charge(method: PaymentMethod): Promise<void> {
  if (method === 'declined-card') throw new PaymentDeclined('The card was declined.')
  if (method === 'bank-transfer') await sleep(transferMs)
}
