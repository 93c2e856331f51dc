/**
 * Translated modules under a signature: COSE_Sign1 (sign1.ts) over the WebAssembly, with the hash of the source module under it too.
 *
 * ```
 * protected: { 1: -7, 4: kid (32), 16: 'application/vnd.ringmint.translation+cose', -65720: SHA-256 of the source module (32) }
 * unprotected: {}
 * payload: the translated module
 * ```
 * Who signs says that it is a translation of that module: the checker says so too, and is asked first.
 */
import { limits } from './isa.ts';
import {
  type Content,
  encodeSign1,
  keyRing,
  type ModuleSigner,
  type Shape,
  type Sign1Code,
  sign1,
  sign1Message,
  type TrustedKey,
  verifySign1,
} from './sign1.ts';
import type { TranslationTrust } from './translated-host.ts';

/** RFC 9596: the type of the whole object. */
export const signedTranslationType = 'application/vnd.ringmint.translation+cose';

/** Protected, of private use (RFC 9052 §11.1): SHA-256 of the module that was translated. */
export const sourceModuleHeader = -65720;

/** An instruction of 8 bytes becomes code twice, and has its part of the claims. */
export const mostTranslationBytes = 64 * limits.moduleBytes;

const wasmMagic = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

/** WebAssembly, and the SHA-256 of the module that it is a translation of. */
export interface Translation {
  readonly wasm: Uint8Array;
  readonly module: Uint8Array;
}

export type SignedTranslationCode = 'signed_translation_malformed' | Sign1Code;

export type VerifiedTranslation =
  | ({ readonly ok: true; readonly keyId: Uint8Array } & Translation)
  | { readonly ok: false; readonly code: SignedTranslationCode; readonly message: string };

const shape: Shape<'signed_translation_malformed'> = {
  type: signedTranslationType,
  noun: 'translation',
  malformed: 'signed_translation_malformed',
  mostBytes: mostTranslationBytes,
  bound: [sourceModuleHeader],
  fault(payload, unprotected) {
    if (!(unprotected instanceof Map) || unprotected.size !== 0)
      return 'an unprotected header that is not empty';
    return isWasm(payload) ? undefined : 'a payload that is no WebAssembly of version 1';
  },
};

/** Whether `bytes` begin as WebAssembly of version 1 does. */
export function isWasm(bytes: Uint8Array): boolean {
  return wasmMagic.every((byte, at) => bytes[at] === byte);
}

/** The bytes to be signed, with the key of id `keyId` (`moduleKeyId` of ringmint/vm/signed). Throws `RangeError` for what is no WebAssembly, or no hash. */
export function translationToBeSigned(translation: Translation, keyId: Uint8Array): Uint8Array<ArrayBuffer> {
  return sign1Message(shape, contentOf(translation), keyId);
}

/** Joins a translation and its signature (r ‖ s, 64 bytes, over `translationToBeSigned`). */
export function encodeSignedTranslation(
  translation: Translation,
  keyId: Uint8Array,
  signature: Uint8Array,
): Uint8Array {
  return encodeSign1(shape, contentOf(translation), keyId, signature);
}

/**
 * Signs a translation with `signer`, and checks the signature before it gives the signed translation.
 *
 * @example
 * const signed = await signTranslation({ wasm, module: moduleHash(source) }, hsm);
 * const opened = await openTranslated(signed, { trust: trustTranslations([hsm.publicKey.point]) });
 */
export async function signTranslation(translation: Translation, signer: ModuleSigner): Promise<Uint8Array> {
  return sign1(shape, contentOf(translation), signer);
}

/** Gives the translation in `bytes` where it is signed by one of `points` (65 bytes each, uncompressed); total, for any bytes. */
export function verifySignedTranslation(
  bytes: Uint8Array,
  points: readonly Uint8Array[],
): VerifiedTranslation {
  return verifyWith(bytes, keyRing(points));
}

/** What `openTranslated` takes as `trust`: with it, only translations that one of `points` signed are opened. */
export function trustTranslations(points: readonly Uint8Array[]): TranslationTrust {
  const keys = keyRing(points);
  return (signed) => verifyWith(signed, keys);
}

function verifyWith(bytes: Uint8Array, keys: readonly TrustedKey[]): VerifiedTranslation {
  if (isWasm(bytes))
    return {
      ok: false,
      code: 'signed_translation_malformed',
      message: 'not a signed translation: WebAssembly without a signature',
    };
  const verified = verifySign1(shape, bytes, keys);
  if (!verified.ok) return verified;
  const { payload, bound, keyId } = verified;
  const module = bound.get(sourceModuleHeader);
  if (module === undefined) throw new Error('invariant broken: a header that was read is not there');
  // A copy: what is decoded lies in the bytes that were given.
  return { ok: true, wasm: new Uint8Array(payload), module, keyId };
}

function contentOf({ wasm, module }: Translation): Content {
  if (!isWasm(wasm)) throw new RangeError('this is no WebAssembly of version 1');
  if (module.length !== 32)
    throw new RangeError(`a hash of ${module.length} bytes: SHA-256, 32 bytes, is accepted`);
  return { payload: wasm, bound: new Map([[sourceModuleHeader, module]]) };
}
