/**
 * A role's token behind a signer process: started again when it crashes, with a bounded queue and a
 * deadline a call, and every signature verified here, outside the HSM, before anyone gets it.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { Call, CallMessage, KeyTemplate, OpenedToken, Reply, TokenAddress } from './messages.ts';
import { type KeyAgreement, type PublicKey, type Signer, SignerError } from './signer.ts';

export interface TokenOptions {
  readonly address: TokenAddress;
  /** Path of softhsm2.conf; other modules ignore it. */
  readonly configuration: string;
  readonly signingKey: string;
  readonly agreementKey?: string;
  readonly sessions?: number;
  readonly timeoutMs?: number;
  /** Calls that may wait; one more is refused as `signer_busy`. */
  readonly queueLimit?: number;
}

export interface SupervisedToken {
  readonly signer: Signer;
  readonly agreement: KeyAgreement | undefined;
  /** The signer process's id, for a test to kill. */
  readonly processId: () => number | undefined;
  /** Waits for what is in flight, then ends the process. */
  close(): Promise<void>;
}

/** What a canary signs: no Sig_structure (RFC 9052 §4.4) begins like this, so that it is worth nothing. */
const canary = Buffer.from('ringmint.canary.v1: this signature authorises nothing');

/** DER of a SubjectPublicKeyInfo (RFC 5480 §2) for P-256, up to the point. */
const p256Prefix = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex');

/** Starts a signer process and opens the token in it; throws SignerError, such as `pin_incorrect`, `module_missing` or `token_missing`. */
export async function openToken(options: TokenOptions): Promise<SupervisedToken> {
  const supervisor = new Supervisor(options);
  const opened = await supervisor.start();
  const signingKey = publicKeyOf(opened.signing);
  const verifier = createPublicKey({ key: Buffer.concat([p256Prefix, opened.signing]), format: 'der', type: 'spki' });

  async function sign(message: Uint8Array): Promise<Uint8Array> {
    const digest = createHash('sha256').update(message).digest();
    const signature = (await supervisor.call({ name: 'sign', digest })) as Uint8Array;
    if (!isRight(verifier, message, signature)) {
      supervisor.replace();
      throw new SignerError('signature_wrong', 'the token gave a signature that does not verify: it was not let out, and the signer was replaced');
    }
    return signature;
  }

  return {
    signer: {
      publicKey: signingKey,
      sign,
      async check() {
        await sign(canary);
      },
      close: () => supervisor.close(),
    },
    agreement:
      opened.agreement === undefined
        ? undefined
        : {
            publicKey: publicKeyOf(opened.agreement),
            async deriveSharedSecret(peerPoint) {
              return (await supervisor.call({ name: 'derive', peerPoint })) as Uint8Array;
            },
          },
    processId: () => supervisor.processId(),
    close: () => supervisor.close(),
  };
}

/** Makes a token and its keys in a process of their own; gives the keys' public points in order. */
export async function provisionToken(
  address: TokenAddress,
  configuration: string,
  soPinFile: string,
  keys: readonly KeyTemplate[],
): Promise<Uint8Array[]> {
  const supervisor = new Supervisor({ address, configuration, signingKey: '' });
  try {
    return (await supervisor.callOnce({ name: 'provision', token: address, soPinFile, keys })) as Uint8Array[];
  } finally {
    await supervisor.close();
  }
}

function isRight(key: KeyObject, message: Uint8Array, signature: Uint8Array): boolean {
  return signature.length === 64 && verify('sha256', message, { key, dsaEncoding: 'ieee-p1363' }, signature);
}

/** The key id is the RFC 9679 thumbprint: SHA-256 over {1: 2, -1: 1, -2: x, -3: y} in deterministic CBOR. */
function publicKeyOf(point: Uint8Array): PublicKey {
  const hash = createHash('sha256');
  hash.update(Buffer.from('a401022001215820', 'hex')).update(point.subarray(1, 33));
  hash.update(Buffer.from('225820', 'hex')).update(point.subarray(33));
  return { algorithm: 'ES256', keyId: new Uint8Array(hash.digest()), point };
}

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/** What is waited at most between two starts of a process that keeps failing. */
const longestPauseMs = 5_000;

class Supervisor {
  private readonly options: TokenOptions;
  private readonly pending = new Map<number, Pending>();
  private child: ChildProcess | undefined;
  private opening: Promise<OpenedToken> | undefined;
  private expected: OpenedToken | undefined;
  private lastId = 0;
  private failures = 0;
  private pausedUntilMs = 0;
  private closed = false;
  private drained: (() => void) | undefined;

  constructor(options: TokenOptions) {
    this.options = options;
  }

  processId(): number | undefined {
    return this.child?.pid;
  }

  async start(): Promise<OpenedToken> {
    try {
      const opened = await this.open();
      this.expected = opened;
      return opened;
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** The open token's points; starts a process where there is none, all callers waiting for the same one. */
  private open(): Promise<OpenedToken> {
    this.opening ??= this.openProcess().catch((error: unknown) => {
      this.opening = undefined;
      this.stopChild();
      this.failures++;
      this.pausedUntilMs = performance.now() + Math.min(longestPauseMs, 50 * 2 ** this.failures);
      throw error;
    });
    return this.opening;
  }

  private async openProcess(): Promise<OpenedToken> {
    const { address, signingKey, agreementKey, sessions = 4 } = this.options;
    if (performance.now() < this.pausedUntilMs) {
      throw new SignerError('signer_busy', `the signer failed ${this.failures} times in a row and pauses: send the same again in ${longestPauseMs / 1000} seconds`);
    }
    const opened = (await this.callOnce({ name: 'open', token: address, signing: signingKey, agreement: agreementKey, sessions })) as OpenedToken;
    // A token that was exchanged while we ran has other keys: what it signs is not what the key set says.
    if (this.expected !== undefined && !Buffer.from(opened.signing).equals(Buffer.from(this.expected.signing))) {
      throw new SignerError('key_missing', 'the token that came back has another signing key than the one that was there');
    }
    this.failures = 0;
    return opened;
  }

  /** One call on the open token. A call that a crash cut off is made once more: a signature that nobody saw harms nobody. */
  async call(call: Call): Promise<unknown> {
    if (this.closed) throw new SignerError('signer_closed', 'the signer is closed');
    if (this.pending.size >= (this.options.queueLimit ?? 256)) {
      throw new SignerError('signer_busy', `${this.pending.size} calls are waiting for the token: send the same again later`);
    }
    await this.open();
    try {
      return await this.callOnce(call);
    } catch (error) {
      if (!(error instanceof SignerError) || (error.code !== 'signer_crashed' && error.ckr !== 'CKR_USER_NOT_LOGGED_IN') || this.closed) throw error;
      await this.open();
      return this.callOnce(call);
    }
  }

  callOnce(call: Call): Promise<unknown> {
    const child = this.child ?? this.startChild();
    const id = ++this.lastId;
    const timeoutMs = this.options.timeoutMs ?? 10_000;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        // A call that hangs holds a native thread: only the end of the process frees it.
        this.settle(id)?.reject(new SignerError('signer_timeout', `the token did not answer within ${timeoutMs} ms; the signer was replaced`));
        this.replace();
      }, timeoutMs);
      this.pending.set(id, { resolve, reject, timer });
      child.send({ id, call } satisfies CallMessage, (error) => {
        if (error !== null) this.settle(id)?.reject(new SignerError('signer_crashed', 'the signer process ended before the call'));
      });
    });
  }

  private startChild(): ChildProcess {
    const entry = import.meta.url.endsWith('.ts') ? './signer-process.ts' : './signer-process.js';
    const child = fork(fileURLToPath(new URL(entry, import.meta.url)), [], {
      // In development the sources run as they are.
      execArgv: entry.endsWith('.ts') ? ['--import', 'tsx'] : [],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      env: signerEnvironment(this.options.configuration),
    });
    this.child = child;
    child.on('message', (reply: Reply) => {
      const pending = this.settle(reply.id);
      if (reply.ok) {
        pending?.resolve(reply.value);
        return;
      }
      const { code, message, ckr, fatal } = reply.error;
      if (fatal) this.replace();
      pending?.reject(new SignerError(code, message, ckr));
    });
    child.on('exit', () => this.forget(child));
    child.on('error', () => this.forget(child));
    return child;
  }

  /** Ends the process; the next call starts another. */
  replace(): void {
    this.stopChild();
  }

  private stopChild(): void {
    const { child } = this;
    if (child === undefined) return;
    this.forget(child);
    child.kill('SIGKILL');
  }

  private forget(child: ChildProcess): void {
    if (this.child !== child) return;
    this.child = undefined;
    this.opening = undefined;
    for (const id of [...this.pending.keys()]) {
      this.settle(id)?.reject(new SignerError('signer_crashed', 'the signer process ended during the call; nothing was let out'));
    }
  }

  private settle(id: number): Pending | undefined {
    const pending = this.pending.get(id);
    if (pending === undefined) return undefined;
    clearTimeout(pending.timer);
    this.pending.delete(id);
    if (this.pending.size === 0) this.drained?.();
    return pending;
  }

  async close(): Promise<void> {
    this.closed = true;
    if (this.pending.size > 0) await new Promise<void>((resolve) => (this.drained = resolve));
    const { child } = this;
    if (child === undefined) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.disconnect();
    const forced = setTimeout(() => child.kill('SIGKILL'), 2_000);
    await ended;
    clearTimeout(forced);
  }
}

/** No more of the environment than a module needs: what a role knows is not its signer's business. */
function signerEnvironment(configuration: string): NodeJS.ProcessEnv {
  const { PATH, LD_LIBRARY_PATH, HOME, TZ, LANG } = process.env;
  return {
    SOFTHSM2_CONF: configuration,
    ...(PATH === undefined ? {} : { PATH }),
    ...(LD_LIBRARY_PATH === undefined ? {} : { LD_LIBRARY_PATH }),
    ...(HOME === undefined ? {} : { HOME }),
    ...(TZ === undefined ? {} : { TZ }),
    ...(LANG === undefined ? {} : { LANG }),
  };
}
