/** What a process of quota control has taken on, and will never sign. */
import { quote, type Result, refuse, succeed } from '../kit/result.ts';
import type { Intent } from '../store/store.ts';
import type { Ledger } from './ledger.ts';

/** Whether what a series has not signed is never going to be: its process was taken out for good. */
export type IsAbandoned = (series: string) => Promise<boolean>;

/** Refuses as `request_abandoned` what waits for a signature of a process that never comes back: `in_progress` would be said for ever. */
export async function checkAbandoned(
  { store }: Ledger,
  { own, signed, kind, id }: Intent,
  isAbandoned: IsAbandoned | undefined,
): Promise<Result<null, 'request_abandoned'>> {
  if (own || signed !== null || isAbandoned === undefined) return succeed(null);
  const series = await store.seriesOf(kind, id);
  if (series === undefined || !(await isAbandoned(series))) return succeed(null);
  return refuse(
    'request_abandoned',
    `process ${quote(series)} took this on and was taken out for good before it signed it: nothing is ever signed for it, and what it took of the quota is lost; a new request is accepted`,
  );
}
