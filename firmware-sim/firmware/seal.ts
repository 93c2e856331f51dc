/**
 * Records of the store as they lie in flash: sealed, bound to their place in the log, and not to be sealed without the guards.
 *
 * ```
 * ┌───────────┬──────────┬────────────┬─────────────┬────────────┬─────────────────┬──────────┬─────────┐
 * │ "RMS" (3) │ kind (1) │ length (4) │ version (8) │ nonce (12) │ sealed (length) │ tag (16) │ ff … ff │ to whole words
 * └───────────┴──────────┴────────────┴─────────────┴────────────┴─────────────────┴──────────┴─────────┘
 *   additional data: this, and the tag of the record before it (16 bytes 0 for a snapshot)
 * ```
 *
 * AES-256-GCM (NIST SP 800-38D). The nonce is an HMAC of header, tag before and what is sealed: two records have the same nonce only where they
 * are the same, whatever a cut did to the numbers and a glitch to the random ones.
 */
import { createCipheriv, createDecipheriv, createHmac, timingSafeEqual } from 'node:crypto';
import { equalBytes, utf8 } from '../../src/kit/bytes.ts';
import { assert } from '../../src/kit/result.ts';
import { type Cpu, GlitchError } from '../chip/cpu.ts';
import { expectedMask, type Guard, type Permit } from './guard.ts';

const headBytes = 16;
const nonceBytes = 12;
export const headerBytes = headBytes + nonceBytes;
export const tagBytes = 16;

const magic = utf8('RMS');
const kinds = { snapshot: 0x53, change: 0x43 } as const;

export type RecordKind = keyof typeof kinds;

export interface RecordHead {
  readonly kind: RecordKind;
  /** Of what is sealed. */
  readonly length: number;
  readonly version: number;
}

/** The header at this place, as whoever has no key reads it; undefined where there is none. */
export function decodeHead(bytes: Uint8Array, at: number): RecordHead | undefined {
  if (at + headerBytes > bytes.length) return undefined;
  for (const [index, byte] of magic.entries()) if (bytes[at + index] !== byte) return undefined;
  const kind = (['snapshot', 'change'] as const).find((one) => kinds[one] === bytes[at + 3]);
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, headerBytes);
  const version = view.getBigUint64(8);
  if (kind === undefined || version > BigInt(Number.MAX_SAFE_INTEGER)) return undefined;
  return { kind, length: view.getUint32(4), version: Number(version) };
}

/** Of a snapshot. */
export const firstTag: Uint8Array = new Uint8Array(tagBytes);

/** Of a record as it was sealed or read, without what fills its last word. */
export function tagOf(record: Uint8Array): Uint8Array {
  return record.subarray(record.length - tagBytes);
}

export interface Sealing {
  readonly kind: RecordKind;
  readonly version: number;
  readonly tagBefore: Uint8Array;
  readonly content: Uint8Array;
}

export class Sealer {
  private readonly cpu: Cpu;
  private readonly key: Uint8Array;
  private readonly nonceKey: Uint8Array;
  /** key ⊕ expectedMask, by the guards that it needs: what lies in RAM to seal with. */
  private readonly masked = new Map<string, Uint8Array>();

  constructor(cpu: Cpu, key: Uint8Array) {
    assert(key.length === 32, 'the sealing key has 32 bytes');
    this.cpu = cpu;
    this.key = key.slice();
    this.nonceKey = createHmac('sha256', key).update('ringmint.device.store.nonce.v1').digest();
  }

  /** Header, sealed content and tag. Opens only where `permit` passed each of `needed`. Throws GlitchError where the nonce is not what it is to be. */
  seal(what: Sealing, permit: Permit, needed: readonly Guard[]): Uint8Array {
    const { content, tagBefore } = what;
    const record = new Uint8Array(headerBytes + content.length + tagBytes);
    record.set(headOf(what));
    const nonce = this.cpu.value('store.seal.nonce', this.nonceOf(record.subarray(0, headBytes), what));
    record.set(nonce, headBytes);
    const key = this.maskedKey(needed).slice();
    const mask = this.cpu.value('store.seal.mask', permit.mask(needed));
    this.cpu.run('store.seal.unmask', () => {
      for (let at = 0; at < 32; at++) key[at] = (key[at] as number) ^ (mask[at] as number);
    });
    const cipher = createCipheriv('aes-256-gcm', key, nonce);
    cipher.setAAD(record.subarray(0, headerBytes));
    cipher.setAAD(tagBefore);
    record.set(cipher.update(content), headerBytes);
    cipher.final();
    record.set(cipher.getAuthTag(), headerBytes + content.length);
    // Two records under one nonce would show what is in both.
    const again = this.nonceOf(record.subarray(0, headBytes), what);
    if (!this.cpu.branch('store.seal.nonce.right', timingSafeEqual(nonce, again)))
      throw new GlitchError('the nonce of a record is not its own');
    return record;
  }

  /** What was sealed; undefined for what was not sealed so, with this key, behind this record. */
  open(record: Uint8Array, tagBefore: Uint8Array): Uint8Array | undefined {
    if (record.length < headerBytes + tagBytes) return undefined;
    const end = record.length - tagBytes;
    const decipher = createDecipheriv('aes-256-gcm', this.key, record.subarray(headBytes, headerBytes));
    decipher.setAAD(record.subarray(0, headerBytes));
    decipher.setAAD(tagBefore);
    decipher.setAuthTag(record.subarray(end));
    const content = decipher.update(record.subarray(headerBytes, end));
    try {
      decipher.final();
    } catch {
      // How OpenSSL says that the tag is another.
      return undefined;
    }
    return new Uint8Array(content);
  }

  /** Whether it opens, and to what was to be sealed. */
  holds(record: Uint8Array, { tagBefore, content }: Sealing): boolean {
    const opened = this.open(record, tagBefore);
    return opened !== undefined && equalBytes(opened, content);
  }

  private nonceOf(head: Uint8Array, { tagBefore, content }: Sealing): Uint8Array {
    const made = createHmac('sha256', this.nonceKey).update(head).update(tagBefore).update(content).digest();
    return new Uint8Array(made.subarray(0, nonceBytes));
  }

  private maskedKey(needed: readonly Guard[]): Uint8Array {
    const name = needed.join(' ');
    const known = this.masked.get(name);
    if (known !== undefined) return known;
    const made = expectedMask(needed);
    for (let at = 0; at < 32; at++) made[at] = (made[at] as number) ^ (this.key[at] as number);
    this.masked.set(name, made);
    return made;
  }
}

function headOf({ kind, version, content }: Sealing): Uint8Array {
  const head = new Uint8Array(headBytes);
  head.set(magic);
  head[3] = kinds[kind];
  const view = new DataView(head.buffer);
  view.setUint32(4, content.length);
  view.setBigUint64(8, BigInt(version));
  return head;
}
