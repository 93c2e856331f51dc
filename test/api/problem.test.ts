/** Every code that a system can refuse with has its status on purpose, and stands in the resources that can give it. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { credentialsRoute } from '../../src/api/credentials.ts';
import { issuancesRoute } from '../../src/api/issuances.ts';
import {
  allCodes,
  bodyProblems,
  commonProblems,
  deviceProblems,
  statusOf,
  storeProblems,
} from '../../src/api/problem-code.ts';
import { changesRoute } from '../../src/api/quota-changes.ts';
import { requestsRoute } from '../../src/api/requests.ts';
import { reserveRoute } from '../../src/api/reservations.ts';
import { problemsOf, type RouteDefinition } from '../../src/api/route.ts';
import { retirementsRoute, transfersRoute } from '../../src/api/settlements.ts';

const root = join(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');

/** `file` and what it imports at run time, all the way down. */
function reachedFrom(file: string, reached = new Set<string>()): Set<string> {
  if (reached.has(file) || !existsSync(join(root, file))) return reached;
  reached.add(file);
  for (const match of read(file).matchAll(/^(?:import|export)\s+(?!type\b)[^'";]*?from\s+'(\.[^']+)'/gm))
    reachedFrom(normalize(join(dirname(file), match[1] ?? '')), reached);
  return reached;
}

/** Codes that `file` refuses with, and those of the unions that it declares for that. */
function codesIn(file: string): string[] {
  const text = read(file);
  const refused = [...text.matchAll(/\brefuse\(\s*'([a-z_]+)'/g)].map((match) => match[1] ?? '');
  const unions = [...text.matchAll(/^(?:export )?type \w*Code =([^;]*);/gm)];
  const declared = unions.flatMap((match) =>
    [...(match[1] ?? '').matchAll(/'([a-z_]+)'/g)].map((code) => code[1] ?? ''),
  );
  // `fail(name, accepted, code)` of a claims reader.
  const failed = [...text.matchAll(/\.fail\([^;]*?,\s*'([a-z]+(?:_[a-z]+)+)',?\s*\)/g)].map(
    (match) => match[1] ?? '',
  );
  return [...refused, ...declared, ...failed];
}

const halted = 'a system whose ledger contradicts its anchor does not start';

/** What no answer can have, and why. */
const never = {
  journal_behind_anchor: halted,
  journal_forked: halted,
  anchor_behind: halted,
  anchor_missing: halted,
  allocation_exists: 'quotas are allocated by `ringmint init`',
  allocation_invalid: 'quotas are allocated by `ringmint init`',
  journal_malformed: 'a journal is checked when it is opened',
  journal_gap: 'a journal is checked when it is opened',
  journal_altered: 'a journal is checked when it is opened',
};

const byPeopleOnly = {
  change_early: 'a quota is changed at /quota/changes',
  change_expired: 'a quota is changed at /quota/changes',
  change_stale: 'a quota is changed at /quota/changes',
  allocation_below_issued: 'a quota is changed at /quota/changes',
  issuance_not_stopped: 'a start comes to /quota/changes',
  time_zone_unknown: 'limits are given with a quota or its change',
};

const neverOfChanges = {
  request_id_conflict: 'a change has no order',
  credential_spent: 'a change takes no quota',
  quota_exceeded: 'a change takes no quota',
  daily_limit: 'a change takes no quota',
  rolling_limit: 'a change takes no quota',
  frequency_limit: 'a change takes no quota',
  quota_frozen: 'a change takes no quota',
  stop_lifted: 'a stop comes to /stop',
};

const bySettlementsOnly = {
  unit_spent: 'units are retired at /retirements',
  balance_too_low: 'accounts are debited at /transfers',
  outstanding_exceeded: 'units are retired at /retirements',
  quota_changed: 'the role makes the settlement anew',
};

const neverOfSettlements = {
  cursor_invalid: 'what was settled is listed at /quota/settlements',
  settlement_unknown: 'it is asked for by GET',
  amount_malformed: 'amounts in records are integers',
  amount_fraction: 'amounts in records are integers',
  amount_not_positive: 'amounts in records are integers',
  draft_field_invalid: 'owners in records are keys and commitments',
  credential_spent: 'a settlement has no credential',
  quota_exceeded: 'a settlement takes no quota',
  daily_limit: 'a settlement takes no quota',
  rolling_limit: 'a settlement takes no quota',
  frequency_limit: 'a settlement takes no quota',
  quota_frozen: 'a settlement takes no quota',
  quota_changed: 'the role makes the settlement anew',
  root_mismatch: 'the role pins no root: its bundle was verified at its start',
  bundle_superseded: 'the role asks for no epoch: its bundle was verified at its start',
  bundle_signature_invalid: 'the bundle was verified at the start',
};

const neverOfTransfers = Object.fromEntries(
  [
    ...['file_empty', 'file_not_verifiable', 'bundle_expired', 'bundle_not_yet_valid', 'proof_mismatch'],
    ...[
      'merkle_root_mismatch',
      'control_bit_mismatch',
      'issuance_key_mismatch',
      'unit_mismatch',
      'unit_expired',
    ],
    ...['total_mismatch', 'retirement_mismatch', 'owner_mismatch', 'unit_unknown', 'unit_spent'],
    'outstanding_exceeded',
  ].map((code) => [code, 'a transfer has no units']),
);

const byReservationsOnly = {
  reservation_unknown: 'a reservation is named by an order, or ended at /reservations/release',
  reservation_expired: 'orders of a reservation come to /credentials',
  reservation_released: 'orders of a reservation come to /credentials',
  reservation_exceeded: 'orders of a reservation come to /credentials',
  reservations_too_many: 'a reservation is made at /reservations',
};

const neverOfReservations = {
  ...byPeopleOnly,
  ...bySettlementsOnly,
  ...byReservationsOnly,
  amount_malformed: 'amounts in records are integers',
  amount_fraction: 'amounts in records are integers',
  amount_not_positive: 'amounts in records are integers',
  credential_spent: 'a reservation has no credential',
  daily_limit: 'limits over windows count when it is used',
  rolling_limit: 'limits over windows count when it is used',
  frequency_limit: 'limits over windows count when it is used',
  stop_lifted: 'a stop comes to /stop',
};

const neverOfCentral = {
  rolling_limit: 'central management takes no quota: its denial is an answer',
  frequency_limit: 'central management takes no quota: its denial is an answer',
  quota_frozen: 'central management takes no quota: its denial is an answer',
  credential_spent: 'central management spends no credential',
  quota_exceeded: 'central management takes no quota: its denial is an answer',
  daily_limit: 'central management takes no quota: its denial is an answer',
  decryption_failed: 'central management encrypts only',
  decision_record_malformed: 'records of decisions are read by `ringmint rules rerun`',
};

const neverOfIssuance = {
  unit_unknown: 'units are vouched for at /vouchings',
  cursor_invalid: 'what was settled is listed at /quota/settlements',
  payees_malformed: 'a draft is made of a CSV by `ringmint request`',
};

const sqlite = 'src/store/sqlite/sqlite-store.ts';

describe('a resource', () => {
  it.each<[string, RouteDefinition, string[], Readonly<Record<string, string>>]>([
    [
      'POST /requests',
      requestsRoute,
      ['src/roles/central.ts', sqlite],
      { ...never, ...byPeopleOnly, ...bySettlementsOnly, ...byReservationsOnly, ...neverOfCentral },
    ],
    [
      'POST /credentials',
      credentialsRoute,
      ['src/roles/quota-control.ts', sqlite],
      {
        ...never,
        ...byPeopleOnly,
        ...bySettlementsOnly,
        reservations_too_many: 'a reservation is made at /reservations',
      },
    ],
    [
      'POST /quota/changes',
      changesRoute,
      ['src/roles/quota-changes.ts', sqlite],
      { ...never, ...neverOfChanges, ...bySettlementsOnly, ...byReservationsOnly },
    ],
    [
      'POST /reservations',
      reserveRoute,
      ['src/roles/reservations.ts', sqlite],
      { ...never, ...neverOfReservations },
    ],
    [
      'POST /retirements',
      retirementsRoute,
      ['src/roles/settlements.ts', sqlite],
      {
        ...never,
        ...byPeopleOnly,
        ...neverOfSettlements,
        ...byReservationsOnly,
        stop_lifted: 'a stop comes to /stop',
        balance_too_low: 'a retirement debits no account',
      },
    ],
    [
      'POST /transfers',
      transfersRoute,
      ['src/roles/settlements.ts', sqlite],
      {
        ...never,
        ...byPeopleOnly,
        ...neverOfSettlements,
        ...neverOfTransfers,
        ...byReservationsOnly,
        stop_lifted: 'a stop comes to /stop',
      },
    ],
    [
      'POST /issuances',
      issuancesRoute,
      ['src/roles/issuance.ts', 'src/api/client.ts', sqlite],
      {
        ...never,
        ...byPeopleOnly,
        ...bySettlementsOnly,
        ...neverOfIssuance,
        reservations_too_many: 'a reservation is made at /reservations',
        reservation_time_invalid: 'a reservation is made at /reservations',
        request_unknown: 'what became of a request is asked at /closings, in a list',
        request_underway: 'what became of a request is asked at /closings, in a list',
      },
    ],
  ])('%s declares every code that the sources behind it refuse with', (_title, route, files, impossible) => {
    const declared = new Set<string>(problemsOf(route));
    const reached = new Set(files.flatMap((file) => [...reachedFrom(file)]));
    const undeclared = [...reached]
      // Its own table of all codes, and the transport of others.
      .filter((file) => !file.startsWith('src/api/') || file === 'src/api/client.ts')
      .flatMap((file) => codesIn(file).map((code) => ({ file, code })))
      .filter(({ code }) => !declared.has(code) && !Object.hasOwn(impossible, code))
      .map(({ file, code }) => `${file}: ${code}: add it to the resource and to src/api/problem-code.ts`);
    expect(reached.size).toBeGreaterThan(10);
    expect(undeclared).toEqual([]);
  });

  it('passes on whatever the other systems may answer', () => {
    const declared = new Set<string>(problemsOf(issuancesRoute));
    for (const route of [requestsRoute, credentialsRoute])
      expect(problemsOf(route).filter((code) => !declared.has(code))).toEqual([]);
  });
});

describe('the table', () => {
  it('has a status for each code, and no code twice', () => {
    expect(allCodes.filter((code) => statusOf(code) === undefined)).toEqual([]);
    expect(new Set(allCodes).size).toBe(allCodes.length);
    for (const code of allCodes) expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/);
    expect(statusOf('nobody_thought_of_this')).toBeUndefined();
    expect(statusOf('toString')).toBeUndefined();
  });

  it.each([
    ['hsm/signer.ts', 'SignerErrorCode', deviceProblems],
    ['src/store/store-error.ts', 'StoreErrorCode', storeProblems.filter((code) => code !== 'disk_full')],
  ] as const)('has every code of %s as 503', (file, union, codes) => {
    const text = new RegExp(`type ${union} =([^;]*);`).exec(read(file))?.[1] ?? '';
    const declared = [...text.matchAll(/'([a-z_]+)'/g)].map((match) => match[1] ?? '');
    expect([...codes].sort()).toEqual(declared.sort());
    for (const code of codes) expect(statusOf(code)).toBe(503);
  });

  it('has no code that no source gives', () => {
    const layers = [
      'src/api/',
      'src/roles/',
      'src/records/',
      'src/kit/',
      'src/rules/',
      'src/quota/',
      'src/store/',
      'src/verifier/',
    ];
    const reached = [
      'central',
      'issuance',
      'quota-control',
      'quota-changes',
      'settlements',
      'reservations',
      'issuer-reservations',
      'witness',
      'shown-head',
    ]
      .map((role) => `src/roles/${role}.ts`)
      .concat(sqlite, 'src/api/server.ts', 'src/api/client.ts', 'src/api/resources.ts')
      .flatMap((file) => [...reachedFrom(file)])
      .filter((file) => layers.some((layer) => file.startsWith(layer)) && file !== 'src/api/problem-code.ts');
    const text = [
      ...new Set(reached),
      'hsm/signer.ts',
      'src/store/store.ts',
      'src/appliance/fault.ts',
      'src/roles/witness-error.ts',
    ]
      .map(read)
      .join('\n');
    const used = (code: string): boolean => {
      // Named in a list of a resource only, a code would still be nobody's.
      const named = text.matchAll(
        new RegExp(`(refuse\\(\\s*|code: |\\|\\s*|, |= |Problem\\(\\s*socket,\\s*|Refusal\\()'${code}'`, 'g'),
      );
      return [...named].length > 0;
    };
    expect(allCodes.filter((code) => !used(code))).toEqual([]);
  });

  it('gives what any resource may answer to each', () => {
    const codes = problemsOf(credentialsRoute);
    for (const code of [...commonProblems, ...bodyProblems]) expect(codes).toContain(code);
    expect(new Set(codes).size).toBe(codes.length);
  });
});
