/**
 * Following, at central management: it settles in its own account what owners have settled at quota control, so that what comes back to a
 * quota is counted by their signatures, and not by quota control's word.
 *
 * - Of each settlement it sees the owner's signature, on what the receipt says; and of a retirement issuance vouches for the units. Where quota
 *   control lies, issuance does not; where issuance lies, quota control holds the quota by itself.
 * - INVARIANT: a unit comes back once, and an amount that left an account had come to it: spent units and accounts are in its own ledger,
 *   by the rules of quota control's.
 * - What cannot be followed is passed over: quota is lost by it, in its own account, and none is made.
 *
 * A crash before the commit leaves the page to be asked for again. After it each settlement is counted, once and for ever; the receipt that is
 * kept with it is recorded by the next start.
 */
import { equalBytes, equalOrNull } from '../kit/bytes.ts';
import type { Clock } from '../kit/clock.ts';
import { type CborValue, decodeCbor, encodeCbor } from '../kit/encoding.ts';
import { assert, type Result, refuse, succeed } from '../kit/result.ts';
import { accountName } from '../quota/history.ts';
import { type Decoded, verifyRecord } from '../records/cose.ts';
import type { KeyRing } from '../records/key-ring.ts';
import { namesInstruction, type OwnerInstruction } from '../records/owner-instruction.ts';
import { formatUuid } from '../records/request-id.ts';
import { decodeRetirement } from '../records/retirement.ts';
import { decodeSettlement, type SettlementRecord } from '../records/settlement.ts';
import type { VerifySignature } from '../records/signature.ts';
import { decodeTransfer } from '../records/transfer.ts';
import { serialName } from '../records/unit.ts';
import type { Intent, NewIntent } from '../store/store.ts';
import type { Ledger } from './ledger.ts';
import type { ListSettled, SettledItem, SettledItems } from './settled-list.ts';
import type { AskVouching, ShownRetirement } from './vouching.ts';

export interface FollowingDependencies {
  readonly ledger: Ledger;
  readonly keys: KeyRing;
  readonly verifySignature: VerifySignature;
  readonly settlements: ListSettled;
  readonly vouching: AskVouching;
  readonly clock: Clock;
  /** A line for the log. */
  readonly report: (line: string) => void;
}

export interface QuotaName {
  readonly issuer: string;
  readonly currency: string;
}

export interface SettlementFollowing {
  /** Follows what was settled of the quota since, `pages` pages at most; gives whether that was all. */
  follow(quota: QuotaName, pages: number): Promise<Result<boolean>>;
}

/** A settlement that is as its owner signed it. */
interface Checked {
  readonly item: SettledItem;
  readonly receipt: Decoded<SettlementRecord>;
  /** Of a transfer: the account that it leaves. */
  readonly from: Uint8Array | null;
  /** Of a retirement: for issuance to vouch for. */
  readonly shown: ShownRetirement | undefined;
}

export function makeSettlementFollowing(dependencies: FollowingDependencies): SettlementFollowing {
  const { ledger, keys, verifySignature, clock, report } = dependencies;
  const { store } = ledger;
  const cursors = new Map<string, string | undefined>();
  /** One after another: of two at once one would find the other's settlements spent. */
  const running = new Map<string, Promise<Result<boolean>>>();

  async function follow(quota: QuotaName, pages: number): Promise<Result<boolean>> {
    const name = accountName(quota.issuer, quota.currency);
    if (!cursors.has(name)) {
      const last = await store.reads().lastSettlement(quota.issuer, quota.currency);
      const position = await store.position(quota.issuer, quota.currency, clock.nowMs());
      // By quota control's word, when the quota was taken over: what it had of before would come back twice.
      if (position === undefined || (last === undefined && position.returned > 0n)) return succeed(true);
      cursors.set(name, last === undefined ? undefined : readKept(last).after);
    }
    for (let page = 0; page < pages; page++) {
      const after = cursors.get(name);
      const listed = await dependencies.settlements({ ...quota, ...(after === undefined ? {} : { after }) });
      if (!listed.ok) {
        // It is another journal's, or a lie: from the beginning what is known is passed over.
        if (listed.code === 'cursor_invalid') cursors.set(name, undefined);
        return listed;
      }
      const { items, next, more } = listed.value;
      const done = await followPage(quota, listed.value, after);
      if (!done.ok) return done;
      cursors.set(name, next);
      if (!more) return succeed(true);
      // What comes next is being signed.
      if (items.length === 0 && next === after) break;
    }
    return succeed(false);
  }

  async function followPage(
    quota: QuotaName,
    { items, next }: SettledItems,
    after: string | undefined,
  ): Promise<Result<null>> {
    const checked = await checkItems(quota, items);
    const vouched = await vouchFor(quota.issuer, checked);
    if (!vouched.ok) return vouched;
    const position = await store.position(quota.issuer, quota.currency, clock.nowMs());
    assert(position !== undefined, 'a quota that is followed is in the account');
    const last = vouched.value.length - 1;
    const intents = vouched.value.map((one, place) =>
      // Of a page that is not whole in the ledger the rest is asked for again.
      intentOf(one, position.returns, place === last ? next : (after ?? '')),
    );
    if (intents.length === 0) return succeed(null);
    const committed = await ledger.commit(intents);
    for (const [place, one] of committed.entries()) {
      if (one.ok) await finishFollowed(ledger, one.value.intent);
      // The terms were changed meanwhile: the page is made anew.
      else if (one.code === 'quota_changed') return one;
      else passOver(vouched.value[place]?.receipt.record.id, one);
    }
    return succeed(null);
  }

  /** Those that are new and as their owners signed them. */
  async function checkItems(quota: QuotaName, items: readonly SettledItem[]): Promise<readonly Checked[]> {
    const checked: Checked[] = [];
    for (const item of items) {
      const one = checkItem(quota, item, { keys, verifySignature, seenAt: clock.nowSeconds() });
      if (!one.ok) passOver(undefined, one);
      else if ((await store.findIntent(item.kind, one.value.receipt.record.id)) === undefined)
        checked.push(one.value);
    }
    return checked;
  }

  /** Those whose units issuance vouches for, and those without units. */
  async function vouchFor(issuer: string, checked: readonly Checked[]): Promise<Result<readonly Checked[]>> {
    const shown = checked.flatMap((one) => one.shown ?? []);
    if (shown.length === 0) return succeed(checked);
    const vouched = await dependencies.vouching(issuer, shown);
    if (!vouched.ok) return vouched;
    const words = vouched.value.values();
    return succeed(
      checked.filter(({ shown: own, receipt }) => {
        const word = own === undefined ? undefined : words.next().value;
        if (word?.ok === false) passOver(receipt.record.id, word);
        return word?.ok !== false;
      }),
    );
  }

  function intentOf({ item, receipt, from }: Checked, returns: boolean, after: string): NewIntent {
    const { kind, evidence, units } = item;
    const { id, settledHash, issuer, currency, total, creditTo, returned } = receipt.record;
    return {
      kind,
      id,
      issuer,
      bodyHash: settledHash,
      createdMs: clock.nowMs(),
      context: encodeCbor([evidence, receipt.bytes, after]),
      toBeSigned: receipt.toBeSigned,
      settles: {
        issuer,
        currency: currency.code,
        amount: total,
        units,
        from,
        to: creditTo,
        // Never more than by its own terms; less where the terms were others when it was settled.
        returned: returns ? returned : 0n,
        followed: true,
      },
    };
  }

  function passOver(id: Uint8Array | undefined, { code, message }: { code: string; message: string }): void {
    const which = id === undefined ? 'a settlement' : `settlement ${formatUuid(id)}`;
    report(`central does not follow ${which} of quota control: ${code}: ${message}`);
  }

  return {
    follow(quota, pages) {
      const name = accountName(quota.issuer, quota.currency);
      const before = running.get(name);
      if (before !== undefined) return before;
      const run = follow(quota, pages).finally(() => running.delete(name));
      running.set(name, run);
      return run;
    },
  };
}

/** Records the receipt that the intent keeps, as quota control signed it; of another process's that is for that process to do. */
export async function finishFollowed(
  ledger: Ledger,
  intent: Pick<Intent, 'kind' | 'id' | 'context' | 'sequence' | 'signed' | 'own'>,
): Promise<void> {
  if (intent.signed !== null || !intent.own) return;
  await ledger.anchored(intent.sequence);
  await ledger.record({ kind: intent.kind, id: intent.id, signed: readKept(intent).receipt });
}

/** What an intent of a followed settlement keeps. */
function readKept({ context }: Pick<Intent, 'context'>): { receipt: Uint8Array; after: string | undefined } {
  const decoded = decodeCbor(context);
  assert(decoded.ok && Array.isArray(decoded.value), 'a followed settlement has its context');
  const [, receipt, after] = decoded.value as readonly CborValue[];
  assert(receipt instanceof Uint8Array && typeof after === 'string', 'it keeps the receipt and a cursor');
  return { receipt, after: after === '' ? undefined : after };
}

function checkItem(
  quota: QuotaName,
  item: SettledItem,
  { keys, verifySignature, seenAt }: { keys: KeyRing; verifySignature: VerifySignature; seenAt: number },
): Result<Checked> {
  const receipt = decodeSettlement(item.receipt);
  if (!receipt.ok) return receipt;
  const { record } = receipt.value;
  const madeAt = record.issuedAt;
  const verified = keys.verify(receipt.value, { role: 'quota', name: 'quota' }, { madeAt, seenAt });
  if (!verified.ok) return verified;
  const will = readWill(item);
  if (!will.ok) return will;
  const { decoded, shown } = will.value;
  const instruction = decoded.record;
  const owned = verifyRecord<OwnerInstruction>(decoded, instruction.ownerKey, verifySignature);
  if (!owned.ok) return owned;
  const isSame =
    record.issuer === quota.issuer &&
    record.currency.code === quota.currency &&
    instruction.issuer === quota.issuer &&
    instruction.currency.code === quota.currency &&
    equalBytes(record.id, instruction.id) &&
    namesInstruction(record.settledHash, decoded) &&
    record.total === instruction.total &&
    record.count === item.units.length &&
    equalOrNull(record.creditTo, instruction.creditTo) &&
    (shown === undefined) === (item.units.length === 0) &&
    new Set(item.units.map(serialName)).size === item.units.length;
  if (!isSame)
    return refuse('peer_fault', 'quota control told of a settlement that is another than its owner signed');
  const from = shown === undefined ? instruction.ownerKey.keyId : null;
  return succeed({ item, receipt: receipt.value, from, shown });
}

/** What the owner signed. */
function readWill({
  kind,
  evidence,
  units,
}: SettledItem): Result<{ decoded: Decoded<OwnerInstruction>; shown: ShownRetirement | undefined }> {
  if (kind === 'transfer') {
    const decoded = decodeTransfer(evidence);
    return decoded.ok ? succeed({ decoded: decoded.value, shown: undefined }) : decoded;
  }
  const kept = decodeCbor(evidence);
  const [retirement, blindings] =
    kept.ok && Array.isArray(kept.value) ? (kept.value as readonly CborValue[]) : [];
  if (!(retirement instanceof Uint8Array) || !isBlindings(blindings))
    return refuse('peer_fault', 'quota control told of a retirement without what its owner signed');
  const decoded = decodeRetirement(retirement);
  return decoded.ok ? succeed({ decoded: decoded.value, shown: { retirement, blindings, units } }) : decoded;
}

function isBlindings(value: CborValue | undefined): value is readonly Uint8Array[] {
  return Array.isArray(value) && value.every((one) => one instanceof Uint8Array && one.length === 32);
}
