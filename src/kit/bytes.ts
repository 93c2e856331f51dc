/** Byte strings: joined, compared, hashed and written as hex. Portable: runs in a browser as in Node. */
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js';
import { assert } from './result.ts';

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/** Compares public byte strings (hashes, ids, records); not constant time, so never for secrets. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

const hexOfByte = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

export function toHex(bytes: Uint8Array): string {
  let text = '';
  // By index: an iterator takes several times as long.
  for (let i = 0; i < bytes.length; i++) text += hexOfByte[bytes[i] as number];
  return text;
}

/** Bytes as a key of a Map or Set, one for one: an even number of them, two a character. Not to be shown; of an id, a third of hex's time. */
export function mapKey(bytes: Uint8Array): string {
  assert(bytes.length % 2 === 0, 'a key is of an even number of bytes');
  let key = '';
  for (let i = 0; i < bytes.length; i += 2)
    key += String.fromCharCode(((bytes[i] as number) << 8) | (bytes[i + 1] as number));
  return key;
}

/** Whether both are null, or the same bytes. */
export function equalOrNull(a: Uint8Array | null, b: Uint8Array | null): boolean {
  return a === null || b === null ? a === b : equalBytes(a, b);
}

/** Decodes lower- or upper-case hex; `undefined` where the text is not whole bytes of hex. */
export function fromHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0) return undefined;
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) {
    const byte = (digitOf(text.charCodeAt(2 * i)) << 4) | digitOf(text.charCodeAt(2 * i + 1));
    if (byte < 0) return undefined;
    bytes[i] = byte;
  }
  return bytes;
}

/** Of a hexadecimal digit's code; -1, whose bits stay set in whatever it is joined with, of any other. */
function digitOf(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const letter = code | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

const encoder = new TextEncoder();

const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text that `utf8` would make these bytes of, to the last of them; `undefined` where there is none. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return strictDecoder.decode(bytes);
  } catch {
    // A fatal decoder throws a TypeError for bytes that are no UTF-8.
    return undefined;
  }
}

export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/**
 * SHA-256 (FIPS 180-4): 32 bytes, which nobody else holds.
 *
 * Node's where this runs in Node (Deno and Bun have the same), @noble's elsewhere. Of 65 bytes, Node 20.20.2 made 1.7 million a second and
 * @noble 0.5 million, each kept.
 */
export function sha256(bytes: Uint8Array): Uint8Array {
  const made = new Uint8Array(32);
  sha256Into(bytes, made, 0);
  return made;
}

type HashInto = (bytes: Uint8Array, into: Uint8Array, at: number, length?: number) => void;

/** Puts the first `length` bytes of the hash, all 32 where nothing is said, into others: no array of its own for each. */
export const sha256Into: HashInto = platformSha256() ?? nobleInto;

function nobleInto(bytes: Uint8Array, into: Uint8Array, at: number, length = 32): void {
  into.set(nobleSha256(bytes).subarray(0, length), at);
}

/** Node's own, without an import that a bundle for a browser could not have; `undefined` where it is not there or not right. */
function platformSha256(): HashInto | undefined {
  const hash = globalThis.process?.getBuiltinModule?.('node:crypto')?.hash;
  if (typeof hash !== 'function') return undefined;
  const put: HashInto = (bytes, into, at, length = 32) => {
    // As text of one character a byte: a Buffer of its own for each hash takes twice the time.
    const text = hash('sha256', bytes, 'binary');
    for (let i = 0; i < length; i++) into[at + i] = text.charCodeAt(i);
  };
  // A runtime that only resembles Node may take another encoding for this one, or none: its answer is held against @noble's first.
  const sample = new Uint8Array(200).map((_, index) => index);
  const made = new Uint8Array(32);
  try {
    put(sample, made, 0);
    return equalBytes(made, nobleSha256(sample)) ? put : undefined;
  } catch {
    return undefined;
  }
}
