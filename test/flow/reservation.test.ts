/** Reservations with the compiled program and its three processes: made, listed, used by an order and by a bulk issue, released. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { makeWorkplace, type Systems, type Workplace } from './ringmint.ts';

let place: Workplace;
let systems: Systems;

const inFolder = (name: string): string => join(place.folder, name);
const quotas = [
  {
    currency: 'EUR',
    total: '1000.00',
    dayLimit: '1000.00',
    requestMaximum: '500.00',
    ceiling: '500.00',
    requestsPerMinute: 1_000,
  },
];

// Each command is a process of its own.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

beforeAll(async () => {
  place = makeWorkplace();
  await place.init(quotas);
  systems = await place.up();
});
afterAll(async () => {
  await systems.stop();
  place.remove();
});

async function done(...words: string[]): Promise<Record<string, unknown>> {
  const ran = await place.run(...words, '--json');
  expect([ran.code, ran.json()['ok']], ran.out + ran.err).toEqual([0, true]);
  return ran.json();
}

async function refused(code: string, ...words: string[]): Promise<void> {
  const ran = await place.run(...words, '--json');
  expect([ran.code, ran.json()], ran.err).toMatchObject([3, { ok: false, code }]);
}

async function position(): Promise<Record<string, unknown>> {
  const { positions } = (await done('quota')) as { positions: Record<string, unknown>[] };
  return positions[0] ?? {};
}

async function draft(name: string, total: string, reservation: string | undefined): Promise<string> {
  writeFileSync(
    inFolder(`${name}.json`),
    JSON.stringify({
      currency: 'EUR',
      total,
      owner: 'ann',
      origin: 'DE',
      destination: 'DE',
      denominations: [{ value: total, count: 1 }],
      ...(reservation === undefined ? {} : { reservation }),
    }),
  );
  await done('request', `${name}.json`, '--out', `${name}.cbor`);
  return `${name}.cbor`;
}

describe('a reservation', () => {
  let id: string;

  it('is made once for an id, and keeps its room from other orders', async () => {
    const made = await done(
      'reservation',
      'make',
      '--amount',
      '600.00',
      '--currency',
      'EUR',
      '--out',
      'kept.cose',
    );
    id = String(made['id']);
    expect(made).toMatchObject({ amount: '600.00', currency: 'EUR' });
    const again = ['reservation', 'make', '--amount', '600.00', '--currency', 'EUR', '--id', id];
    expect(await done(...again)).toMatchObject({ id, amount: '600.00' });
    expect(await position()).toMatchObject({ held: '600.00', available: '400.00' });
    await refused('quota_exceeded', 'issue', await draft('large', '401.00', undefined), '--out', 'large');
    await refused('quota_exceeded', 'reservation', 'make', '--amount', '401.00', '--currency', 'EUR');
    expect((await place.run('inspect', 'kept.cose')).out).toContain('quota control keeps a part of a quota');
  });

  it('is used by the orders that name it, survives a restart, and is listed', async () => {
    await done('issue', await draft('first', '250.00', id), '--out', 'first', '--confirm-amount', '250.00');
    await systems.stop();
    systems = await place.up();
    await refused('reservation_exceeded', 'issue', await draft('much', '351.00', id), '--out', 'much');
    const listed = (await place.run('reservation', 'list', '--json')).out.trim().split('\n');
    expect(listed.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { id, amount: '600.00', used: '250.00', left: '350.00', state: 'open' },
    ]);
    expect(await position()).toMatchObject({ held: '350.00', issued: '250.00', available: '400.00' });
  });

  it('is released by a command, once, and what is left can be issued', async () => {
    expect(await done('reservation', 'release', id)).toMatchObject({ state: 'released', used: '250.00' });
    expect(await done('reservation', 'release', id)).toMatchObject({ state: 'released', used: '250.00' });
    expect(await position()).toMatchObject({ held: '0.00', issued: '250.00', available: '750.00' });
    await refused('reservation_released', 'issue', await draft('late', '1.00', id), '--out', 'late');
    await refused('reservation_unknown', 'reservation', 'release', '0199f0a4-0000-7000-8000-000000000000');
  });

  it('is made by a bulk issue for all of it, or nothing of that is issued', async () => {
    const payees = (count: number): string =>
      `payee,amount\n${Array.from({ length: count }, (_, i) => `payee ${i},10.00\n`).join('')}`;
    writeFileSync(inFolder('many.csv'), payees(76));
    writeFileSync(inFolder('few.csv'), payees(40));
    const terms = [
      '--currency',
      'EUR',
      '--origin',
      'DE',
      '--destination',
      'FR',
      '--chunk',
      '20',
      '--reserve',
    ];
    const bulk = (name: string, total: string): string[] => [
      ...['bulk', `${name}.csv`, ...terms, '--out', name, '--confirm-amount', total],
    ];
    await refused('quota_exceeded', ...bulk('many', '760.00'));
    expect(await position()).toMatchObject({ issued: '250.00', held: '0.00' });
    await done(...bulk('few', '400.00'));
    expect(await position()).toMatchObject({ issued: '650.00', held: '0.00', available: '350.00' });
    // The same again keeps nothing, and issues nothing twice.
    await done(...bulk('few', '400.00'));
    expect(await position()).toMatchObject({ issued: '650.00', held: '0.00' });
  });
});
