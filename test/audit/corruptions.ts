/**
 * What may be done to ledgers, as a table: a kind of corruption, whose ledger it is in, how much its forger owns, and by which codes it is
 * found. docs/AUDIT.md has the same rows.
 */
import { liesOfCentral } from './central-lies.ts';
import type { Corruption } from './corruption.ts';
import { heads } from './head-corruptions.ts';
import { liesAboutDenials, liesOfIssuance, together } from './issuance-lies.ts';
import { liesOfQuota } from './quota-lies.ts';
import { liesAboutSettlements } from './settlement-lies.ts';
import { handedOut, structural, unreadable } from './structural-corruptions.ts';

export const corruptions: readonly Corruption[] = [
  ...structural,
  handedOut('issuance', 'request', [...unreadable, 'request_missing']),
  handedOut('issuance', 'currency', unreadable),
  handedOut('issuance', 'denial', [...unreadable, 'denial_mismatch']),
  handedOut('central', 'denial', unreadable),
  handedOut('quota', 'control-bit', unreadable),
  ...liesOfQuota,
  ...liesOfCentral,
  ...liesOfIssuance,
  ...liesAboutDenials,
  ...together,
  ...liesAboutSettlements,
  ...heads,
];

/** The table of docs/AUDIT.md, a row a kind. */
export function corruptionRows(): string[] {
  const rows = new Map<string, Set<string>>();
  for (const { kind, of, power, found } of corruptions) {
    const row = `${power} | ${found.map((code) => `\`${code}\``).join(' or ')}`;
    const key = `${kind}\n${row}`;
    rows.set(key, (rows.get(key) ?? new Set()).add(of));
  }
  return [...rows].map(([key, roles]) => {
    const [kind = '', row = ''] = key.split('\n');
    return `| ${kind} | ${roles.size === 3 ? 'each' : [...roles].join(', ')} | ${row} |`;
  });
}
