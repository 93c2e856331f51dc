/**
 * Retirements and accounts, at quota control: it counts what is issued, so it counts what is gone again.
 *
 * INVARIANT: a unit is spent once, for ever, and an account is debited by what it has. Units are spent, accounts debited and quota given
 * back in the transaction that stores the intent and its journal entry; the receipt is signed after it. A crash before that commit leaves
 * nothing. After it the settlement is made, and the same bytes again, or the next start, sign the stored receipt.
 *
 * A stop does not hold any of this up: it stops issuing, and this only takes money away or moves it.
 */
import type { Signer } from '../../hsm/signer.ts';
import { equalBytes } from '../kit/bytes.ts';
import type { Clock } from '../kit/clock.ts';
import { encodeCbor } from '../kit/encoding.ts';
import { quote, type Refusal, type Result, refuse, succeed } from '../kit/result.ts';
import { decodeControlBit } from '../records/control-bit.ts';
import { type Decoded, verifyRecord } from '../records/cose.ts';
import { isoTime } from '../records/key-ring.ts';
import { instructionHash, namesInstruction, type OwnerInstruction } from '../records/owner-instruction.ts';
import { formatUuid } from '../records/request-id.ts';
import { decodeRetirementFile, type RetirementFile } from '../records/retirement-file.ts';
import { encodeSettlement } from '../records/settlement.ts';
import type { VerifySignature } from '../records/signature.ts';
import { decodeTransfer } from '../records/transfer.ts';
import { serialName } from '../records/unit.ts';
import type { Balance, NewIntent, Settlement, UnitSerial } from '../store/store.ts';
import { openBundle } from '../verifier/verify.ts';
import { checkAbandoned, type IsAbandoned } from './abandoned.ts';
import { finishIntent, refuseOtherBody } from './intent.ts';
import type { Ledger } from './ledger.ts';
import { checkRetiredUnits } from './retired-units.ts';
import { type ListSettled, makeSettledList, type SettledKind } from './settled-list.ts';

export interface SettlementsDependencies {
  readonly ledger: Ledger;
  readonly signer: Signer;
  /** The trust bundle's bytes: files are verified as anybody would. */
  readonly bundle: Uint8Array;
  readonly verifySignature: VerifySignature;
  /** How far ahead of this clock an owner's may be; what is further ahead is from the future. */
  readonly clockSkewSeconds: number;
  /** Where there are several processes. */
  readonly isAbandoned?: IsAbandoned;
  readonly clock: Clock;
}

/** Who asks: an issuer, for its own currency only, or an operator. */
export type Asking = { readonly issuer: string } | 'operator';

/** Units of one batch, by their places. */
export interface UnitRange {
  readonly epoch: number;
  readonly sequence: number;
  readonly first: number;
  readonly count: number;
}

export interface UnitStanding {
  readonly issuer: string;
  readonly currency: string;
  /** Of the batch, as the journal has it: a file with another root is not of it. */
  readonly root: Uint8Array;
  /** Those of the range that are spent, in ascending order; `by` is the id of the retirement. */
  readonly spent: readonly { readonly index: number; readonly by: Uint8Array }[];
}

export interface Settlements {
  /** Retires the units of a retirement file; gives the signed settlement. */
  retire(file: Uint8Array, asking: Asking): Promise<Result<Uint8Array>>;
  /** Carries out a signed transfer; gives the signed settlement. */
  transfer(transfer: Uint8Array, asking: Asking): Promise<Result<Uint8Array>>;
  /** The signed settlement of the retirement or transfer with this id (16 bytes): of what was made before, whoever lost its receipt. */
  receipt(kind: SettledKind, id: Uint8Array, asking: Asking): Promise<Result<Uint8Array>>;
  /** Which of these units are spent. */
  units(range: UnitRange, asking: Asking): Promise<Result<UnitStanding>>;
  /** What was settled of a quota, for central management. */
  readonly list: ListSettled;
  /** What the account (32 bytes) has, as far as it concerns whoever asks. */
  account(account: Uint8Array, asking: Asking): Promise<readonly Balance[]>;
}

/** What the role has verified, ready to be committed but for what depends on the quota's terms. */
interface Accepted {
  readonly kind: SettledKind;
  readonly decoded: Decoded<OwnerInstruction>;
  /** Kept with the intent: what an auditor needs to see that the owner wanted it. */
  readonly evidence: Uint8Array;
  readonly units: readonly UnitSerial[];
}

export function makeSettlements(dependencies: SettlementsDependencies): Settlements {
  const { ledger, signer, verifySignature, clockSkewSeconds, clock } = dependencies;
  const { store } = ledger;

  /** Settles what the owner signed, once; `accept` has to find nothing wrong with it where it is new. */
  async function settle(
    kind: Accepted['kind'],
    decoded: Decoded<OwnerInstruction>,
    asking: Asking,
    accept: (now: number) => Promise<Result<Accepted>>,
  ): Promise<Result<Uint8Array>> {
    const { record } = decoded;
    const permitted = checkIssuer(record.issuer, asking);
    if (!permitted.ok) return permitted;
    const verified = verifyRecord(decoded, record.ownerKey, verifySignature);
    if (!verified.ok) return verified;
    const known = await store.findIntent(kind, record.id);
    if (known !== undefined) {
      if (!namesInstruction(known.bodyHash, decoded)) return refuseOtherBody();
      const abandoned = await checkAbandoned(ledger, known, dependencies.isAbandoned);
      return abandoned.ok ? succeed(await finishIntent(ledger, signer, known)) : abandoned;
    }
    const now = clock.nowSeconds();
    const timely = checkTimes(record, now, clockSkewSeconds);
    if (!timely.ok) return timely;
    const accepted = await accept(now);
    if (!accepted.ok) return accepted;
    for (;;) {
      const made = await intentOf(accepted.value, now);
      if (!made.ok) return made;
      const [committed] = await ledger.commit([made.value]);
      if (committed.ok) return succeed(await finishIntent(ledger, signer, committed.value.intent));
      if (committed.code === 'unit_spent') return (await refuseSpent(accepted.value)) ?? committed;
      // The terms were changed since the look at them: what is to be signed names what they say. Each change takes two people, so this ends.
      if (committed.code !== 'quota_changed') return committed;
    }
  }

  async function intentOf(accepted: Accepted, now: number): Promise<Result<NewIntent>> {
    const { kind, decoded, evidence, units } = accepted;
    const { id, issuer, currency, total, creditTo, ownerKey } = decoded.record;
    const spent = await refuseSpent(accepted);
    if (spent !== undefined) return spent;
    const position = await store.position(issuer, currency.code, clock.nowMs());
    if (position === undefined)
      return refuse(
        'quota_missing',
        `issuer ${quote(issuer)} has no quota in ${quote(currency.code)}: currency that was issued here is accepted`,
        'currency',
      );
    const returned = creditTo === null && position.returns ? total : 0n;
    const settledHash = instructionHash(decoded);
    const settles: Settlement = {
      issuer,
      currency: currency.code,
      amount: total,
      units,
      from: kind === 'transfer' ? ownerKey.keyId : null,
      to: creditTo,
      returned,
    };
    const settlement = { id, settledHash, issuer, issuedAt: now, currency, total, count: units.length };
    return succeed({
      kind,
      id,
      issuer,
      bodyHash: settledHash,
      createdMs: clock.nowMs(),
      context: evidence,
      toBeSigned: encodeSettlement({ ...settlement, creditTo, returned }, signer.publicKey.keyId),
      settles,
    });
  }

  /**
   * Names the first of the units that another one has spent; `undefined` where none has. What this very retirement spent is no hindrance:
   * it came a second time while the first was committed, and the commit gives what is there.
   */
  async function refuseSpent({ units, decoded }: Accepted): Promise<Refusal<'unit_spent'> | undefined> {
    const { id } = decoded.record;
    const spent = units.length === 0 ? [] : await store.findSpent(units);
    const place = spent.findIndex((by) => by !== undefined && !equalBytes(by, id));
    const unit = units[place];
    const by = spent[place];
    if (unit === undefined || by === undefined) return undefined;
    return refuse(
      'unit_spent',
      `units[${place}]: unit ${serialName(unit)} was spent by the retirement ${formatUuid(by)}: each unit works once; that retirement sent again, or one without this unit, is accepted`,
      `units[${place}]`,
    );
  }

  async function acceptRetirement(file: RetirementFile, now: number): Promise<Result<Accepted>> {
    const options = { at: now, verifySignature };
    const bundle = openBundle({ bundle: dependencies.bundle, ...options });
    if (!bundle.ok) return bundle;
    const units = await checkRetiredUnits(file, { ...options, bundle: bundle.value, store });
    if (!units.ok) return units;
    const { retirement, blindings } = file;
    const evidence = encodeCbor([retirement.bytes, blindings]);
    return succeed({ kind: 'retirement', decoded: retirement, evidence, units: units.value });
  }

  return {
    list: makeSettledList(dependencies),
    async retire(bytes, asking) {
      const file = decodeRetirementFile(bytes);
      if (!file.ok) return file;
      return settle('retirement', file.value.retirement, asking, (now) => acceptRetirement(file.value, now));
    },
    async transfer(bytes, asking) {
      const decoded = decodeTransfer(bytes);
      if (!decoded.ok) return decoded;
      return settle('transfer', decoded.value, asking, async () =>
        succeed({ kind: 'transfer', decoded: decoded.value, evidence: bytes, units: [] }),
      );
    },
    async receipt(kind, id, asking) {
      const known = await store.findIntent(kind, id);
      if (known === undefined)
        return refuse(
          'settlement_unknown',
          `no ${kind} with the id ${formatUuid(id)} was settled here: the id of one that was is accepted`,
          'id',
        );
      const permitted = checkIssuer(known.issuer, asking);
      if (!permitted.ok) return permitted;
      if (known.signed !== null) return succeed(known.signed);
      // Whoever only looks has nothing signed: the record itself, sent again, or the next start does.
      return refuse(
        'in_progress',
        `the ${kind} ${formatUuid(id)} is settled, and its receipt is not signed yet: ask again in a moment, or send the ${kind} again`,
        'id',
      );
    },
    async units({ epoch, sequence, first, count }, asking) {
      const known = await store.findSerial(epoch, sequence);
      const signed = known?.signed ?? undefined;
      const decoded = signed === undefined ? undefined : decodeControlBit(signed);
      if (decoded?.ok !== true)
        return refuse(
          'unit_unknown',
          `the control bit (${epoch}, ${sequence}) is not in the journal of this quota control: one for which it took quota is accepted`,
          'sequence',
        );
      const { issuer, currency, root, count: all } = decoded.value.record;
      const permitted = checkIssuer(issuer, asking);
      if (!permitted.ok) return permitted;
      if (first + count > all)
        return refuse(
          'unit_unknown',
          `units ${first} to ${first + count - 1}: the batch has ${all}, so 0 to ${all - 1} are accepted`,
          'first',
        );
      const range = Array.from({ length: count }, (_, place) => ({ epoch, sequence, index: first + place }));
      const spentBy = await store.findSpent(range);
      const spent = range.flatMap(({ index }, place) => {
        const by = spentBy[place];
        return by === undefined ? [] : [{ index, by }];
      });
      return succeed({ issuer, currency: currency.code, root, spent });
    },
    async account(account, asking) {
      const balances = await store.balances(account);
      return balances.filter(({ issuer }) => asking === 'operator' || issuer === asking.issuer);
    },
  };
}

function checkIssuer(issuer: string, asking: Asking): Result<null, 'issuer_mismatch'> {
  if (asking === 'operator' || asking.issuer === issuer) return succeed(null);
  return refuse(
    'issuer_mismatch',
    `this is currency of ${quote(issuer)}, and ${quote(asking.issuer)} asks: an issuer's own is accepted`,
    'subject',
  );
}

function checkTimes(
  { issuedAt, expiresAt }: OwnerInstruction,
  now: number,
  clockSkewSeconds: number,
): Result<null> {
  if (issuedAt > now + clockSkewSeconds)
    return refuse(
      'request_not_yet_valid',
      `issued at ${isoTime(issuedAt)}, and here it is ${isoTime(now)}: set the clock right, or send it again then`,
      'issuedAt',
    );
  if (expiresAt <= now)
    return refuse(
      'request_expired',
      `expired at ${isoTime(expiresAt)}, and here it is ${isoTime(now)}: a new one, under a new id, is accepted`,
      'expiresAt',
    );
  return succeed(null);
}

export type { Balance, UnitSerial } from '../store/store.ts';
export type { SettledKind } from './settled-list.ts';
