/**
 * A role's token behind a signer process: every signature is verified here, outside the HSM, before anyone
 * gets it, and a process that lied or crashed is replaced.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { KeyTemplate, OpenedToken, TokenAddress } from './messages.ts';
import { importPoint, isRight, publicKeyOf } from './public-key.ts';
import { type KeyAgreement, type Signer, SignerError } from './signer.ts';
import { SignerChild } from './signer-child.ts';
import { Supervisor, startTimeoutMs } from './supervisor.ts';

export interface TokenOptions {
  readonly address: TokenAddress;
  /** Path of softhsm2.conf; other modules ignore it. */
  readonly configuration: string;
  readonly signingKey: string;
  readonly agreementKey?: string;
  /** Key ids (RFC 9679 thumbprints, 32 bytes) that the keys must have; `key_missing` where the token holds others. */
  readonly expectedKeyId?: Uint8Array;
  readonly expectedAgreementKeyId?: Uint8Array;
  /** Sessions of the process, each with one operation in flight; 4 unless given. */
  readonly sessions?: number;
  /** What a call may take, waiting included; 10,000 unless given. */
  readonly timeoutMs?: number;
  /** Calls that may wait, 256 unless given; one more is refused as `signer_busy`. */
  readonly queueLimit?: number;
}

export interface SupervisedToken {
  readonly signer: Signer;
  readonly agreement: KeyAgreement | undefined;
  /** The signer process's id, for operators to watch and tests to kill. */
  readonly processId: () => number | undefined;
  /** Waits for what is in flight, then ends the process; the same as `signer.close()`. */
  close(): Promise<void>;
}

/**
 * What a canary signs: this, then 32 random bytes. A Sig_structure (RFC 9052 §4.4) is a CBOR array, so it
 * begins with 0x84; this begins with 0x72, a text string. A canary's signature is therefore worth nothing.
 */
const canaryPrefix = Buffer.from('ringmint.canary.v1: this signature authorises nothing\0');

/**
 * Starts a signer process, opens the token in it, and proves with a canary that it signs with the key that it
 * shows. Throws SignerError, such as `pin_incorrect`, `module_missing`, `token_missing` or `key_missing`.
 *
 * @example
 * const token = await openToken({ address, configuration, signingKey: 'signing' });
 * const signature = await token.signer.sign(message);
 * await token.close();
 */
export async function openToken(options: TokenOptions): Promise<SupervisedToken> {
  const {
    address,
    configuration,
    signingKey,
    agreementKey,
    sessions = 4,
    timeoutMs = 10_000,
    queueLimit = 256,
  } = options;
  let first: OpenedToken | undefined;
  const supervisor = new Supervisor({
    configuration,
    open: { name: 'open', token: address, signing: signingKey, agreement: agreementKey, sessions },
    timeoutMs,
    queueLimit,
    check(opened) {
      assertExpected(opened.signing, first?.signing, options.expectedKeyId, signingKey);
      if (opened.agreement !== undefined) {
        assertExpected(
          opened.agreement,
          first?.agreement,
          options.expectedAgreementKeyId,
          agreementKey ?? '',
        );
      }
      first ??= opened;
    },
  });
  const opened = await supervisor.start();
  const verifier = importPoint(opened.signing);

  async function sign(message: Uint8Array): Promise<Uint8Array> {
    // Ours: the caller may reuse its array, and what is verified has to be what was hashed.
    const signed = Uint8Array.from(message);
    const digest = new Uint8Array(createHash('sha256').update(signed).digest());
    const signature = (await supervisor.call({ name: 'sign', digest })) as Uint8Array;
    // INVARIANT: no signature leaves this function that was not verified by other code than made it.
    if (!(await isRight(verifier, signed, signature))) {
      supervisor.replace();
      throw new SignerError(
        'signature_wrong',
        'the token gave a signature that does not verify: it was not let out, and the signer was replaced',
      );
    }
    return signature;
  }

  const signer: Signer = {
    publicKey: publicKeyOf(opened.signing),
    sign,
    async check() {
      await sign(Buffer.concat([canaryPrefix, randomBytes(32)]));
    },
    close: () => supervisor.close(),
  };
  try {
    await signer.check();
  } catch (error) {
    await supervisor.close();
    throw error;
  }
  return {
    signer,
    agreement: opened.agreement === undefined ? undefined : agreementOf(supervisor, opened.agreement),
    processId: () => supervisor.processId,
    close: () => supervisor.close(),
  };
}

function agreementOf(supervisor: Supervisor, point: Uint8Array): KeyAgreement {
  return {
    publicKey: publicKeyOf(point),
    async deriveSharedSecret(peerPoint) {
      // Here and not only in the module: the point comes from outside, and SoftHSM answers a bad one with
      // CKR_GENERAL_ERROR, which costs the process: anyone could stop the signer with it.
      importPoint(peerPoint);
      const call = { name: 'derive', peerPoint: Uint8Array.from(peerPoint) } as const;
      return (await supervisor.call(call)) as Uint8Array;
    },
  };
}

/** A token that was exchanged while we ran has other keys: what it signs is not what the key set says. */
function assertExpected(
  point: Uint8Array,
  first: Uint8Array | undefined,
  keyId: Uint8Array | undefined,
  label: string,
): void {
  const isOther =
    (first !== undefined && !Buffer.from(first).equals(point)) ||
    (keyId !== undefined && !Buffer.from(keyId).equals(publicKeyOf(point).keyId));
  if (isOther) {
    throw new SignerError(
      'key_missing',
      `the key labelled \`${label}\` is another one than expected: was the token exchanged or made anew?`,
    );
  }
}

/** Makes a token and its keys in a process of their own; gives the keys' public points in order. */
export async function provisionToken(
  address: TokenAddress,
  configuration: string,
  soPinFile: string,
  keys: readonly KeyTemplate[],
): Promise<Uint8Array[]> {
  const child = new SignerChild(configuration, 1);
  try {
    const call = { name: 'provision', token: address, soPinFile, keys } as const;
    return (await child.call(call, performance.now() + startTimeoutMs)) as Uint8Array[];
  } finally {
    await child.end();
  }
}
