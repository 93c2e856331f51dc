/**
 * Resolution, at central management: what it approved and nobody issued is freed in its own account, by issuance's signed word.
 *
 * - Credentials that expired are looked at in the order of the journal, from the last resolution's mark on; one that was used whole is
 *   passed, at the price of a place in a list.
 * - Of each other one issuance is asked to end the request: it carries it on once more, or closes it.
 * - INVARIANT: of a request at most what was approved and not issued is freed, and once; only by a record that issuance signed and can never
 *   contradict: from a closing on it signs no currency in that request.
 *
 * Why issuance's word is enough: where quota control lies, issuance does not; and where issuance lies, quota control holds the quota by itself.
 *
 * A crash leaves requests closed that are not freed yet: the next round asks again, and gets the same words. After the commit, the entry is
 * there, and the same request frees nothing more.
 */
import { toHex } from '../kit/bytes.ts';
import type { Clock } from '../kit/clock.ts';
import { assert, type Result, succeed } from '../kit/result.ts';
import { accountName } from '../quota/history.ts';
import type { KeyRing } from '../records/key-ring.ts';
import type { NewResolution, QuotaPosition } from '../store/store.ts';
import type { CentralAccount } from './central-account.ts';
import { byIssuer, type Granted, readGranted } from './granted.ts';
import { type AskLastWords, lastWordLimit, readUsed, verifyUsed } from './last-word.ts';
import type { Ledger } from './ledger.ts';

export interface ResolutionDependencies {
  readonly ledger: Ledger;
  readonly keys: KeyRing;
  readonly account: CentralAccount;
  readonly lastWords: AskLastWords;
  /** How far apart the systems' clocks may be. */
  readonly clockSkewSeconds: number;
  readonly clock: Clock;
  /** A line for the log. */
  readonly report: (line: string) => void;
}

export interface ResolutionStanding {
  /** Credentials that expired and are neither used whole nor resolved. */
  readonly open: number;
  /** Requests that were resolved since the start. */
  readonly resolved: number;
}

export interface Resolution {
  /** One round; gives how many requests were resolved. */
  run(): Promise<Result<number>>;
  readonly standing: ResolutionStanding;
}

export function makeResolution(dependencies: ResolutionDependencies): Resolution {
  const { ledger, keys, account, lastWords, clock, report } = dependencies;
  const { store } = ledger;
  /** Every credential up to this number is passed, resolved or in `open`. */
  let reached: number | undefined;
  const open = new Map<number, Granted>();
  let resolved = 0;
  let running: Promise<Result<number>> | undefined;

  async function run(): Promise<Result<number>> {
    const told = await account.ask();
    if (!told.ok) return told;
    await account.followSettlements();
    if (!(await isAnythingOpen(told.value))) return succeed(0);
    await gatherExpired();
    const before = resolved;
    const waiting = [...open.values()];
    for (let at = 0; at < waiting.length; at += lastWordLimit) {
      for (const [issuer, some] of byIssuer(waiting.slice(at, at + lastWordLimit))) {
        const done = await resolveSome(issuer, some);
        if (!done.ok) return done;
      }
    }
    return succeed(resolved - before);
  }

  /** Whether its account has more than quota control says was taken. A lie here only keeps it from freeing anything. */
  async function isAnythingOpen(told: readonly QuotaPosition[]): Promise<boolean> {
    const taken = new Map(
      told.map(({ issuer, currency, reserved, issued }) => [
        accountName(issuer, currency),
        reserved + issued,
      ]),
    );
    const own = await store.positions(clock.nowMs());
    return own.some(
      ({ issuer, currency, issued, voided }) =>
        issued - voided > (taken.get(accountName(issuer, currency)) ?? 0n),
    );
  }

  /** Adds what expired since the last round, longer ago than clocks may be apart. */
  async function gatherExpired(): Promise<void> {
    reached ??= await store.resolvedUpTo();
    const expiredBefore = clock.nowSeconds() - 2 * dependencies.clockSkewSeconds;
    for (;;) {
      const page = await readGranted(store, reached, lastWordLimit);
      for (const one of page) {
        if (one.credential.expiresAt >= expiredBefore) return;
        open.set(one.sequence, one);
        reached = one.sequence;
      }
      await passWhole(page);
      if (page.length < lastWordLimit) return;
    }
  }

  /** Most were used whole: nothing is asked for them, and nothing is written. */
  async function passWhole(page: readonly Granted[]): Promise<void> {
    for (const [issuer, some] of byIssuer(page)) {
      const words = await askFor(issuer, some, false);
      if (!words.ok) continue;
      for (const [i, { sequence, credential }] of some.entries()) {
        const word = words.value[i];
        if (word?.ok !== true || word.value === null) continue;
        if ((readUsed(word.value) ?? 0n) >= credential.total) open.delete(sequence);
      }
    }
  }

  async function resolveSome(issuer: string, some: readonly Granted[]): Promise<Result<null>> {
    const words = await askFor(issuer, some, true);
    if (!words.ok) return words;
    const found: (Omit<NewResolution, 'mark'> & { readonly sequence: number })[] = [];
    for (const [i, granted] of some.entries()) {
      const word = words.value[i];
      // On its way, or not signed yet: asked again in the next round.
      if (word === undefined || (word.ok && word.value === null)) continue;
      if (!word.ok) {
        if (word.code === 'request_unknown') giveUp(granted, `${word.code}: ${word.message}`);
        continue;
      }
      assert(word.value !== null, 'what has no word was passed');
      const used = verifyUsed(word.value, granted, { keys, seenAt: clock.nowSeconds() });
      if (!used.ok) {
        giveUp(granted, `${used.code}: ${used.message}`);
        continue;
      }
      const { total, currency } = granted.credential;
      if (used.value >= total) open.delete(granted.sequence);
      else
        found.push({
          sequence: granted.sequence,
          requestId: granted.requestId,
          issuer,
          currency: currency.code,
          used: used.value,
          word: word.value,
          createdMs: clock.nowMs(),
        });
    }
    if (found.length === 0) return succeed(null);
    for (const { sequence } of found) open.delete(sequence);
    // They are in the order of the journal.
    const [lowest = (reached ?? 0) + 1] = open.keys();
    const mark = lowest - 1;
    try {
      // A crash before this commit frees nothing; after it, each of these is resolved for ever.
      resolved += await store.resolve(found.map(({ sequence: _sequence, ...one }) => ({ ...one, mark })));
    } catch (error) {
      // They are looked at again.
      reached = undefined;
      open.clear();
      throw error;
    }
    await ledger.follow();
    return succeed(null);
  }

  async function askFor(issuer: string, some: readonly Granted[], close: boolean) {
    return lastWords(
      issuer,
      some.map(({ requestId }) => requestId),
      close,
    );
  }

  /** What was approved of it stays counted: it may have been issued. */
  function giveUp({ sequence, requestId }: Granted, why: string): void {
    open.delete(sequence);
    report(`central keeps counting what it approved in request ${toHex(requestId)}: ${why}`);
  }

  return {
    run() {
      running ??= run().finally(() => {
        running = undefined;
      });
      return running;
    },
    get standing() {
      return { open: open.size, resolved };
    },
  };
}
