/**
 * A signer with its limits, its log and its figures around it: what a role gets.
 *
 * The order: limit → sign and verify → log → let out. A crash before the log leaves a signature that nobody has, and a limit that is used up;
 * a crash after it a line of the log whose signature nobody has. Neither lets out anything that is not in the log.
 */
import { createHash } from 'node:crypto';
import { type KeyLimitOptions, KeyLimits } from './key-limits.ts';
import { type Signer, SignerError, type SigningRequest } from './signer.ts';
import { type LoggedEntry, openSigningLog } from './signing-log.ts';
import { type SigningFigures, SigningMetrics } from './signing-metrics.ts';

export interface GuardOptions {
  /** Path of the signing log. */
  readonly log: string;
  readonly limits: KeyLimitOptions;
  readonly now: () => Date;
}

export interface GuardedSigner extends Signer {
  readonly figures: SigningFigures;
  readonly logHead: { readonly number: number; readonly hash: string };
  /** From now on throws `error` for whatever is to be signed, until the role is started anew. */
  halt(error: SignerError): void;
}

/** Opens the log, counts from it what the limits have used up, and guards `signer`. Throws `log_broken`, `log_unwritable`. */
export async function guardSigner(
  signer: Signer,
  { log: path, limits: options, now }: GuardOptions,
): Promise<GuardedSigner> {
  const byKey = new Map<string, KeyLimits>();
  const limitsOf = (key: string): KeyLimits => {
    const known = byKey.get(key);
    if (known !== undefined) return known;
    const made = new KeyLimits(options);
    byKey.set(key, made);
    return made;
  };
  const startedMs = now().getTime();
  const log = await openSigningLog(path, {
    now,
    seen(entry) {
      if (entry.outcome !== 'limit_reached' && entry.key !== '')
        limitsOf(entry.key).restore(Date.parse(entry.at), amountOf(entry), startedMs);
    },
  });
  const metrics = new SigningMetrics();
  let halted: SignerError | undefined;

  async function sign(message: Uint8Array, request: SigningRequest): Promise<Uint8Array> {
    const key = Buffer.from(request.keyId).toString('hex');
    const digest = createHash('sha256').update(message).digest('hex');
    const begunMs = performance.now();
    metrics.begin();
    let outcome = 'signed';
    let signature: Uint8Array | undefined;
    let failure: unknown;
    try {
      if (halted !== undefined) throw halted;
      limitsOf(key).admit(now().getTime(), request.amount);
      signature = await signer.sign(message, request);
    } catch (error) {
      failure = error;
      outcome = error instanceof SignerError ? error.code : 'device_error';
    }
    const ms = performance.now() - begunMs;
    const { purpose, intent, amount } = request;
    try {
      await log.append({
        key,
        purpose,
        intent,
        digest,
        outcome,
        ms: Math.round(ms * 10) / 10,
        ...(amount === undefined ? {} : { currency: amount.currency, amount: String(amount.minor) }),
      });
    } catch (error) {
      // INVARIANT: what is not in the log is not let out.
      failure ??= error;
      outcome = 'log_unwritable';
    }
    metrics.end(outcome, ms);
    if (failure !== undefined || signature === undefined) throw failure;
    return signature;
  }

  return {
    get publicKey() {
      return signer.publicKey;
    },
    sign,
    holds: (keyId) => signer.holds(keyId),
    check: () => signer.check(),
    async close() {
      await signer.close();
      await log.close();
    },
    halt(error) {
      halted ??= error;
    },
    get figures() {
      return metrics.figures;
    },
    get logHead() {
      return log.head;
    },
  };
}

function amountOf({ currency, amount }: LoggedEntry): SigningRequest['amount'] {
  return currency === undefined || amount === undefined ? undefined : { currency, minor: BigInt(amount) };
}
