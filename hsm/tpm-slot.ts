/**
 * What an anchor is in a TPM: a counter, which goes up by one with each head, and two slots, written in turn. The head is in the slot that has
 * the counter's value.
 *
 * ```
 *   counter  5   6   7         compare; write the slot that does not hold the head, with the counter's value and one; increment
 *   slot A   5   5   7
 *   slot B   4   6   6         byte  0  8  the counter's value
 *   head     A   B   A         byte  8  8  the head's sequence
 *                              byte 16 32  its hash
 *                              byte 48  8  SHA-256("ringmint.anchor.v1 NAME" ‖ bytes 0 to 47), the first 8
 * ```
 *
 * Numbers are big-endian. The check finds what was torn or mixed up, and no forgery: whoever has the authorisation can write any head.
 *
 * | counter | slots | read as |
 * |---|---|---|
 * | not there, or never incremented | not there, or never written | none: it was never made, or a crash cut that |
 * | `c` | one never written; the other never written, torn, or of `c + 1` | none: a crash cut the first advance |
 * | `c` | one of `c`; the other never written, torn, or older | the one of `c`; torn is what a crash in a write leaves |
 * | `c` | one of `c`, the other of `c + 1` | the one of `c`: a crash before the increment; nobody was told of the other |
 * | anything else | | `anchor_unreadable`: an older slot was put back, an index removed, or made anew |
 *
 * A counter that is made anew goes on above the highest value of any that was ever removed from the TPM (part 1, §37.2.4), so above every slot.
 */
import { createHash } from 'node:crypto';
import type { AnchoredHead } from './anchor.ts';
import { SignerError } from './signer.ts';

export const tpmSlotLength = 56;

const format = 'ringmint.anchor.v1';

export type SlotContent =
  | 'missing'
  | 'unwritten'
  | 'torn'
  | { readonly counter: bigint; readonly head: AnchoredHead };

export interface TpmContents {
  readonly counter: 'missing' | 'unwritten' | bigint;
  readonly slots: readonly [SlotContent, SlotContent];
}

export interface TpmPosition {
  readonly head: AnchoredHead | undefined;
  /** The slot that is to be written next: never the one that holds the head. */
  readonly spare: 0 | 1;
}

/** What says for good whose index it is and which: it stands in the index' authPolicy, which nothing else uses and nobody can change. */
export function indexStamp(name: string, part: 'counter' | 'slot-a' | 'slot-b'): Buffer {
  return createHash('sha256').update(`${format} ${name} ${part}`).digest();
}

export function encodeTpmSlot(name: string, counter: bigint, { sequence, hash }: AnchoredHead): Buffer {
  const slot = Buffer.alloc(tpmSlotLength);
  slot.writeBigUInt64BE(counter, 0);
  slot.writeBigUInt64BE(BigInt(sequence), 8);
  slot.set(hash, 16);
  slot.set(checkOf(name, slot), 48);
  return slot;
}

export function decodeTpmSlot(name: string, bytes: Uint8Array): SlotContent {
  const slot = Buffer.from(bytes);
  if (slot.length !== tpmSlotLength || !checkOf(name, slot).equals(slot.subarray(48))) return 'torn';
  const sequence = Number(slot.readBigUInt64BE(8));
  if (!Number.isSafeInteger(sequence)) return 'torn';
  return {
    counter: slot.readBigUInt64BE(0),
    head: { sequence, hash: Uint8Array.from(slot.subarray(16, 48)) },
  };
}

/** Reads the table above. Throws `anchor_unreadable`. */
export function positionOf(name: string, { counter, slots }: TpmContents): TpmPosition {
  const isBlank = (slot: SlotContent): boolean => slot === 'missing' || slot === 'unwritten';
  if (typeof counter === 'string') {
    if (!slots.every(isBlank))
      throw unreadable(
        name,
        `its counter ${counter === 'missing' ? 'is not there' : 'was made anew'}, and its slots are written`,
      );
    return { head: undefined, spare: 0 };
  }
  if (slots.includes('missing')) throw unreadable(name, 'a slot of it was removed');
  if (slots.some((slot) => typeof slot === 'object' && slot.counter > counter + 1n))
    throw unreadable(
      name,
      `its counter is at ${counter}, below what a slot has: the TPM's state was put back`,
    );
  const [a, b] = slots.map((slot) =>
    typeof slot === 'object' && slot.counter === counter ? slot.head : undefined,
  );
  if (a !== undefined && b !== undefined)
    throw unreadable(name, `both slots have the counter's value ${counter}`);
  if (a !== undefined) return { head: a, spare: 1 };
  if (b !== undefined) return { head: b, spare: 0 };
  const isFirst =
    slots.includes('unwritten') &&
    slots.every((slot) => typeof slot === 'string' || slot.counter === counter + 1n);
  if (!isFirst)
    throw unreadable(
      name,
      `neither slot has the counter's value ${counter}: an older one was put back, or somebody else uses the counter`,
    );
  // INVARIANT: the other one stays as it never was written, until the first head is there: by that this is told from a slot that is lost.
  return { head: undefined, spare: isBlank(slots[0]) && !isBlank(slots[1]) ? 1 : 0 };
}

export function unreadable(name: string, why: string): SignerError {
  return new SignerError(
    'anchor_unreadable',
    `the anchor \`${name}\` in the TPM cannot be read: ${why}; nothing is signed. Find out who wrote to the TPM. Where the anchor is gone for good: \`ringmint store propose-anchor\``,
  );
}

function checkOf(name: string, slot: Buffer): Buffer {
  return createHash('sha256')
    .update(`${format} ${name}`)
    .update(slot.subarray(0, 48))
    .digest()
    .subarray(0, 8);
}
