/**
 * Central management: validates a request against the rules and answers with a quota credential, signed
 * and then encrypted to quota control, or with a signed denial.
 *
 * The decision comes out of a program in the label machine. The issuer's confidential ceiling goes into
 * that machine and nowhere else: what is written here is what the machine let out.
 */
import type { Signer } from '../../hsm/signer.ts';
import { sha256 } from '../kit/bytes.ts';
import type { Clock, RandomBytes } from '../kit/clock.ts';
import { decodeCbor, encodeCbor } from '../kit/encoding.ts';
import { assert, quote, type Result, refuse, succeed } from '../kit/result.ts';
import { leastRemaining, refuseFrozen, refuseStopped } from '../quota/bucket.ts';
import { amountLimit } from '../records/claims.ts';
import { encodeCredential } from '../records/credential.ts';
import { encodeDenial } from '../records/denial.ts';
import { encryptedCredentialType, encryptTo } from '../records/encryption.ts';
import { isoTime, type KeyRing } from '../records/key-ring.ts';
import { decodeRequest, type Request } from '../records/request.ts';
import type { VerificationKey } from '../records/signature.ts';
import type { DecisionInput, IssuanceDecision } from '../rules/issuance-decision.ts';
import type { Intent, QuotaPosition } from '../store/store.ts';
import { finishIntent, finishLeft, sameBody } from './intent.ts';
import type { Ledger } from './ledger.ts';

export { explainReason } from '../rules/issuance-decision.ts';

/** What central management holds of one issuer in one currency; amounts in minor units. */
export interface IssuerLimits {
  readonly requestMaximum: bigint;
  /** Confidential: reaches the label machine only. */
  readonly ceiling: bigint;
  /** Requests decided in one window. */
  readonly frequencyCap: number;
}

export interface CentralPolicy {
  limits(issuer: string, currency: string): IssuerLimits | undefined;
  readonly frequencyWindowMs: number;
  readonly credentialLifetimeSeconds: number;
  /** How far the issuer's clock may be ahead or behind. */
  readonly clockSkewSeconds: number;
}

export interface CentralDependencies {
  readonly ledger: Ledger;
  readonly signer: Signer;
  readonly keys: KeyRing;
  /** Quota control's key-agreement key: credentials are encrypted to it. */
  readonly quotaKey: VerificationKey;
  readonly decision: IssuanceDecision;
  readonly policy: CentralPolicy;
  /** Quota control's numbers of this moment; `undefined` where nothing is allocated. */
  readonly quotaPosition: (issuer: string, currency: string) => Promise<Result<QuotaPosition | undefined>>;
  readonly clock: Clock;
  readonly random: RandomBytes;
}

export interface CentralAnswer {
  readonly kind: 'credential' | 'denial';
  /** A credential as COSE_Encrypt to quota control, or a denial as COSE_Sign1. */
  readonly bytes: Uint8Array;
}

export interface Central {
  /** Decides a signed request that `peer`, an authenticated issuer, sent. The same bytes get the same answer. */
  submit(requestBytes: Uint8Array, peer: string): Promise<Result<CentralAnswer>>;
  /** Signs what a crash left between commit and signature; gives their count. */
  finishUnsigned(): Promise<number>;
}

export function makeCentral(dependencies: CentralDependencies): Central {
  const { ledger, signer, keys, decision, policy, clock, random } = dependencies;
  const { store } = ledger;

  async function submit(requestBytes: Uint8Array, peer: string): Promise<Result<CentralAnswer>> {
    const decoded = decodeRequest(requestBytes);
    if (!decoded.ok) return decoded;
    const request = decoded.value.record;
    if (request.issuer !== peer) {
      return refuse(
        'issuer_mismatch',
        `the request names issuer ${quote(request.issuer)}, but ${quote(peer)} sent it`,
      );
    }
    const now = clock.nowSeconds();
    const verified = keys.verify(
      decoded.value,
      { role: 'issuance', name: request.issuer },
      { madeAt: request.issuedAt, seenAt: now },
    );
    if (!verified.ok) return verified;

    const bodyHash = sha256(requestBytes);
    const known = await store.findIntent('decision', request.id);
    if (known !== undefined) return answerKnown(known, bodyHash);
    const fresh = checkTimes(request, now, policy.clockSkewSeconds);
    if (!fresh.ok) return fresh;

    const input = await gatherInput(request);
    if (!input.ok) return input;
    const decided = decision.decide(input.value);
    if (!decided.ok) return decided;
    // A cap on frequency is about this moment, so it is answered and not recorded: the same id may come again.
    if (decided.value.reasons.includes('frequency_cap')) {
      return refuse(
        'frequency_cap',
        `${input.value.requestsInWindow} requests within ${policy.frequencyWindowMs / 1000} seconds; at most ${input.value.frequencyCap} are accepted: send the same request again later`,
      );
    }
    const { approved, reasons, wouldPass, traceHash } = decided.value;
    const common = {
      issuer: request.issuer,
      issuedAt: now,
      requestHash: bodyHash,
      ruleSet: decision.ruleSet,
      traceHash,
    };
    const keyId = signer.publicKey.keyId;
    const toBeSigned = approved
      ? encodeCredential(
          {
            ...common,
            id: random(16),
            expiresAt: now + policy.credentialLifetimeSeconds,
            currency: request.currency,
            total: request.total,
            buckets: ['day', 'total'],
          },
          keyId,
        )
      : encodeDenial({ ...common, requestId: request.id, reasons, wouldPass }, keyId);

    // A crash before this commit leaves nothing; after it, the decision stands and a retry gets it.
    const committed = await ledger.commit({
      kind: 'decision',
      id: request.id,
      issuer: request.issuer,
      bodyHash,
      createdMs: clock.nowMs(),
      context: encodeCbor([approved]),
      toBeSigned,
    });
    if (!committed.ok) return committed;
    return finish(committed.value.intent);
  }

  async function gatherInput(request: Request): Promise<Result<DecisionInput>> {
    const limits = policy.limits(request.issuer, request.currency.code);
    const position = await dependencies.quotaPosition(request.issuer, request.currency.code);
    if (!position.ok) return position;
    if (limits === undefined || position.value === undefined) {
      return refuse(
        'quota_missing',
        `issuer ${quote(request.issuer)} has no quota in ${quote(request.currency.code)}: ask for one to be allocated, or send a request in another currency`,
        'currency',
      );
    }
    // Neither is of the request, so it is answered and not recorded: the same request may come again.
    if (position.value.stopped) return refuseStopped();
    if (position.value.frozen) return refuseFrozen(position.value);
    const sinceMs = clock.nowMs() - policy.frequencyWindowMs;
    return succeed({
      amount: request.total,
      available: position.value.available,
      dayRemaining: leastRemaining(position.value) ?? amountLimit,
      requestsInWindow: BigInt(await store.countSince('decision', request.issuer, sinceMs)),
      frequencyCap: BigInt(limits.frequencyCap),
      requestMaximum: limits.requestMaximum,
      ceiling: limits.ceiling,
    });
  }

  async function answerKnown(intent: Intent, bodyHash: Uint8Array): Promise<Result<CentralAnswer>> {
    const same = sameBody(intent, bodyHash);
    return same.ok ? finish(intent) : same;
  }

  async function finish(intent: Intent): Promise<Result<CentralAnswer>> {
    const approved = decodeContext(intent.context);
    const finished = await finishIntent(ledger, signer, intent, (signed) =>
      approved
        ? encryptTo(dependencies.quotaKey, signed, encryptedCredentialType, random)
        : Promise.resolve(signed),
    );
    if (!finished.ok) return finished;
    return succeed({ kind: approved ? 'credential' : 'denial', bytes: finished.value });
  }

  return {
    submit,
    async finishUnsigned() {
      return finishLeft(ledger, signer, finish);
    },
  };
}

function checkTimes(request: Request, now: number, skew: number): Result<null> {
  if (request.issuedAt > now + skew) {
    return refuse(
      'request_not_yet_valid',
      `issued at ${isoTime(request.issuedAt)}, which is ahead of now, ${isoTime(now)}`,
      'issuedAt',
    );
  }
  if (request.expiresAt <= now) {
    return refuse(
      'request_expired',
      `expired at ${isoTime(request.expiresAt)}: send it again under a new id`,
      'expiresAt',
    );
  }
  return succeed(null);
}

function decodeContext(context: Uint8Array): boolean {
  const decoded = decodeCbor(context);
  assert(
    decoded.ok && Array.isArray(decoded.value) && typeof decoded.value[0] === 'boolean',
    'a decision has its context',
  );
  return decoded.value[0];
}
