/** An appliance to measure: real processes, real tokens, quotas that are in nobody's way; and drafts for it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Client, makeClient } from '../../src/api/client.ts';
import { readEndpoints } from '../../src/appliance/endpoints.ts';
import { homeAt } from '../../src/appliance/home.ts';
import { readTls } from '../../src/appliance/tls-files.ts';
import { systemClock, systemRandom } from '../../src/kit/clock.ts';
import { encodeDraft } from '../../src/records/draft.ts';
import { makeRequestId } from '../../src/records/request-id.ts';
import type { IssuanceStep } from '../../src/roles/issuance.ts';
import { makeWorkplace, type Workplace } from '../flow/ringmint.ts';

export const batchUnits = 65_536;
/** Of one call of `issueMany`. */
export const ordersPerCall = 4_000;

export interface Issued {
  readonly currency: Uint8Array;
  readonly steps: readonly IssuanceStep[];
}

export function perSecond(count: number, ms: number): number {
  return (count / ms) * 1000;
}

export function show(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en-US') : value.toPrecision(3);
}

export async function time(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}

/** An order of `count` units of one cent. */
export function draft(count: number): Uint8Array {
  return encodeDraft({
    id: makeRequestId(systemClock, systemRandom),
    currency: { code: 'EUR', exponent: 2 },
    total: BigInt(count),
    lots: [{ value: 1n, count, owner: { commitment: new Uint8Array(32).fill(1) } }],
    purpose: 'bench',
    origin: 'DE',
    destination: 'DE',
  });
}

export async function issue(client: Client, count: number): Promise<Issued> {
  const answer = await client.issue(draft(count));
  const currency = answer.ok ? answer.value.files['currency'] : undefined;
  if (currency === undefined) throw new Error(answer.ok ? 'denied' : answer.message);
  return { currency, steps: answer.ok ? answer.value.steps : [] };
}

/** Sends the orders in one call; throws where one of them is not issued. */
export async function issueOrders(client: Client, orders: readonly Uint8Array[]): Promise<void> {
  const answer = await client.issueMany(orders);
  if (!answer.ok) throw new Error(answer.message);
  if (answer.value.outcomes.some(({ kind }) => kind !== 'issued')) throw new Error('denied');
}

/** Orders of one unit a second, in `calls` calls of which `atOnce` are on their way at a time. */
export async function singlesPerSecond(client: Client, calls: number, atOnce: number): Promise<number> {
  const left = Array.from({ length: calls }, () => Array.from({ length: ordersPerCall }, () => draft(1)));
  const ms = await time(() =>
    Promise.all(
      Array.from({ length: atOnce }, async () => {
        for (let orders = left.pop(); orders !== undefined; orders = left.pop())
          await issueOrders(client, orders);
      }),
    ),
  );
  return perSecond(calls * ordersPerCall, ms);
}

/** Units a second in full batches, three at once. */
export async function batchesPerSecond(client: Client, batches: number): Promise<number> {
  let left = batches;
  const ms = await time(() =>
    Promise.all(
      Array.from({ length: 3 }, async () => {
        while (left-- > 0) await issue(client, batchUnits);
      }),
    ),
  );
  return perSecond(batches * batchUnits, ms);
}

/** Runs `use` with a new appliance, and removes it; `words` go to `ringmint init`. */
export async function withAppliance<T>(
  use: (place: Workplace) => Promise<T>,
  ...words: string[]
): Promise<T> {
  const place = makeWorkplace();
  const folder = mkdtempSync(join(tmpdir(), 'ringmint-bench-'));
  try {
    const most = '10000000000000.00';
    const wide = { total: most, dayLimit: most, requestMaximum: most, ceiling: most };
    const quotas = [{ currency: 'EUR', ...wide, requestsPerMinute: 1_000_000_000 }];
    writeFileSync(join(folder, 'quotas.json'), JSON.stringify(quotas));
    const made = await place.run('init', '--quotas', join(folder, 'quotas.json'), ...words);
    if (made.code !== 0) throw new Error(made.err);
    return await use(place);
  } finally {
    place.remove();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs `use` with a client of the appliance's systems, which are started for it. */
export async function whileUp<T>(place: Workplace, use: (client: Client) => Promise<T>): Promise<T> {
  const systems = await place.up();
  const tls = await readTls(homeAt(place.home), 'operator');
  const client = makeClient({ tls, timeoutMs: 600_000 }, await readEndpoints(place.home));
  try {
    return await use(client);
  } finally {
    await client.close();
    await systems.stop();
  }
}
