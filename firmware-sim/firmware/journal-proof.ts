/**
 * What an anchored key signs: what a journal says whose head is anchored, and what authorises nothing.
 *
 * ```
 * entry n  [ n, kind, subject, created (ms), content ]                H(n) = SHA-256(H(n-1) ‖ entry n)
 * content  [ issuer, body hash (32), context, to be signed, serial, orders, decides, spends, take, … ]       of an intent: 9 to 12
 * ```
 * It is the documented format of a journal (docs/FORMATS.md), read by a reader of its own.
 */
import { createHash } from 'node:crypto';
import { concatBytes, equalBytes, utf8 } from '../../src/kit/bytes.ts';
import { type CborValue, decodeCbor } from '../../src/kit/encoding.ts';
import { type Result, refuse, succeed } from '../../src/kit/result.ts';
import { sourceModuleHeader } from '../../vm/signed-translation.ts';
import type { Commands, DeviceErrorCode, Head } from '../protocol.ts';
import { isSame, showHead } from './anchors.ts';
import { checkHead, checkName } from './argument.ts';
import { confirm } from './decision.ts';
import type { Device } from './device.ts';
import { expectedMask, Permit } from './guard.ts';
import { applyMask } from './mask.ts';
import type { ConnectionSession } from './session.ts';

/** Entries of which the fourth item of the content is signed. */
const intentKinds: ReadonlySet<unknown> = new Set([
  'request',
  'credential',
  'denial',
  'control-bit',
  'currency',
  'retirement',
  'transfer',
  'reservation',
  'release',
  'closing',
]);

/** The newest so many may be signed. */
const admittedLimit = 65_536;

/** How far a session has come in one journal, on the way to the anchored head. */
export interface JournalWalk {
  readonly head: Head;
  /** SHA-256 of what its entries would have signed. */
  readonly digests: readonly Uint8Array[];
}

/** Messages that a proof has admitted, until power-off. */
export class AdmittedMessages {
  private readonly digests = new Set<string>();

  /** A permit that has not passed `anchored` makes other digests, which no message has. */
  admit(digests: readonly Uint8Array[], permit: Permit): void {
    const mask = permit.mask(['anchored']);
    for (const digest of digests) {
      const name = nameOf(applyMask(digest, mask));
      // The newest last, so that it stays longest.
      this.digests.delete(name);
      this.digests.add(name);
    }
    for (const oldest of this.digests) {
      if (this.digests.size <= admittedLimit) break;
      this.digests.delete(oldest);
    }
  }

  has(message: Uint8Array): boolean {
    return this.digests.has(nameOf(applyMask(digestOf(message), rightMask)));
  }

  clear(): void {
    this.digests.clear();
  }
}

const rightMask = expectedMask(['anchored']);

function nameOf(digest: Uint8Array): string {
  return Buffer.from(digest).toString('base64');
}

function digestOf(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest();
}

export function prove(
  device: Device,
  session: ConnectionSession,
  permit: Permit,
  { name, from, entries }: Commands['prove']['arguments'],
): Result<Commands['prove']['result'], DeviceErrorCode> {
  const fault = checkName(name) ?? checkHead('from', from);
  if (fault !== undefined) return fault;
  const { anchors } = device.memory;
  const anchored = anchors.get(name);
  if (anchored === undefined)
    return refuse('not_anchored', `no journal is anchored as \`${name}\`: \`advance\` begins with one`);
  if (from.sequence > anchored.sequence)
    return broken(`entry ${from.sequence}, from which it starts, is above ${showHead(anchored)}`);
  const before = session.walks.get(name);
  const goesOn = before !== undefined && isSame(before.head, from);
  const walked = walkEntries(goesOn ? before : { head: from, digests: [] }, anchored, entries);
  if (!walked.ok) return walked;
  const { head, digests } = walked.value;
  const proven = new Permit(device.core.chip.cpu, permit);
  const isThere = () => {
    const anchor = anchors.get(name);
    return anchor !== undefined && isSame(anchor, head);
  };
  if (!proven.pass('anchored', [isThere, isThere, isThere])) {
    if (head.sequence === anchored.sequence)
      return broken(`the entries lead to ${showHead(head)}, where ${showHead(anchored)} is anchored`);
    session.walks.set(name, walked.value);
    return succeed({ reached: head.sequence, admitted: 0 });
  }
  // Whoever got here without the guard admits nothing; that it is not told otherwise either takes one look more.
  confirm(device.core.chip.cpu, 'prove.there', isThere, 1);
  device.admitted.admit(digests, proven);
  session.walks.delete(name);
  return succeed({ reached: head.sequence, admitted: digests.length });
}

/** Where the entries lead to, at most to the number that is anchored. */
function walkEntries(
  walk: JournalWalk,
  anchored: Head,
  entries: readonly Uint8Array[],
): Result<JournalWalk, DeviceErrorCode> {
  let { sequence, hash } = walk.head;
  const digests = [...walk.digests];
  for (const [index, entry] of entries.entries()) {
    if (sequence === anchored.sequence) break;
    const read = readEntry(entry);
    if (read === undefined)
      return broken(
        `\`entries[${index}]\` is no [number, kind, subject, time, content] in deterministic CBOR`,
      );
    if (read.sequence !== sequence + 1)
      return broken(`\`entries[${index}]\` is entry ${read.sequence}, where ${sequence + 1} follows`);
    sequence = read.sequence;
    hash = digestOf(concatBytes(hash, entry));
    if (read.toBeSigned !== undefined) digests.push(digestOf(read.toBeSigned));
  }
  return succeed({
    head: { sequence, hash: Uint8Array.from(hash) },
    digests: digests.slice(-admittedLimit),
  });
}

interface ReadEntry {
  readonly sequence: number;
  /** Of an intent; undefined where there is nothing to be signed, or the content is of a form that this reader does not know. */
  readonly toBeSigned: Uint8Array | undefined;
}

function readEntry(bytes: Uint8Array): ReadEntry | undefined {
  const [sequence, kind, , created, content, ...more] = readArray(bytes);
  if (typeof sequence !== 'number' || typeof kind !== 'string' || typeof created !== 'number')
    return undefined;
  if (!(content instanceof Uint8Array) || more.length > 0) return undefined;
  return { sequence, toBeSigned: intentKinds.has(kind) ? readIntent(content) : undefined };
}

function readIntent(content: Uint8Array): Uint8Array | undefined {
  const items = readArray(content);
  const [issuer, bodyHash, context, toBeSigned, , , decides] = items;
  return items.length >= 9 &&
    items.length <= 12 &&
    typeof issuer === 'string' &&
    bodyHash instanceof Uint8Array &&
    bodyHash.length === 32 &&
    context instanceof Uint8Array &&
    toBeSigned instanceof Uint8Array &&
    toBeSigned.length > 0 &&
    typeof decides === 'number'
    ? toBeSigned
    : undefined;
}

/** The items of an array; none where it is something else. */
function readArray(bytes: Uint8Array): readonly CborValue[] {
  const decoded = decodeCbor(bytes);
  return decoded.ok && Array.isArray(decoded.value) ? decoded.value : [];
}

function broken(what: string): Result<never, 'chain_broken'> {
  return refuse('chain_broken', `${what}: entries that lead to the anchored head are accepted`);
}

/** What canaries and proofs of possession begin with: a letter, where a Sig_structure begins with the head of an array. */
const worthless = utf8('ringmint.');

/**
 * Whether the message authorises nothing, or is of a type that the key signs without a proof: a Sig_structure (RFC 9052 §4.4) whose protected
 * header has algorithm, key id and such a type, of a translation the hash of its source module too, and nothing else. Total, for any bytes.
 */
export function isFree(message: Uint8Array, free: readonly string[]): boolean {
  if (equalBytes(message.subarray(0, worthless.length), worthless)) return true;
  const [context, header, external, payload, ...more] = readArray(message);
  if (context !== 'Signature1' || !(header instanceof Uint8Array) || !(payload instanceof Uint8Array))
    return false;
  if (!(external instanceof Uint8Array) || external.length > 0 || more.length > 0) return false;
  const decoded = decodeCbor(header);
  if (!decoded.ok || !(decoded.value instanceof Map)) return false;
  const source = decoded.value.get(sourceModuleHeader);
  if (source !== undefined && !(source instanceof Uint8Array && source.length === 32)) return false;
  if (decoded.value.size !== (source === undefined ? 3 : 4)) return false;
  const keyId = decoded.value.get(4);
  const type = decoded.value.get(16);
  return (
    typeof decoded.value.get(1) === 'number' &&
    keyId instanceof Uint8Array &&
    keyId.length === 32 &&
    typeof type === 'string' &&
    free.includes(type)
  );
}
