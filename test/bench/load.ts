/**
 * Latency where half of what the appliance can do is asked of it. Calls come when they are due, whether those before are answered or not, and each is
 * timed from when it was due, so that a call that waits counts as long as its caller would wait.
 */
import type { Client } from '../../src/api/client.ts';
import {
  draft,
  issueOrders,
  perSecond,
  show,
  singlesPerSecond,
  time,
  whileUp,
  withAppliance,
} from './appliance.ts';
import { median, percentile, type Row } from './figure.ts';

const seconds = 15;
const ordersAtOnce = 200;

/** Milliseconds of each call, of `rate` orders a second. */
async function latencies(client: Client, rate: number): Promise<number[]> {
  const everyMs = perSecond(ordersAtOnce, rate);
  const calls = Array.from({ length: Math.floor((seconds * 1000) / everyMs) }, () =>
    Array.from({ length: ordersAtOnce }, () => draft(1)),
  );
  const startedMs = performance.now();
  return Promise.all(
    calls.map(async (orders, index) => {
      const dueMs = startedMs + index * everyMs;
      await new Promise((resolve) => setTimeout(resolve, dueMs - performance.now()));
      await issueOrders(client, orders);
      return performance.now() - dueMs;
    }),
  );
}

export function benchLoad(): Promise<Row[]> {
  console.error('half load');
  return withAppliance((place) =>
    whileUp(place, async (client) => {
      await singlesPerSecond(client, 6, 6);
      const most = await singlesPerSecond(client, 20, 6);
      const measured = await latencies(client, most / 2);
      const full = await time(() =>
        issueOrders(
          client,
          Array.from({ length: ordersAtOnce }, () => draft(1)),
        ),
      );
      return [
        { what: 'orders/s of one unit, the most', figure: show(most) },
        {
          what: `… at half of that, in calls of ${ordersAtOnce}: latency p50, p99`,
          figure: `${show(median(measured))} ms, ${show(percentile(measured, 0.99))} ms`,
        },
        { what: '… of one such call alone', figure: `${show(full)} ms` },
      ];
    }),
  );
}
