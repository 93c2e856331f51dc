/**
 * Modules under a signature: COSE_Sign1 (sign1.ts) over the module's bytes, with its names beside it.
 *
 * ```
 * protected: { 1: -7, 4: kid (32), 16: 'application/vnd.ringmint.module+cose' }
 * unprotected: {} or { "names": bstr, as they follow a module in its file }
 * payload: the module and nothing after it
 * ```
 * The names are not signed: they may be stripped or changed, and whoever shows them shows what anybody may have written.
 */
import type { Trust } from './host.ts';
import { limits } from './isa.ts';
import { moduleLength, stripNames } from './module.ts';
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

export { type ModuleSigner, signingKeyId as moduleKeyId } from './sign1.ts';

/** RFC 9596: the type of the whole object. */
export const signedModuleType = 'application/vnd.ringmint.module+cose';

const namesLabel = 'names';

export type SignedModuleCode = 'signed_module_malformed' | Sign1Code;

export type VerifiedModule =
  | {
      readonly ok: true;
      /** The module and the names that came with it, as `Machine.load` takes them. */
      readonly file: Uint8Array;
      readonly keyId: Uint8Array;
    }
  | { readonly ok: false; readonly code: SignedModuleCode; readonly message: string };

const shape: Shape<'signed_module_malformed'> = {
  type: signedModuleType,
  noun: 'module',
  malformed: 'signed_module_malformed',
  // A module, and names and header that leave room for every one there can be.
  mostBytes: 4 * limits.moduleBytes,
  bound: [],
  fault(payload, unprotected) {
    if (readUnprotected(unprotected) === undefined)
      return 'an unprotected header with more than `names` as byte string';
    // What follows a module is taken for its names: of a shorter one than its header says, they would become code.
    return moduleLength(payload) === payload.length ? undefined : 'a payload that is not one whole module';
  },
};

/** The bytes to be signed for a module file, with the key of id `keyId`. Throws `RangeError` for a file that is no whole module. */
export function moduleToBeSigned(file: Uint8Array, keyId: Uint8Array): Uint8Array<ArrayBuffer> {
  return sign1Message(shape, contentOf(file), keyId);
}

/** Joins a module file and its signature (r ‖ s, 64 bytes, over `moduleToBeSigned`). Names in the file go with it unsigned. */
export function encodeSignedModule(file: Uint8Array, keyId: Uint8Array, signature: Uint8Array): Uint8Array {
  return encodeSign1(shape, contentOf(file), keyId, signature);
}

/**
 * Signs a module file with `signer`, and checks the signature before it gives the signed module.
 *
 * @example
 * const signed = await signModule(assembled.bytes, hsm);
 * const machine = await startMachine(wasm, { trust: trustKeys([hsm.publicKey.point]) });
 * machine.load(signed);
 */
export async function signModule(file: Uint8Array, signer: ModuleSigner): Promise<Uint8Array> {
  return sign1(shape, contentOf(file), signer);
}

/** Gives the module file of `bytes` where it is signed by one of `points` (65 bytes each, uncompressed); total, for any bytes. */
export function verifySignedModule(bytes: Uint8Array, points: readonly Uint8Array[]): VerifiedModule {
  return verifyWith(bytes, keyRing(points));
}

/** What `startMachine` takes as `trust`: with it, only modules that one of `points` signed are loaded. */
export function trustKeys(points: readonly Uint8Array[]): Trust {
  const keys = keyRing(points);
  return (signed) => verifyWith(signed, keys);
}

function verifyWith(bytes: Uint8Array, keys: readonly TrustedKey[]): VerifiedModule {
  if (moduleLength(bytes) !== undefined)
    return {
      ok: false,
      code: 'signed_module_malformed',
      message: 'not a signed module: a module without a signature',
    };
  const verified = verifySign1(shape, bytes, keys);
  if (!verified.ok) return verified;
  const { payload, unprotected, keyId } = verified;
  const names = readUnprotected(unprotected) ?? new Uint8Array();
  const file = new Uint8Array(payload.length + names.length);
  file.set(payload);
  file.set(names, payload.length);
  return { ok: true, file, keyId };
}

/** The names, empty where there are none; `undefined` where the header is not as it should be. */
function readUnprotected(value: unknown): Uint8Array | undefined {
  if (!(value instanceof Map)) return undefined;
  if (value.size === 0) return new Uint8Array();
  const names: unknown = value.get(namesLabel);
  return value.size === 1 && names instanceof Uint8Array ? names : undefined;
}

function contentOf(file: Uint8Array): Content {
  const payload = stripNames(file);
  const length = moduleLength(file);
  if (length === undefined)
    throw new RangeError('this is no module file: it does not begin with a header of 64 bytes and `RMVM`');
  if (length !== payload.length)
    throw new RangeError(
      `the module is cut off: ${payload.length} bytes of the ${length} that its header says`,
    );
  const names = file.subarray(payload.length);
  return { payload, unprotected: new Map(names.length === 0 ? [] : [[namesLabel, names]]) };
}
