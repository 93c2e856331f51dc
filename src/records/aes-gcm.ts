/**
 * AES-256-GCM (SP 800-38D), the tag of 16 bytes behind the text. Node's where this runs in Node, WebCrypto's elsewhere, as src/kit/bytes.ts has
 * SHA-256: of 500 bytes Node 20.20.2 takes 18 µs of the processor, and WebCrypto, which goes to another thread for it, 77.
 */
import { concatBytes, equalBytes, fromHex } from '../kit/bytes.ts';

export type AesGcmOperation = 'encrypt' | 'decrypt';

export interface AesGcmInput {
  readonly key: Uint8Array;
  readonly iv: Uint8Array;
  readonly additionalData: Uint8Array;
  /** The text; to be decrypted, with its tag. */
  readonly input: Uint8Array;
}

/** Rejects where the tag is not right. */
export type AesGcm = (operation: AesGcmOperation, given: AesGcmInput) => Promise<Uint8Array>;

const tagLength = 16;

let platform: AesGcm | null | undefined;

export const aesGcm: AesGcm = (operation, given) => {
  platform ??= platformAesGcm() ?? null;
  return (platform ?? aesGcmByWebCrypto)(operation, given);
};

export const aesGcmByWebCrypto: AesGcm = async (operation, { key, iv, additionalData, input }) => {
  const { subtle } = globalThis.crypto;
  const imported = await subtle.importKey('raw', owned(key), 'AES-GCM', false, [operation]);
  const parameters = { name: 'AES-GCM', iv: owned(iv), additionalData: owned(additionalData) };
  return new Uint8Array(await subtle[operation](parameters, imported, owned(input)));
};

/** A copy in a buffer of its own, which is what WebCrypto's types take. */
function owned(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}

/** Node's own; `undefined` where it is not there or not right. */
export function platformAesGcm(): AesGcm | undefined {
  const node = globalThis.process?.getBuiltinModule?.('node:crypto');
  if (typeof node?.createCipheriv !== 'function' || typeof node.createDecipheriv !== 'function')
    return undefined;
  const { createCipheriv, createDecipheriv } = node;
  const run = (operation: AesGcmOperation, { key, iv, additionalData, input }: AesGcmInput): Uint8Array => {
    const options = { authTagLength: tagLength };
    if (operation === 'encrypt') {
      const cipher = createCipheriv('aes-256-gcm', key, iv, options).setAAD(additionalData);
      return concatBytes(cipher.update(input), cipher.final(), cipher.getAuthTag());
    }
    const end = Math.max(0, input.length - tagLength);
    const decipher = createDecipheriv('aes-256-gcm', key, iv, options).setAAD(additionalData);
    // Of input that is shorter than a tag, a tag that Node does not take.
    decipher.setAuthTag(input.subarray(end));
    return concatBytes(decipher.update(input.subarray(0, end)), decipher.final());
  };
  // Test case 14 of McGrew and Viega's specification of GCM.
  const zeros = { key: new Uint8Array(32), iv: new Uint8Array(12), additionalData: new Uint8Array() };
  const text = new Uint8Array(16);
  const expected = fromHex('cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919');
  try {
    const made = run('encrypt', { ...zeros, input: text });
    const isRight = expected !== undefined && equalBytes(made, expected);
    if (!isRight || !equalBytes(run('decrypt', { ...zeros, input: made }), text)) return undefined;
  } catch {
    // A runtime that only resembles Node.
    return undefined;
  }
  return async (operation, given) => run(operation, given);
}
