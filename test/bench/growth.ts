/** What issuing costs as the ledgers grow: by single orders to a million units, and by full batches to ten million. */
import type { Client } from '../../src/api/client.ts';
import {
  batchesPerSecond,
  batchUnits,
  issue,
  ordersPerCall,
  show,
  singlesPerSecond,
  time,
  whileUp,
  withAppliance,
} from './appliance.ts';
import { median, type Row } from './figure.ts';

/** Units: to the first two in orders of one, each with a row of its own at issuance. */
const sizes = [10_000, 1_000_000, 10_000_000];
const mostInSingles = 1_000_000;
const sampleCalls = 12;
const sampleBatches = 6;

export function benchGrowth(): Promise<Row[]> {
  console.error('growing ledgers');
  return withAppliance(async (place) => {
    const { rows, units } = await whileUp(place, grow);
    const start = await time(async () => (await place.up()).stop());
    return [
      ...rows,
      {
        what: `… start and stop of the three systems with ${units.toLocaleString('en-US')} units, each verifying its ledger`,
        figure: `${show(start)} ms`,
      },
    ];
  });
}

async function grow(client: Client): Promise<{ rows: Row[]; units: number }> {
  const rows: Row[] = [];
  let units = 0;
  for (const size of sizes) {
    if (size <= mostInSingles) {
      const calls = Math.ceil((size - units) / ordersPerCall);
      await singlesPerSecond(client, calls, 6);
      units += calls * ordersPerCall;
    } else {
      const batches = Math.ceil((size - units) / batchUnits);
      await batchesPerSecond(client, batches);
      units += batches * batchUnits;
    }
    const lone: number[] = [];
    for (let i = 0; i < 30; i++) lone.push(await time(() => issue(client, 1)));
    const singles = await singlesPerSecond(client, sampleCalls, 6);
    const batches = await batchesPerSecond(client, sampleBatches);
    rows.push({
      what: `ledgers of ${units.toLocaleString('en-US')} units: orders/s of one unit, units/s in batches, a lone request`,
      figure: `${show(singles)}, ${show(batches)}, ${show(median(lone))} ms`,
    });
    units += lone.length + sampleCalls * ordersPerCall + sampleBatches * batchUnits;
  }
  return { rows, units };
}
