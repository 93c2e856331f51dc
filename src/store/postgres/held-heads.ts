/** Heads of the other systems' journals, which the processes of this one hold together as witnesses. */
import { type HeldHeadRow, heldHeadOf, readShownHead } from '../held-head.ts';
import type { HeadHolding, HeldHead } from '../store.ts';
import type { Ask } from './session.ts';

/** In a transaction of the caller's. */
export async function holdHead(
  ask: Ask,
  signed: Uint8Array,
  heldMs: number,
  { address, several }: { readonly address: string; readonly several: readonly Uint8Array[] | undefined },
): Promise<HeadHolding> {
  const { shown, decide } = readShownHead(signed, heldMs, several);
  const { role, name } = shown.record;
  // Of two processes that are shown a head the second compares with what the first has left, also where there was no row to lock.
  await ask('LOCK TABLE held_head IN SHARE ROW EXCLUSIVE MODE');
  const rows = await ask<HeldHeadRow>(
    'SELECT * FROM held_head WHERE role = $1 AND name = $2 ORDER BY journal',
    [role, name],
  );
  const { holding, write } = decide(rows.map((row) => heldHeadOf(row, address)));
  if (write !== undefined)
    await ask(
      `INSERT INTO held_head (role, name, journal, signed, held_ms, contradiction) VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (role, name, journal) DO UPDATE SET signed = excluded.signed, held_ms = excluded.held_ms,
          contradiction = excluded.contradiction`,
      [role, name, write.record.journalId, write.signed, write.heldMs, write.contradiction],
    );
  return holding;
}

/** Throws `store_corrupt` where a row is not what it was. */
export async function readHeldHeads(ask: Ask, address: string): Promise<readonly HeldHead[]> {
  const rows = await ask<HeldHeadRow>('SELECT * FROM held_head ORDER BY role, name, journal');
  return rows.map((row) => heldHeadOf(row, address));
}

/** Whether anything was held. */
export async function releaseHead(
  ask: Ask,
  {
    role,
    name,
    journal,
  }: { readonly role: string; readonly name: string; readonly journal: Uint8Array | undefined },
): Promise<boolean> {
  const released = await ask(
    'DELETE FROM held_head WHERE role = $1 AND name = $2 AND ($3::bytea IS NULL OR journal = $3) RETURNING 1',
    [role, name, journal ?? null],
  );
  return released.length > 0;
}
