/** The statements on central management's own account: what it approved, and what was freed of it. */
import type { EntryContent } from '../../journal/chain.ts';
import { assert } from '../../kit/result.ts';
import { encodeResolution } from '../../quota/central-account.ts';
import { entriesOfAdoption, freedOf, markOf } from '../central-plan.ts';
import { type ApprovalRow, bytesOf, termsRowOf } from '../row.ts';
import type { NewAdoption, NewResolution } from '../store.ts';
import { closeGate, lockQuotas, readAccounts } from './quota-statement.ts';
import type { Ask } from './session.ts';

/** Appends an entry with the next number; gives its number in the order of all series. */
export type AppendEntry = (content: Omit<EntryContent, 'sequence'>) => Promise<number>;

export async function adoptQuotas(
  ask: Ask,
  append: AppendEntry,
  adoptions: readonly NewAdoption[],
): Promise<boolean> {
  // Of two processes the second waits here, and then finds them there.
  await closeGate(ask);
  if ((await ask('SELECT 1 FROM quota LIMIT 1')).length > 0) return false;
  for (const adoption of adoptions) {
    const { issuer, currency, version, counted, returned } = adoption;
    const terms = termsRowOf(adoption.terms);
    await ask(
      `INSERT INTO quota
         (issuer, currency, version, allocated, reserved, issued, frozen, limits, clock_ms, returns, retired, returned)
       VALUES ($1, $2, $3, $4, 0, $5, $6, $7, 0, $8, $9, $9)`,
      [
        issuer,
        currency,
        version,
        terms.allocated,
        counted,
        terms.frozen,
        terms.limits,
        terms.returns,
        returned,
      ],
    );
    for (const entry of entriesOfAdoption(adoption)) await append(entry);
  }
  return true;
}

export async function resolveRequests(
  ask: Ask,
  append: AppendEntry,
  resolutions: readonly NewResolution[],
): Promise<number> {
  await lockQuotas(ask, resolutions);
  let resolved = 0;
  for (const one of resolutions) {
    const { requestId, issuer, currency, createdMs } = one;
    const known = await ask('SELECT 1 FROM resolution WHERE id = $1', [requestId]);
    const [found] = await ask<ApprovalRow>(
      `SELECT sequence, approve_amount FROM intent
        WHERE kind = 'credential' AND id = $1 AND issuer = $2 AND approve_currency = $3`,
      [requestId, issuer, currency],
    );
    if (known.length > 0 || found === undefined) continue;
    const { approve_amount: approved } = found;
    const freed = freedOf(await accountOf(ask, one), approved, one);
    const content = encodeResolution({ ...one, approved, freed });
    const ordinal = await append({ kind: 'resolution', subject: requestId, createdMs, content });
    await ask('INSERT INTO resolution (id, ordinal, issuer, currency, freed) VALUES ($1, $2, $3, $4, $5)', [
      requestId,
      ordinal,
      issuer,
      currency,
      freed,
    ]);
    await ask('UPDATE quota SET voided = voided + $3 WHERE issuer = $1 AND currency = $2', [
      issuer,
      currency,
      freed,
    ]);
    resolved++;
  }
  return resolved;
}

export async function readResolvedUpTo(ask: Ask, series: number): Promise<number> {
  const [row] = await ask<{ bytes: Uint8Array }>(
    `SELECT j.bytes FROM resolution r JOIN journal j USING (ordinal) WHERE j.series = $1
      ORDER BY j.ordinal DESC LIMIT 1`,
    [series],
  );
  return row === undefined ? 0 : markOf(bytesOf(row.bytes));
}

async function accountOf(ask: Ask, { issuer, currency }: { issuer: string; currency: string }) {
  const { quotas } = await readAccounts(ask, [{ issuer, currency }]);
  const [found] = quotas;
  assert(found !== undefined, 'what is resolved was approved of a quota');
  return found.account;
}
