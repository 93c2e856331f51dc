/** How reservations end on PostgreSQL, and how they read; whoever ends one holds the row of its quota. */
import type { JournalHead } from '../../journal/chain.ts';
import { type Result, succeed } from '../../kit/result.ts';
import { type Reservation, refuseUnknownReservation, standingOf } from '../../quota/reservation.ts';
import { type EndedReservation, endReservations, entryOfEnd } from '../reservation-end.ts';
import type { NewRelease, Store } from '../store.ts';
import type { Outcome } from './held-series.ts';
import { giveBack, lockQuotas } from './quota-statement.ts';
import {
  type ClockedReservation,
  readReservation,
  readReservationsAfter,
  writeReservations,
} from './reservation-statement.ts';
import type { Ask } from './session.ts';
import { appendEntry } from './statement.ts';

/** Each with its entry; what was left is available from then on. Gives where the journal then ends. */
export async function endInJournal(
  ask: Ask,
  series: number,
  head: JournalHead,
  ended: readonly EndedReservation[],
  createdMs: number,
): Promise<JournalHead> {
  let last = head;
  for (const one of ended)
    ({ head: last } = await appendEntry(ask, series, last, entryOfEnd(one, createdMs)));
  await giveBack(ask, ended);
  await writeReservations(
    ask,
    ended.map(({ reservation }) => reservation),
  );
  return last;
}

export async function releaseReservation(
  ask: Ask,
  series: number,
  readingHead: Promise<JournalHead>,
  { id, by, evidence, createdMs }: NewRelease,
): Promise<Outcome<Result<Reservation, 'reservation_unknown'>>> {
  const head = await readingHead;
  const named = await readReservation(ask, id);
  if (named === undefined) return { value: refuseUnknownReservation(id), head };
  // Read again under the lock: others may have used or ended it meanwhile.
  await lockQuotas(ask, [named.reservation]);
  const { reservation, clockMs } = (await readReservation(ask, id)) ?? named;
  const atMs = Math.max(createdMs, clockMs);
  const ended = endReservations([reservation], { atMs, releasedBy: by, evidence });
  const last = await endInJournal(ask, series, head, ended, createdMs);
  return { value: succeed(ended[0]?.reservation ?? reservation), head: last };
}

export async function findStanding(
  ask: Ask,
  id: Uint8Array,
  nowMs: number,
): Promise<Reservation | undefined> {
  const known = await readReservation(ask, id);
  return known === undefined ? undefined : standingAt(known, nowMs);
}

export async function listStandings(
  ask: Ask,
  page: Parameters<Store['reservations']>[0],
): Promise<readonly Reservation[]> {
  const found = await readReservationsAfter(ask, page);
  return found.map((one) => standingAt(one, page.nowMs));
}

function standingAt({ reservation, clockMs }: ClockedReservation, nowMs: number): Reservation {
  return standingOf(reservation, Math.max(nowMs, clockMs));
}
