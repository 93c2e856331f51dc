/**
 * What an anchor is on a token: two data objects, its slots, written in turn. The head is in the one with the higher number.
 *
 * ```
 * CKA_CLASS        CKO_DATA        CKA_TOKEN, CKA_PRIVATE, CKA_MODIFIABLE   true
 * CKA_APPLICATION  ringmint
 * CKA_VALUE        ringmint.anchor.v1 NAME                                          says whose slot it is, for good
 * CKA_LABEL        ringmint.anchor.v1 NAME SEQUENCE(16) HASH(64) CHECK(16)          the head; digits are hexadecimal, small
 * ```
 *
 * CHECK is the first 8 bytes of SHA-256 over all that is before the blank in front of it. It finds what was torn or mixed up, and no
 * forgery: whoever has the token's PIN can write any head.
 *
 * The head is in the label, and not in the value, since the label is the one attribute of an object that PKCS#11 lets anybody change (v3.1
 * §4.4); SoftHSM 2.6.1 answers CKR_ATTRIBUTE_READ_ONLY to any other of a data object. A new object for each head, and the old one destroyed,
 * took 5 times as long there with the wait for the disk, and left 1.4 KB in the process that are never given back.
 */
import { createHash } from 'node:crypto';
import { type AnchoredHead, isSameHead } from './anchor.ts';
import { SignerError } from './signer.ts';

export const slotApplication = 'ringmint';
const format = 'ringmint.anchor.v1';

/** CKA_VALUE of both slots of an anchor. */
export function slotValue(name: string): Buffer {
  return Buffer.from(`${format} ${name}`);
}

/** CKA_LABEL: for one name always as long. */
export function encodeSlot(name: string, { sequence, hash }: AnchoredHead): Buffer {
  const text = `${format} ${name} ${sequence.toString(16).padStart(16, '0')} ${Buffer.from(hash).toString('hex')}`;
  return Buffer.from(`${text} ${checkOf(text)}`);
}

/** The head in a slot's CKA_LABEL; undefined where it is not whole, or of another anchor. */
export function decodeSlot(name: string, label: Uint8Array): AnchoredHead | undefined {
  const text = Buffer.from(label).toString('latin1');
  const at = text.lastIndexOf(' ');
  const [, ofName, sequence, hash] =
    /^ringmint\.anchor\.v1 ([a-z][a-z0-9-]{0,31}) ([0-9a-f]{16}) ([0-9a-f]{64}) [0-9a-f]{16}$/.exec(text) ??
    [];
  if (ofName !== name || sequence === undefined || hash === undefined) return undefined;
  if (checkOf(text.slice(0, at)) !== text.slice(at + 1)) return undefined;
  const number = Number.parseInt(sequence, 16);
  return Number.isSafeInteger(number)
    ? { sequence: number, hash: new Uint8Array(Buffer.from(hash, 'hex')) }
    : undefined;
}

/**
 * The head that all slots of an anchor hold together, of which `undefined` are those that are not whole: the highest; undefined where there
 * is no slot. One that is not whole was being written, and the other one has what was there before. Throws `anchor_unreadable` where
 * none is whole, or two say different things of one number.
 */
export function headOfSlots(
  name: string,
  slots: readonly (AnchoredHead | undefined)[],
): AnchoredHead | undefined {
  let highest: AnchoredHead | undefined;
  for (const head of slots) {
    if (head !== undefined && (highest === undefined || head.sequence > highest.sequence)) highest = head;
  }
  if (highest === undefined && slots.length > 0)
    throw unreadable(name, slots.length === 1 ? 'its slot holds no head' : 'none of its slots holds a head');
  const twin = slots.find((head) => head?.sequence === highest?.sequence && !isSameHead(head, highest));
  if (twin !== undefined) throw unreadable(name, `its slots have two hashes of entry ${twin.sequence}`);
  return highest;
}

function unreadable(name: string, why: string): SignerError {
  return new SignerError(
    'anchor_unreadable',
    `the anchor \`${name}\` on the token cannot be read: ${why}; nothing is signed. Find out who wrote to the token, and bring back its newest copy`,
  );
}

function checkOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
