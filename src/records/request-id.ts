/** Request ids: UUIDv7 (RFC 9562 §5.7), 16 bytes; the idempotency key of an issue. */
import { concatBytes, fromHex, toHex } from '../kit/bytes.ts';
import type { Clock, RandomBytes } from '../kit/clock.ts';
import { assert } from '../kit/result.ts';

/** A new id from the clock's milliseconds and 74 random bits. */
export function makeRequestId(clock: Clock, random: RandomBytes): Uint8Array {
  const time = new Uint8Array(8);
  new DataView(time.buffer).setBigUint64(0, BigInt(clock.nowMs()) << 16n);
  const id = concatBytes(time.subarray(0, 6), random(10));
  id[6] = 0x70 | ((id[6] ?? 0) & 0x0f);
  id[8] = 0x80 | ((id[8] ?? 0) & 0x3f);
  return id;
}

export function formatUuid(id: Uint8Array): string {
  assert(id.length === 16, 'an id has 16 bytes');
  return toHex(id).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** The bytes of a UUID in its textual form (RFC 9562 §4), or `undefined`. */
export function parseUuid(text: string): Uint8Array | undefined {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)
    ? fromHex(text.replaceAll('-', ''))
    : undefined;
}
