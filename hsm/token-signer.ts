/**
 * A role's token behind its signer processes: every signature is verified here, outside the HSM, before anyone
 * gets it, and a process that lied or crashed is replaced.
 */
import { createHash, randomBytes } from 'node:crypto';
import { algorithmOf } from './algorithm.ts';
import { makeTokenAnchor, type TokenAnchor } from './anchor.ts';
import { type AttributeReading, assertKeyFit } from './attribute-reading.ts';
import type { Call, KeyTemplate, OpenedToken, TokenAddress } from './messages.ts';
import { formatPinSource, type PinSource } from './pin-source.ts';
import type { TokenDescription } from './pkcs11-uri.ts';
import { type PoolHealth, ProcessPool } from './process-pool.ts';
import { importPoint, verifierOf } from './public-key.ts';
import {
  type AgreementKey,
  type KeyAgreement,
  type PublicKey,
  type Signer,
  SignerError,
  type SigningRequest,
} from './signer.ts';
import { SignerChild, type Surroundings } from './signer-child.ts';

export interface TokenOptions {
  readonly address: TokenAddress;
  /** Variables that the module wants, such as SOFTHSM2_CONF. */
  readonly environment: Readonly<Record<string, string>>;
  /** See `Surroundings`. */
  readonly launcher?: string;
  readonly signingKey: string;
  readonly agreementKey?: string;
  /** Key ids (RFC 9679 thumbprints, 32 bytes) that the keys must have; `key_missing` where the token holds others. */
  readonly expectedKeyId?: Uint8Array;
  readonly expectedAgreementKeyId?: Uint8Array;
  /** Signer processes; 1 unless given. */
  readonly processes?: number;
  /** Sessions of a process, each with one operation in flight; 4 unless given. */
  readonly sessions?: number;
  /** What a call may take, waiting included; 10,000 unless given. */
  readonly timeoutMs?: number;
  /** What starting a process, loading its module, logging in and a first signature may take; 15,000 unless given. */
  readonly startTimeoutMs?: number;
  /** Calls that may wait or run, 256 unless given; one more is refused as `signer_busy`. */
  readonly queueLimit?: number;
  /** Asks on the terminal for the PIN of this token; called once, and only where the PIN's source is `prompt`. */
  readonly askPin?: () => string;
}

/** The signer of one token: it signs with its one key, whatever that is for. */
export interface TokenSigner extends Signer {
  /** `entry` is for a key that signs only what is anchored; a token has none of these. */
  sign(message: Uint8Array, request?: Pick<SigningRequest, 'entry'>): Promise<Uint8Array>;
  readonly agreement: KeyAgreement | undefined;
  readonly health: PoolHealth;
  /** Of the token, as it was when it was opened. */
  readonly description: TokenDescription | undefined;
  /** Labels of other tokens that its process could reach when it was opened. */
  readonly others: readonly string[];
  /** Ids of all keys that its process saw then. */
  readonly keyIds: readonly Uint8Array[];
  /** The attributes of its keys, with what they have to be. */
  readAttributes(): Promise<readonly AttributeReading[]>;
  /** Throws `key_unfit` where an attribute of its keys is not what an issuing key has to have. */
  audit(): Promise<void>;
  /** The head of the journal `name` on this token; the same one each time. Only the system that serves advances it. */
  anchor(name: string): TokenAnchor;
  /** The signer processes' ids, for operators to watch and tests to kill. */
  readonly processIds: readonly number[];
}

/** On a busy machine starting Node takes longer than a signature by far. */
const startTimeoutMs = 15_000;

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
 * const token = await openToken({ address, environment, signingKey: 'signing' });
 * const signature = await token.sign(message);
 * await token.close();
 */
export async function openToken(options: TokenOptions): Promise<TokenSigner> {
  const { address, signingKey, agreementKey, timeoutMs = 10_000, queueLimit = 256 } = options;
  const { sessions = 4, processes = 1 } = options;
  const pool = new ProcessPool({
    surroundings: surroundingsOf(address, options),
    open: { name: 'open', token: address, signing: signingKey, agreement: agreementKey, sessions },
    processes,
    timeoutMs,
    startTimeoutMs: options.startTimeoutMs ?? startTimeoutMs,
    queueLimit,
    async prove(opened, first, call) {
      assertExpected(opened.signing, first?.signing, options.expectedKeyId, signingKey);
      if (opened.agreement !== undefined) {
        assertExpected(
          opened.agreement,
          first?.agreement,
          options.expectedAgreementKeyId,
          agreementKey ?? '',
        );
      }
      const canary = makeCanary();
      const signature = (await call(signCall(opened, canary))) as Uint8Array;
      if (!(await verifierOf(opened.signing)(canary, signature))) throw wrongSignature();
    },
  });
  const opened = await pool.start();
  const verify = verifierOf(opened.signing);
  async function sign(message: Uint8Array): Promise<Uint8Array> {
    // Ours: the caller may reuse its array, and what is verified has to be what was signed.
    const signed = Uint8Array.from(message);
    return pool.call(signCall(opened, signed), async (value) => {
      const signature = value as Uint8Array;
      // INVARIANT: no signature leaves this function that was not verified by other code than made it.
      if (!(await verify(signed, signature))) throw wrongSignature();
      return signature;
    });
  }

  const readAttributes = (): Promise<readonly AttributeReading[]> =>
    pool.call({ name: 'audit' }, async (value) => value as AttributeReading[]);

  const anchors = new Map<string, TokenAnchor>();

  return {
    publicKey: opened.signing,
    readAttributes,
    description: opened.description,
    sign,
    holds: (keyId) =>
      opened.signing.keyId.length === keyId.length && Buffer.from(keyId).equals(opened.signing.keyId),
    async check() {
      await sign(makeCanary());
    },
    async audit() {
      assertKeyFit(await readAttributes());
    },
    anchor(name) {
      const known =
        anchors.get(name) ?? makeTokenAnchor(name, (call) => pool.call(call, async (value) => value));
      anchors.set(name, known);
      return known;
    },
    close: () => pool.close(),
    others: opened.others,
    keyIds: opened.keyIds,
    agreement: opened.agreement === undefined ? undefined : agreementOf(pool, opened.agreement),
    get health() {
      return pool.health;
    },
    get processIds() {
      return pool.processIds;
    },
  };
}

/** A new message to be signed for proof: its signature authorises nothing. */
export function makeCanary(): Uint8Array {
  return Buffer.concat([canaryPrefix, randomBytes(32)]);
}

function signCall({ signing, takes }: OpenedToken, message: Uint8Array): Call {
  const { hash } = algorithmOf(signing.algorithm);
  const input =
    takes === 'message' || hash === undefined
      ? message
      : new Uint8Array(createHash(hash).update(message).digest());
  return { name: 'sign', input };
}

function wrongSignature(): SignerError {
  return new SignerError(
    'signature_wrong',
    'the token gave a signature that does not verify: it was not let out, and the signer was replaced',
  );
}

function agreementOf(pool: ProcessPool, publicKey: AgreementKey): KeyAgreement {
  return {
    publicKey,
    async deriveSharedSecret(peerPoint) {
      // Here and not only in the module: the point comes from outside, and SoftHSM answers a bad one with
      // CKR_GENERAL_ERROR, which costs the process: anyone could stop the signer with it.
      if (peerPoint.length !== 65)
        throw new SignerError('point_invalid', `a point of ${peerPoint.length} bytes: 65 are accepted`);
      importPoint(peerPoint);
      const call = { name: 'derive', peerPoint: Uint8Array.from(peerPoint) } as const;
      return pool.call(call, async (value) => value as Uint8Array);
    },
  };
}

/** A token that was exchanged while we ran has other keys: what it signs is not what the key set says. */
function assertExpected(
  key: PublicKey,
  first: PublicKey | undefined,
  keyId: Uint8Array | undefined,
  label: string,
): void {
  const expected = keyId ?? first?.keyId;
  if (expected !== undefined && !Buffer.from(expected).equals(key.keyId)) {
    throw new SignerError(
      'key_missing',
      `the key labelled \`${label}\` is another one than expected: was the token exchanged or made anew?`,
    );
  }
}

/** What a process needs to read its PIN, besides what its module wants. */
function surroundingsOf(
  { pin }: TokenAddress,
  { environment, launcher, askPin }: Pick<TokenOptions, 'environment' | 'launcher' | 'askPin'>,
): Surroundings {
  const started = launcher === undefined ? {} : { launcher };
  if (pin.kind === 'prompt') {
    if (askPin === undefined)
      throw new SignerError(
        'pin_missing',
        'the PIN is to be asked for, but there is no terminal: name another source, such as file:PATH',
      );
    return { ...started, environment, typedPin: askPin() };
  }
  const name =
    pin.kind === 'env' ? pin.name : pin.kind === 'credential' ? 'CREDENTIALS_DIRECTORY' : undefined;
  const value = name === undefined ? undefined : process.env[name];
  return {
    ...started,
    environment: name === undefined || value === undefined ? environment : { ...environment, [name]: value },
  };
}

export interface ProvisionRequest {
  readonly address: TokenAddress;
  readonly environment: Readonly<Record<string, string>>;
  readonly soPin: PinSource;
  readonly keys: readonly KeyTemplate[];
}

/** Makes one more key in a token, in a process of its own; gives the public key. Throws SignerError, such as `key_ambiguous`. */
export async function generateKey({
  address,
  environment,
  key,
  askPin,
}: {
  readonly address: TokenAddress;
  readonly environment: Readonly<Record<string, string>>;
  readonly key: KeyTemplate;
  readonly askPin?: () => string;
}): Promise<PublicKey> {
  const surroundings = surroundingsOf(address, { environment, ...(askPin === undefined ? {} : { askPin }) });
  return (await callOnce(surroundings, { name: 'generate', token: address, key })) as PublicKey;
}

/** Makes a token and its keys in a process of their own; gives the public keys in order. */
export async function provisionToken(request: ProvisionRequest): Promise<PublicKey[]> {
  const { address, environment, soPin, keys } = request;
  if (soPin.kind !== 'file' || address.pin.kind !== 'file')
    throw new SignerError(
      'pin_missing',
      `a token is made with PINs from files, and not from ${formatPinSource(soPin)}: file:PATH is accepted`,
    );
  return (await callOnce({ environment }, { name: 'provision', token: address, soPin, keys })) as PublicKey[];
}

/** Makes one call in a process of its own, which ends with it. */
async function callOnce(surroundings: Surroundings, call: Call): Promise<unknown> {
  const child = new SignerChild(surroundings, 1);
  try {
    return await child.call(call, performance.now() + startTimeoutMs);
  } finally {
    await child.end();
  }
}
