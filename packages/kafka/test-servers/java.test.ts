import { describe, expect, it } from 'vitest'
import { runJava } from '../../../test-matrix/services/kafka.js'
import { errorTable, murmur2, partitionOf } from '../src/index.js'

const oracle = `
import java.io.*;
import java.util.*;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.utils.Utils;

public class Oracle {
  public static void main(String[] args) throws IOException {
    if (args[0].equals("errors")) {
      for (Errors each : Errors.values()) System.out.println(each.code() + " " + each.name());
      return;
    }
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
    StringBuilder out = new StringBuilder();
    for (String line; (line = in.readLine()) != null; ) {
      int hash = Utils.murmur2(Base64.getDecoder().decode(line));
      out.append(hash).append(' ').append(Utils.toPositive(hash) % 7).append('\\n');
    }
    System.out.print(out);
  }
}
`

/** Always the same numbers, so that a failure can be repeated. */
function* numbers(seed: number): Generator<number> {
  for (let state = seed; ;) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    yield state
  }
}

function keys(count: number): Buffer[] {
  const random = numbers(42)
  const next = (below: number): number => (random.next().value as number) % below
  return Array.from({ length: count }, (_, index) => {
    if (index % 3 === 0) return Buffer.from(`order-${next(1_000_000)}`)
    if (index % 3 === 1) return Buffer.from('ключé漢😀'.slice(next(5)) + next(100))
    return Buffer.from(Array.from({ length: next(70) }, () => next(65_536) >>> 8))
  })
}

describe("Kafka's own Java client", () => {
  it('hashes 10,000 keys and chooses their partitions as we do', async () => {
    const list = keys(10_000)
    const answer = await runJava(
      oracle,
      'Oracle',
      ['keys'],
      list.map((key) => `${key.toString('base64')}\n`).join(''),
    )
    expect(answer.trim().split('\n')).toEqual(list.map((key) => `${murmur2(key)} ${partitionOf(key, 7)}`))
    expect(new Set(list.map((key) => partitionOf(key, 7))).size).toBe(7)
  })

  it('has the same error codes and names as our table', async () => {
    const answer = await runJava(oracle, 'Oracle', ['errors'])
    expect(answer.trim().split('\n')).toEqual(errorTable.map(([code, name]) => `${code} ${name}`))
  })
})
