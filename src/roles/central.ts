/**
 * Central management: validates the orders of a request against the rules and answers with a quota credential for those that it
 * approves, signed and then encrypted to quota control, and with a signed denial of the others.
 *
 * The decision comes out of the rules in force, in the label machine. The issuer's confidential ceiling goes into that machine, and sealed
 * into the record of the decision, and nowhere else: what is told is what the machine let out.
 */
import type { Signer } from '../../hsm/signer.ts';
import { sha256, toHex } from '../kit/bytes.ts';
import type { Clock, RandomBytes } from '../kit/clock.ts';
import { quote, type Refusal, type Result, refuse, succeed } from '../kit/result.ts';
import { isExcess, leastRemaining, refuseFrozen, refuseStopped } from '../quota/bucket.ts';
import { leftOf } from '../quota/reservation.ts';
import { least } from '../quota/sum.ts';
import { amountLimit } from '../records/claims.ts';
import { encodeCredential } from '../records/credential.ts';
import type { Decision } from '../records/decision.ts';
import { encodeDenial } from '../records/denial.ts';
import { encryptedCredentialType, encryptTo } from '../records/encryption.ts';
import { isoTime, type KeyRing } from '../records/key-ring.ts';
import { decodeRequest, type Request, sumOrders } from '../records/request.ts';
import { runsOf, select } from '../records/selection.ts';
import type { VerificationKey } from '../records/signature.ts';
import type { FeedReading } from '../rules/checker/checked.ts';
import { isApproved, type RulesInForce } from '../rules/in-force.ts';
import type { Intent, NewIntent, Reservation } from '../store/store.ts';
import type { CentralAccount } from './central-account.ts';
import { encodeDecisionContext } from './decision-context.ts';
import { finishIntent, finishLeft, sameBody } from './intent.ts';
import type { Ledger } from './ledger.ts';
import { type Circumstances, type DecidedOrders, decideOrders, recordOf } from './order-decisions.ts';
import { finishFollowed } from './settlement-following.ts';

/** What central management holds of one issuer in one currency; amounts in minor units. */
export interface IssuerLimits {
  readonly requestMaximum: bigint;
  /** Confidential: reaches the label machine only. */
  readonly ceiling: bigint;
  /** Orders decided in one window. */
  readonly frequencyCap: number;
}

export interface CentralPolicy {
  limits(issuer: string, currency: string): IssuerLimits | undefined;
  readonly frequencyWindowMs: number;
  readonly credentialLifetimeSeconds: number;
  /** How far the issuer's clock may be ahead or behind. */
  readonly clockSkewSeconds: number;
}

/** The rules of central management, whichever are in force. */
export interface CentralRules {
  /** At this moment: what is given decides all orders of a request. */
  readonly inForce: () => RulesInForce;
  /** What came from outside, by name, as it is known at this moment; rates are from the currency. */
  readonly feeds: (currency: string) => ReadonlyMap<string, FeedReading>;
  /** So that only central management reads it again. */
  readonly seal: (record: Uint8Array) => Promise<Uint8Array>;
  /** Told of each decision once it is committed; it is never waited for. */
  readonly decided: (request: Pick<Request, 'id' | 'issuer'>, decision: DecidedOrders) => void;
}

export interface CentralDependencies {
  readonly ledger: Ledger;
  readonly signer: Signer;
  readonly keys: KeyRing;
  /** Quota control's key-agreement key: credentials are encrypted to it. */
  readonly quotaKey: VerificationKey;
  readonly rules: CentralRules;
  readonly policy: CentralPolicy;
  readonly account: CentralAccount;
  /** A reservation as quota control has it at this moment; `undefined` where there is none with that id. */
  readonly quotaReservation: (id: Uint8Array) => Promise<Result<Reservation | undefined>>;
  readonly clock: Clock;
  readonly random: RandomBytes;
}

export interface Central {
  /** Decides a signed request that `peer`, an authenticated issuer, sent. The same bytes get the same answer. */
  submit(requestBytes: Uint8Array, peer: string): Promise<Result<Decision>>;
  /** Signs what a crash left between commit and signature; gives their count. */
  finishUnsigned(): Promise<number>;
}

/** How often a decision is made anew, where the account was changed while it was made. */
const triesLimit = 8;

/** What is the same for all orders of a request when its decision begins. */
interface RequestInput
  extends Pick<Circumstances, 'available' | 'dayRemaining' | 'frequencyCap' | 'requestMaximum' | 'ceiling'> {
  /** What `quota_exceeded` of the rules is told as: of a reservation it is that one's. */
  readonly excess: string;
}

export function makeCentral(dependencies: CentralDependencies): Central {
  const { ledger, signer, keys, rules, policy, account, clock, random } = dependencies;
  const { store } = ledger;

  /** Requests that are being decided: the same one, sent twice at once, is decided once. */
  const underway = new Map<string, Promise<Result<Decision>>>();
  /** The last decision of each issuer that is being made. */
  const deciding = new Map<string, Promise<unknown>>();

  async function submit(requestBytes: Uint8Array, peer: string): Promise<Result<Decision>> {
    const decoded = decodeRequest(requestBytes);
    if (!decoded.ok) return decoded;
    const request = decoded.value.record;
    if (request.issuer !== peer) {
      return refuse(
        'issuer_mismatch',
        `the request names issuer ${quote(request.issuer)}, but ${quote(peer)} sent it`,
      );
    }
    const verified = keys.verify(
      decoded.value,
      { role: 'issuance', name: request.issuer },
      { madeAt: request.issuedAt, seenAt: clock.nowSeconds() },
    );
    if (!verified.ok) return verified;
    const key = toHex(request.id);
    const before = underway.get(key);
    const answer = (before ?? Promise.resolve()).then(() => answerTo(request, sha256(requestBytes)));
    underway.set(key, answer);
    try {
      return await answer;
    } finally {
      if (underway.get(key) === answer) underway.delete(key);
    }
  }

  async function answerTo(request: Request, requestHash: Uint8Array): Promise<Result<Decision>> {
    const known = await findDecision(request.id);
    for (const intent of known) {
      const same = sameBody(intent, requestHash);
      if (!same.ok) return same;
    }
    if (known.length > 0) return succeed(await finishAll(known));
    const now = clock.nowSeconds();
    const fresh = checkTimes(request, now, policy.clockSkewSeconds);
    if (!fresh.ok) return fresh;
    for (let tries = 0; ; tries++) {
      const input = await gatherInput(request);
      if (!input.ok) return input;
      const committed = await inTurn(request.issuer, async () => {
        const decided = await decide(request, input.value);
        if (!decided.ok) return decided;
        // A crash before this commit leaves nothing; after it, the decision stands and a retry gets it.
        const intents = await intentsOf(request, requestHash, decided.value, input.value.excess, now);
        const stored = await ledger.commit(intents);
        if (stored.every((one) => one.ok && one.value.created)) rules.decided(request, decided.value);
        return succeed(stored);
      });
      if (!committed.ok) return committed;
      const refused = committed.value.find((one) => !one.ok);
      if (refused === undefined)
        return succeed(await finishAll(committed.value.flatMap((one) => (one.ok ? [one.value.intent] : []))));
      // The account was changed since the look at it, by people or by another process: look again.
      const isChanged = !refused.ok && (isExcess(refused.code) || refused.code === 'quota_frozen');
      if (!refused.ok && (!isChanged || tries === triesLimit)) return refused;
    }
  }

  /** An issuer's decisions are counted and committed one after another: of several at once each would have the cap for itself. */
  async function inTurn<T>(issuer: string, work: () => Promise<T>): Promise<T> {
    const before = deciding.get(issuer) ?? Promise.resolve();
    // Whatever became of the one before.
    const run = before.then(work, work);
    deciding.set(issuer, run);
    try {
      return await run;
    } finally {
      if (deciding.get(issuer) === run) deciding.delete(issuer);
    }
  }

  /** The decision on each order, with what those before it would take. */
  async function decide(request: Request, input: RequestInput): Promise<Result<DecidedOrders>> {
    const { issuer, currency } = request;
    // In its turn: of several at once each would have all of it.
    const own = await account.position(issuer, currency.code);
    if (own === undefined) return refuseMissing(request);
    if (own.frozen) return refuseFrozen(own);
    const nowMs = clock.nowMs();
    const inForce = rules.inForce();
    const since = (seconds: bigint): number => nowMs - Number(seconds) * 1000;
    const approved = inForce.windows.map((seconds) =>
      store.approvedSince(issuer, currency.code, since(seconds)),
    );
    return succeed(
      decideOrders(request, inForce, {
        ...input,
        now: Math.floor(nowMs / 1000),
        available: least(input.available, own.available),
        requests: BigInt(await store.countDecided(issuer, nowMs - policy.frequencyWindowMs)),
        windows: await Promise.all(approved),
        feeds: rules.feeds(currency.code),
      }),
    );
  }

  async function intentsOf(
    request: Request,
    requestHash: Uint8Array,
    decided: DecidedOrders,
    excess: string,
    now: number,
  ): Promise<NewIntent[]> {
    const { outcomes, traceHash } = decided;
    const { ruleSet } = decided.rules;
    const common = { issuer: request.issuer, issuedAt: now, requestHash, ruleSet, traceHash };
    const { keyId } = signer.publicKey;
    const intents: NewIntent[] = [];
    const context = encodeDecisionContext({
      flagged: outcomes.filter(({ verdict }) => verdict === 'FLAG').length,
      sealed: await rules.seal(recordOf(decided)),
    });
    const add = (
      kind: 'credential' | 'denial',
      decides: number,
      toBeSigned: Uint8Array,
      approved?: bigint,
    ): void => {
      const approves = { issuer: request.issuer, currency: request.currency.code, amount: approved ?? 0n };
      intents.push({
        kind,
        id: request.id,
        issuer: request.issuer,
        bodyHash: requestHash,
        createdMs: clock.nowMs(),
        // Of the two that a request may have, the first.
        context: intents.length === 0 ? context : new Uint8Array(),
        toBeSigned,
        decides,
        ...(approved === undefined ? {} : { approves }),
      });
    };
    const approved = runsOf(outcomes.length, (index) => {
      const outcome = outcomes[index];
      return outcome !== undefined && isApproved(outcome);
    });
    const orders = select(request.orders, approved) ?? [];
    if (orders.length > 0) {
      const credential = {
        ...common,
        id: random(16),
        expiresAt: now + policy.credentialLifetimeSeconds,
        currency: request.currency,
        approved,
        total: sumOrders(orders).total,
        buckets: ['day', 'total'],
      };
      add('credential', orders.length, encodeCredential(credential, keyId), credential.total);
    }
    const told = (reason: string): string => (reason === 'quota_exceeded' ? excess : reason);
    const denials = outcomes.flatMap((outcome, order) =>
      isApproved(outcome)
        ? []
        : [{ order, reasons: outcome.reasons.map(told), wouldPass: outcome.wouldPass }],
    );
    if (denials.length > 0) {
      const denial = { ...common, requestId: request.id, denials };
      add('denial', denials.length, encodeDenial(denial, keyId));
    }
    return intents;
  }

  async function gatherInput(request: Request): Promise<Result<RequestInput>> {
    const { issuer, currency } = request;
    const limits = policy.limits(issuer, currency.code);
    const positions = await account.ask();
    if (!positions.ok) return positions;
    const position = positions.value.find((one) => one.issuer === issuer && one.currency === currency.code);
    if (limits === undefined || position === undefined) return refuseMissing(request);
    // Neither is of the request, so it is answered and not recorded: the same request may come again.
    if (position.stopped) return refuseStopped();
    if (position.frozen) return refuseFrozen(position);
    const kept = await keptFor(request);
    if (!kept.ok) return kept;
    return succeed({
      ...(kept.value ?? { available: position.available, excess: 'quota_exceeded' }),
      dayRemaining: leastRemaining(position) ?? amountLimit,
      frequencyCap: limits.frequencyCap,
      requestMaximum: limits.requestMaximum,
      ceiling: limits.ceiling,
    });
  }

  /** What is left of the reservation that the request names, and why it is no more; never what is available beside it. */
  async function keptFor({
    reservation: id,
    issuer,
    currency,
  }: Request): Promise<Result<Pick<RequestInput, 'available' | 'excess'> | undefined>> {
    if (id === undefined) return succeed(undefined);
    const found = await dependencies.quotaReservation(id);
    if (!found.ok) return found;
    const kept = found.value;
    if (kept?.issuer !== issuer || kept.currency !== currency.code)
      return succeed({ available: 0n, excess: 'reservation_unknown' });
    const ended = kept.state === 'expired' || kept.state === 'released';
    return succeed({
      available: leftOf(kept),
      excess: ended ? `reservation_${kept.state}` : 'reservation_exceeded',
    });
  }

  async function findDecision(id: Uint8Array): Promise<Intent[]> {
    const found = [await store.findIntent('credential', id), await store.findIntent('denial', id)];
    return found.filter((intent) => intent !== undefined);
  }

  async function finishAll(intents: readonly Intent[]): Promise<Decision> {
    const finished = await Promise.all(intents.map(finish));
    const of = (kind: 'credential' | 'denial'): Uint8Array | null =>
      finished[intents.findIndex((intent) => intent.kind === kind)] ?? null;
    return { credential: of('credential'), denial: of('denial') };
  }

  function finish(intent: Intent): Promise<Uint8Array> {
    if (intent.kind === 'denial') return finishIntent(ledger, signer, intent);
    return finishIntent(ledger, signer, intent, (signed) =>
      encryptTo(dependencies.quotaKey, signed, encryptedCredentialType, random),
    );
  }

  return {
    submit,
    async finishUnsigned() {
      const followed = (await store.unsigned()).filter(({ settles }) => settles !== undefined);
      for (const one of followed) await finishFollowed(ledger, one);
      return followed.length + (await finishLeft(ledger, signer, finish));
    },
  };
}

function refuseMissing({ issuer, currency }: Request): Refusal<'quota_missing'> {
  return refuse(
    'quota_missing',
    `issuer ${quote(issuer)} has no quota in ${quote(currency.code)}: ask for one to be allocated, or send a request in another currency`,
    'currency',
  );
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
