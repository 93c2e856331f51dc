/** Central management's own account: what it approved, and what was freed of it. Each method runs inside of a transaction of the store's. */
import type Database from 'better-sqlite3';
import { assert } from '../../kit/result.ts';
import { encodeResolution } from '../../quota/central-account.ts';
import { entriesOfAdoption, freedOf, markOf } from '../central-plan.ts';
import { type ApprovalRow, accountOf, bytesOf, changeOf, type QuotaRow, termsRowOf } from '../row.ts';
import type { ApprovedChange, NewAdoption, NewResolution } from '../store.ts';
import { type Prepared, prepareWhenUsed } from './prepared.ts';
import type { AppendEntry } from './quota-tables.ts';

const sql = {
  quota: 'SELECT * FROM quota WHERE issuer = ? AND currency = ?',
  anyQuota: 'SELECT 1 FROM quota LIMIT 1',
  changes: 'SELECT j.bytes FROM quota_change c JOIN journal j ON j.sequence = c.sequence ORDER BY c.sequence',
  insert: `INSERT INTO quota (issuer, currency, version, allocated, reserved, issued, frozen, limits, clock_ms, returns, retired, returned)
      VALUES (:issuer, :currency, :version, :allocated, 0, :issued, :frozen, :limits, 0, :returns, :returned, :returned)`,
  findApproval: `SELECT sequence, approve_amount FROM intent
      WHERE kind = 'credential' AND id = ? AND issuer = ? AND approve_currency = ?`,
  findResolution: 'SELECT 1 FROM resolution WHERE id = ?',
  insertResolution: `INSERT INTO resolution (id, sequence, issuer, currency, freed)
      VALUES (:id, :sequence, :issuer, :currency, :freed)`,
  lastResolution: `SELECT j.bytes FROM journal j
      WHERE j.sequence = (SELECT max(sequence) FROM resolution)`,
  free: 'UPDATE quota SET voided = voided + :freed WHERE issuer = :issuer AND currency = :currency',
} as const;

export class CentralTables {
  private readonly statements: Prepared<typeof sql>;
  private readonly append: AppendEntry;

  constructor(db: Database.Database, append: AppendEntry) {
    this.statements = prepareWhenUsed(db, sql);
    this.append = append;
  }

  changes(): readonly ApprovedChange[] {
    return (this.statements.changes.all() as { bytes: Uint8Array }[]).map(({ bytes }) => changeOf(bytes));
  }

  adopt(adoptions: readonly NewAdoption[]): boolean {
    if (this.statements.anyQuota.get() !== undefined) return false;
    for (const adoption of adoptions) {
      const { issuer, currency, terms, version, counted, returned } = adoption;
      this.statements.insert.run({
        issuer,
        currency,
        version,
        issued: counted,
        returned,
        ...termsRowOf(terms),
      });
      for (const entry of entriesOfAdoption(adoption)) this.append(entry);
    }
    return true;
  }

  resolve(resolutions: readonly NewResolution[]): number {
    let resolved = 0;
    for (const one of resolutions) {
      const { requestId, issuer, currency, createdMs } = one;
      const found = this.statements.findApproval.get(requestId, issuer, currency);
      if (found === undefined || this.statements.findResolution.get(requestId) !== undefined) continue;
      const { approve_amount: approved } = found as ApprovalRow;
      const freed = freedOf(this.account(issuer, currency), approved, one);
      const content = encodeResolution({ ...one, approved, freed });
      const sequence = this.append({ kind: 'resolution', subject: requestId, createdMs, content });
      this.statements.insertResolution.run({ id: requestId, sequence, issuer, currency, freed });
      this.statements.free.run({ issuer, currency, freed });
      resolved++;
    }
    return resolved;
  }

  resolvedUpTo(): number {
    const row = this.statements.lastResolution.get() as { bytes: Uint8Array } | undefined;
    return row === undefined ? 0 : markOf(bytesOf(row.bytes));
  }

  private account(issuer: string, currency: string) {
    const row = this.statements.quota.get(issuer, currency) as QuotaRow | undefined;
    assert(row !== undefined, 'what is resolved was approved of a quota');
    return accountOf(row);
  }
}
