/** The audit of reservations: honest ones are clean, and what quota control or issuance forges of them is found. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FindingCode } from '../../src/audit/finding.ts';
import type { CborValue } from '../../src/kit/encoding.ts';
import { attachSignature } from '../../src/records/cose.ts';
import { encodeDraft } from '../../src/records/draft.ts';
import { makeRequestId } from '../../src/records/request-id.ts';
import { decodeReservationReceipt, encodeReservationReceipt } from '../../src/records/reservation.ts';
import { openTokens, type Tokens } from '../roles/authorities.ts';
import { replaced } from './corruption.ts';
import {
  auditBytes,
  editArray,
  editContent,
  field,
  type Ledger,
  type Ledgers,
  placesOf,
  putTogether,
  rechain,
  takeApart,
} from './ledgers.ts';
import { extractsOf, Run, roles, type World } from './world.ts';

const euro = { code: 'EUR', exponent: 2 };
const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));

let tokens: Tokens;
let world: Pick<World, 'bundles' | 'extracts'>;

/** One that is used up, one that is released by its issuer, one by an operator, one that expires, and one that stays open. */
async function runReservations(): Promise<typeof world> {
  const run = await Run.begin(tokens);
  const { authorities } = run;
  const { clock, issuance, issuerReservations } = authorities;
  const keep = async (total: bigint, seconds = 3_600): Promise<Uint8Array> => {
    const id = makeRequestId(clock, random);
    const kept = await issuerReservations.reserve({ id, currency: euro, total, seconds });
    if (!kept.ok) throw new Error(kept.message);
    return id;
  };
  const issue = async (value: bigint, reservation?: Uint8Array): Promise<void> => {
    const issued = await issuance.issue(
      encodeDraft({
        id: makeRequestId(clock, random),
        currency: euro,
        total: value,
        lots: [{ value, count: 1, owner: { commitment: new Uint8Array(32).fill(7) } }],
        purpose: '',
        origin: 'DE',
        destination: 'DE',
        ...(reservation === undefined ? {} : { reservation }),
      }),
    );
    if (!issued.ok) throw new Error(issued.message);
  };
  const used = await keep(10_000n);
  await issue(4_000n, used);
  await issue(6_000n, used);
  const released = await keep(20_000n);
  await issue(1_000n, released);
  await issuerReservations.release(released);
  await authorities.reservations.releaseAs('operator operator', await keep(5_000n));
  await keep(7_000n, 60);
  const open = await keep(30_000n);
  await issue(2_000n, open);
  clock.advanceMs(120_000);
  // Denied: recorded as any other.
  await issue(5_000n, released);
  await issue(3_000n);
  const extracts = await extractsOf(authorities);
  await authorities.close();
  return { bundles: run.bundles, extracts };
}

beforeAll(async () => {
  tokens = await openTokens();
  world = await runReservations();
});
afterAll(() => tokens.close());

const auditOf = async (ledgers: Ledgers): Promise<readonly FindingCode[]> => {
  const extracts = await Promise.all(roles.map((role) => putTogether(ledgers[role])));
  const { findings } = auditBytes(world, extracts, { atRest: true });
  return findings.list.map(({ code }) => code);
};
const ledgersOf = (): Ledgers =>
  Object.fromEntries(roles.map((role) => [role, takeApart(world.extracts[role])])) as Ledgers;

/** Where the n-th entry of the kind is. */
const nth = (ledger: Ledger, kind: string, place = 0): number => {
  const at = placesOf(ledger, kind)[place];
  if (at === undefined) throw new Error(`no ${kind} ${place}`);
  return at;
};
const item = (ledger: Ledger, at: number, of: number, place: number, to: CborValue): void =>
  editContent(ledger, at, of, (value) =>
    (value as CborValue[]).map((one, index) => (index === place ? to : one)),
  );
/** An item of the content of an entry that is of no intent. */
const endItem = (ledger: Ledger, at: number, place: number, to: CborValue): void => {
  const entry = ledger.entries[at];
  if (entry === undefined) throw new Error(`no entry ${at}`);
  const bytes = editArray(entry.bytes, (items) => [
    ...items.slice(0, 4),
    editArray(items[4] as Uint8Array, (said) => said.map((one, index) => (index === place ? to : one))),
  ]);
  replaced(ledger, at, { bytes });
};
const copy = (ledger: Ledger, from: number, to: number): void => {
  const entry = ledger.entries[from];
  if (entry === undefined) throw new Error(`no entry ${from}`);
  ledger.entries.splice(to, 0, entry);
};
const reserves = 10;

const lies: readonly (readonly [string, readonly FindingCode[], (ledger: Ledger) => void | Promise<void>])[] =
  [
    [
      'more kept than was asked for',
      ['reservation_mismatch'],
      (quota) => item(quota, nth(quota, 'reservation'), reserves, 1, 10_001),
    ],
    [
      'kept in another currency',
      ['quota_missing', 'reservation_mismatch'],
      (quota) => item(quota, nth(quota, 'reservation', 4), reserves, 0, 'USD'),
    ],
    [
      'kept for longer than was asked for',
      ['reservation_mismatch'],
      (quota) =>
        editContent(quota, nth(quota, 'reservation', 4), reserves, (value) => {
          const [currency, amount, expires, at] = value as [string, number, number, number];
          return [currency, amount, expires + 1_000, at];
        }),
    ],
    [
      'kept at another moment',
      ['take_time'],
      (quota) =>
        editContent(quota, nth(quota, 'reservation', 4), reserves, (value) => {
          const [currency, amount, expires, at] = value as [string, number, number, number];
          return [currency, amount, expires, at + 1];
        }),
    ],
    [
      'one that is kept twice',
      ['entry_repeated'],
      (quota) => copy(quota, nth(quota, 'reservation'), quota.entries.length),
    ],
    [
      'one that no issuer asked for',
      ['record_malformed'],
      (quota) => editContent(quota, nth(quota, 'reservation', 4), field.context, () => new Uint8Array(3)),
    ],
    [
      'one that is gone',
      ['reservation_mismatch'],
      (quota) => void quota.entries.splice(nth(quota, 'reservation'), 1),
    ],
    [
      'a take of the open quota for a request that names a reservation',
      ['reservation_mismatch'],
      (quota) =>
        editContent(quota, nth(quota, 'control-bit'), field.take, (take) =>
          (take as CborValue[]).slice(0, 4),
        ),
    ],
    [
      'a take of a reservation for a request that names none',
      ['reservation_mismatch'],
      (quota) =>
        editContent(quota, nth(quota, 'control-bit', 4), field.take, (take) => [
          ...(take as CborValue[]),
          new Uint8Array(16),
        ]),
    ],
    [
      'a take of one that had been released',
      ['reservation_ended'],
      (quota) => {
        const end = nth(quota, 'reservation-end');
        const [entry] = quota.entries.splice(end, 1);
        if (entry !== undefined) quota.entries.splice(nth(quota, 'control-bit', 2), 0, entry);
      },
    ],
    [
      'more used than is kept',
      ['reservation_exceeded'],
      (quota) => item(quota, nth(quota, 'reservation'), reserves, 1, 9_999),
    ],
    [
      'given back twice',
      ['entry_repeated'],
      (quota) => copy(quota, nth(quota, 'reservation-end'), quota.entries.length),
    ],
    [
      'more given back than was left',
      ['reservation_mismatch'],
      (quota) => endItem(quota, nth(quota, 'reservation-end'), 1, 20_000),
    ],
    [
      'expired before its time',
      ['reservation_mismatch'],
      (quota) => endItem(quota, nth(quota, 'reservation-end'), 0, 'expired'),
    ],
    [
      'released when it had expired',
      ['reservation_mismatch'],
      (quota) => endItem(quota, nth(quota, 'reservation-end', 2), 0, 'released'),
    ],
    [
      "released in its issuer's name, without its signature",
      ['reservation_mismatch'],
      (quota) => endItem(quota, nth(quota, 'reservation-end'), 4, null),
    ],
    [
      "released by an operator in its issuer's name",
      ['reservation_mismatch'],
      (quota) => endItem(quota, nth(quota, 'reservation-end', 1), 3, 'issuer demo-issuer'),
    ],
    [
      'an end that is no end',
      ['entry_malformed'],
      (quota) => endItem(quota, nth(quota, 'reservation-end'), 0, 'lost'),
    ],
    [
      'a receipt that says more than the journal',
      ['reservation_mismatch'],
      async (quota) => {
        const at = nth(quota, 'reservation', 4);
        const decoded = decodeReservationReceipt(quota.entries[at]?.signed ?? new Uint8Array());
        if (!decoded.ok) throw new Error(decoded.message);
        const { keyId } = tokens.of.quota.publicKey;
        const toBeSigned = encodeReservationReceipt({ ...decoded.value.record, total: 99_000n }, keyId);
        editContent(quota, at, field.toBeSigned, () => toBeSigned);
        replaced(quota, at, { signed: attachSignature(toBeSigned, await tokens.of.quota.sign(toBeSigned)) });
      },
    ],
  ];

describe('the audit of reservations', () => {
  it('finds nothing where they are kept, used, released, expired and open', async () => {
    expect(placesOf(ledgersOf().quota, 'reservation')).toHaveLength(5);
    expect(placesOf(ledgersOf().quota, 'reservation-end')).toHaveLength(3);
    expect(await auditOf(ledgersOf())).toEqual([]);
  });

  it.each(lies)('finds %s', async (_title, codes, lie) => {
    const ledgers = ledgersOf();
    await lie(ledgers.quota);
    rechain(ledgers.quota);
    expect(await auditOf(ledgers)).toEqual(expect.arrayContaining([...codes]));
  });

  it('finds a release that issuance has signed in the name of another', async () => {
    const ledgers = ledgersOf();
    const at = nth(ledgers.issuance, 'release');
    editContent(ledgers.issuance, at, field.issuer, () => 'other-issuer');
    rechain(ledgers.issuance);
    expect(await auditOf(ledgers)).toContain('reservation_mismatch');
  });
});
