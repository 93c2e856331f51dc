/**
 * What an audit reports. The same ledgers, keys and options give the same bytes: nothing in it is of the moment or the machine that it was
 * made on.
 */
import { toHex, utf8 } from '../kit/bytes.ts';
import type { AuditedFigure, AuditedJournal } from '../records/audit-statement.ts';
import { isoTime } from '../records/key-ring.ts';
import { keySetId } from '../records/trust-bundle.ts';
import type { Audited } from './audit.ts';
import type { DaySums } from './totals.ts';
import type { AuditTrust } from './trust.ts';

/** Amounts are minor units as text, so that no reader rounds them. */
export interface AuditReport {
  readonly report: 'ringmint.audit';
  readonly version: 1;
  readonly clean: boolean;
  /** Whether the systems were stopped, so that nothing was on its way between them. */
  readonly atRest: boolean;
  readonly trust: {
    readonly root: string;
    readonly bundles: readonly {
      readonly issuedAt: string;
      readonly revocationEpoch: number;
      readonly keySet: string;
    }[];
  };
  readonly ledgers: readonly {
    readonly system: string;
    readonly madeAt: string;
    readonly journals: readonly {
      readonly series: string;
      readonly journal: string;
      readonly entries: number;
      readonly hash: string;
      readonly knownTo: readonly { readonly from: string; readonly entry: number }[];
    }[];
  }[];
  readonly figures: readonly Figure[];
  readonly days: readonly DayFigure[];
  readonly requests: number;
  readonly findings: {
    readonly count: number;
    readonly byCode: readonly { readonly code: string; readonly count: number }[];
    readonly list: readonly {
      readonly code: string;
      readonly system: string;
      readonly entry: number | null;
      readonly found: string;
      readonly expected: string;
    }[];
  };
  readonly unfinished: {
    readonly counts: Readonly<Record<string, number>>;
    readonly list: readonly {
      readonly kind: string;
      readonly system: string;
      readonly entry: number;
      readonly amount: string | null;
      readonly currency: string | null;
    }[];
  };
  /** Numbers of control bits that no control bit has. */
  readonly missingNumbers: {
    readonly count: number;
    readonly runs: readonly { readonly epoch: number; readonly from: number; readonly to: number }[];
  };
  /** Control bits of before quota control kept the credential with them. */
  readonly credentialsNotKept: number;
}

interface Amounts {
  readonly issued: string;
  readonly retired: string;
  /** Issued less retired. */
  readonly outstanding: string;
  readonly units: number;
  /** Signed by quota control; issuance shows no currency for it. */
  readonly withheld: string;
  /** Of currency without a control bit in quota control's journal. */
  readonly outside: string;
}

export interface Figure extends Amounts {
  readonly issuer: string;
  readonly currency: string;
  /** What was allocated when the system was made: nobody's signature shows it. */
  readonly allocatedAtFirst: string | null;
  readonly allocated: string | null;
  readonly version: number | null;
  readonly frozen: boolean | null;
  readonly taken: string;
  /** Of what is retired, what came back to the quota. */
  readonly returned: string;
  /** Of what is outstanding, what is in accounts; the rest is in units that are not spent. */
  readonly inAccounts: string;
}

/** `outstanding` is that at the end of the day. */
export interface DayFigure extends Amounts {
  readonly issuer: string;
  readonly currency: string;
  readonly day: string;
}

export function makeReport(
  audited: Audited,
  trust: AuditTrust,
  { atRest }: { atRest: boolean },
): AuditReport {
  const { findings, unfinished, journals, days, missing } = audited;
  const root = trust.bundles[0]?.rootKey.keyId ?? new Uint8Array();
  return {
    report: 'ringmint.audit',
    version: 1,
    clean: findings.count === 0,
    atRest,
    trust: {
      root: toHex(root),
      bundles: trust.bundles.map((bundle) => ({
        issuedAt: isoTime(bundle.issuedAt),
        revocationEpoch: bundle.revocationEpoch,
        keySet: toHex(keySetId(bundle)),
      })),
    },
    ledgers: audited.systems.map(({ system }) => ({
      system: system.label,
      madeAt: new Date(system.madeMs).toISOString(),
      journals: journals
        .filter((end) => end.system === system)
        .map(({ series, journalId, sequence, hash, witnessed }) => ({
          series,
          journal: toHex(journalId),
          entries: sequence,
          hash: toHex(hash),
          knownTo: witnessed.map(({ from, sequence: entry }) => ({ from, entry })),
        })),
    })),
    figures: figuresOf(audited),
    days: dayFigures(days),
    requests: audited.requests,
    findings: {
      count: findings.count,
      byCode: findings.byCode(),
      list: findings.list.map(({ code, system, entry, found, expected }) => ({
        code,
        system,
        entry,
        found,
        expected,
      })),
    },
    unfinished: {
      counts: Object.fromEntries(unfinished.counted().map(({ kind, count }) => [kind, count])),
      list: unfinished.list.map(({ kind, system, entry, amount }) => ({
        kind,
        system,
        entry,
        amount: amount === null ? null : String(amount.minor),
        currency: amount?.currency ?? null,
      })),
    },
    missingNumbers: missing,
    credentialsNotKept: audited.unproven,
  };
}

/** The report's bytes: what a statement signs. */
export function encodeReport(report: AuditReport): Uint8Array {
  return utf8(`${JSON.stringify(report, null, 2)}\n`);
}

function figuresOf({ accounts, days }: Audited): Figure[] {
  const names = new Set([...accounts, ...days].map(({ issuer, currency }) => `${issuer}/${currency}`));
  return [...names].sort().map((name): Figure => {
    const [issuer = '', currency = ''] = name.split('/');
    const account = accounts.find((one) => one.issuer === issuer && one.currency === currency);
    const sums = days.filter((one) => one.issuer === issuer && one.currency === currency);
    return {
      issuer,
      currency,
      allocatedAtFirst: account === undefined ? null : String(account.first),
      allocated: account === undefined ? null : String(account.terms.allocated),
      version: account?.version ?? null,
      frozen: account?.terms.frozen ?? null,
      taken: String(account?.taken ?? 0n),
      returned: String(account?.returned ?? 0n),
      inAccounts: String(account?.credited ?? 0n),
      ...amountsOf(sums),
    };
  });
}

function amountsOf(days: readonly DaySums[]): Amounts {
  const sum = (part: 'issued' | 'retired' | 'withheld' | 'outside'): bigint =>
    days.reduce((all, day) => all + day[part], 0n);
  return {
    issued: String(sum('issued')),
    retired: String(sum('retired')),
    outstanding: String(sum('issued') - sum('retired')),
    units: days.reduce((all, { units }) => all + units, 0),
    withheld: String(sum('withheld')),
    outside: String(sum('outside')),
  };
}

function dayFigures(days: readonly DaySums[]): DayFigure[] {
  const outstanding = new Map<string, bigint>();
  return days.map((day): DayFigure => {
    const { issuer, currency } = day;
    const key = `${issuer}/${currency}`;
    const left = (outstanding.get(key) ?? 0n) + day.issued - day.retired;
    outstanding.set(key, left);
    return { issuer, currency, day: day.day, ...amountsOf([day]), outstanding: String(left) };
  });
}

/** What a statement says of the report beside its hash. */
export function statedOf(
  report: AuditReport,
  { journals }: Audited,
): { readonly journals: AuditedJournal[]; readonly figures: AuditedFigure[] } {
  return {
    journals: journals.map(({ system, journalId, sequence, hash }) => ({
      role: system.role,
      name: system.name,
      journalId,
      sequence,
      hash,
    })),
    figures: report.figures.map(({ issuer, currency, issued, retired, outstanding }) => ({
      issuer,
      currency,
      issued: BigInt(issued),
      retired: BigInt(retired),
      outstanding: BigInt(outstanding),
    })),
  };
}
