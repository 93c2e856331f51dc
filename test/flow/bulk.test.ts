/** Bulk issue with the compiled program and real systems: killed, refused, changed, full; and every payee has one unit in the end. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../src/kit/bytes.ts';
import { decodeCurrencyFile } from '../../src/records/currency-file.ts';
import { commitOwner, decodeUnit } from '../../src/records/unit.ts';
import { lockFile } from '../../src/store/sqlite/file-lock.ts';
import { nightly } from '../nightly.ts';
import {
  makeWorkplace,
  processesOf,
  project,
  type Ran,
  type Systems,
  type Workplace,
  waitFor,
} from './ringmint.ts';

let place: Workplace;
let systems: Systems;

const quotas = [
  { currency: 'EUR', total: '900000000.00', requestMaximum: '90000000.00', requestsPerMinute: 1_000_000 },
  { currency: 'CHF', total: '1000.00', requestMaximum: '60.00', requestsPerMinute: 1_000_000 },
  { currency: 'JPY', total: '1000', requestMaximum: '60', requestsPerMinute: 1 },
].map((quota) => ({ ...quota, dayLimit: quota.total, ceiling: quota.requestMaximum }));

beforeAll(async () => {
  place = makeWorkplace();
  await place.init(quotas);
  systems = await place.up();
});

afterAll(async () => {
  await systems.stop();
  place.remove();
});

const inFolder = (name: string): string => join(place.folder, name);
const terms = ['--origin', 'DE', '--destination', 'FR', '--purpose', 'pensions'];

function writePayees(name: string, amounts: readonly string[]): void {
  const rows = amounts.map((amount, i) => `payee ${String(i + 1)},${amount}\n`);
  writeFileSync(inFolder(name), `payee,amount\n${rows.join('')}`);
}

async function issuedOf(currency: string): Promise<unknown> {
  const { positions } = (await place.run('quota', '--json')).json() as {
    positions: { currency: string; issued: string; reserved: string }[];
  };
  return positions.find((position) => position.currency === currency);
}

interface Opening {
  readonly owner: string;
  readonly commitment: string;
  readonly blinding: string;
}

/** What every payee holds by the files: amounts in minor units, by name, with openings that really open. */
function heldBy(folder: string): Map<string, bigint[]> {
  const names = readdirSync(folder);
  const owners = new Map<string, string>();
  for (const name of names.filter((each) => each.endsWith('.owners.json'))) {
    for (const { owner, commitment, blinding } of JSON.parse(
      readFileSync(join(folder, name), 'utf8'),
    ) as Opening[]) {
      expect(toHex(commitOwner(owner, fromHex(blinding) ?? new Uint8Array()))).toBe(commitment);
      owners.set(commitment, owner);
    }
  }
  const held = new Map<string, bigint[]>();
  for (const name of names.filter((each) => each.endsWith('.currency.cbor'))) {
    const file = decodeCurrencyFile(readFileSync(join(folder, name)));
    if (!file.ok) throw new Error(file.message);
    for (const leaf of file.value.leaves) {
      const unit = decodeUnit(leaf);
      if (!unit.ok) throw new Error(unit.message);
      const owner = owners.get(toHex(unit.value.owner)) ?? 'nobody';
      held.set(owner, [...(held.get(owner) ?? []), unit.value.value]);
    }
  }
  return held;
}

function start(words: readonly string[]): { child: ChildProcess; ended: Promise<number | null> } {
  const child = spawn(process.execPath, [join(project, 'dist/src/main.js'), ...words], {
    cwd: place.folder,
    env: { ...process.env, RINGMINT_HOME: place.home },
    stdio: 'ignore',
  });
  return { child, ended: new Promise((resolve) => child.once('close', resolve)) };
}

/** The serving processes of the three systems. */
function serving(): number[] {
  return processesOf(place.folder).filter((id) => {
    try {
      return readFileSync(`/proc/${id}/cmdline`, 'utf8').split('\0').includes('serve');
    } catch {
      // It ended while we looked.
      return false;
    }
  });
}

describe('a bulk issue that is killed again and again', () => {
  it('ends with one unit for every payee, and the quota taken once', { timeout: 600_000 }, async () => {
    const payees = 3_000;
    const amounts = Array.from(
      { length: payees },
      (_, i) => `${1 + (i % 50)}.${String(i % 100).padStart(2, '0')}`,
    );
    const total = amounts.reduce((sum, amount) => sum + BigInt(amount.replace('.', '')), 0n);
    const typed = `${total / 100n}.${String(total % 100n).padStart(2, '0')}`;
    writePayees('killed.csv', amounts);
    const words = ['bulk', 'killed.csv', '--currency', 'EUR', ...terms, '--out', 'killed', '--chunk', '20'];
    const count = (): number => {
      try {
        return readdirSync(inFolder('killed')).length;
      } catch {
        // Not made yet.
        return 0;
      }
    };
    // A linear congruential generator: the same moments at each run, as far as a machine allows.
    let state = 20_261_121;
    const random = (below: number): number => {
      state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
      return state % below;
    };
    let kills = 0;
    let systemKills = 0;
    for (let round = 0; round < 24; round++) {
      const before = count();
      const { child, ended } = start([...words, '--confirm-amount', typed]);
      // The first ones while it reads, confirms and writes its manifest; then after some more files.
      const files = round < 2 ? 0 : before + 1 + random(6);
      await waitFor('it to go on', () => child.exitCode !== null || count() >= files, 120_000);
      await new Promise((resolve) => setTimeout(resolve, random(30)));
      if (round % 5 === 4) {
        const [victim] = serving().toSorted(() => random(3) - 1);
        if (victim !== undefined) {
          process.kill(victim, 'SIGKILL');
          systemKills++;
          await new Promise((resolve) => setTimeout(resolve, random(200)));
        }
      }
      if (child.kill('SIGKILL')) kills++;
      await ended;
    }
    expect([kills, systemKills]).toEqual([24, 4]);
    const issued = readdirSync(inFolder('killed')).filter((name) => name.endsWith('.currency.cbor')).length;
    expect(issued).toBeGreaterThan(0);
    expect(issued).toBeLessThan(150);

    const ran = await place.run(...words, '--verify', '--json');
    expect(ran.err).toBe('');
    expect(ran.json()).toMatchObject({
      ok: true,
      payees,
      total: typed,
      issued: { payees, total: typed },
      chunks: 150,
      verified: true,
    });
    const expected = new Map(
      amounts.map((amount, i) => [`payee ${i + 1}`, [BigInt(amount.replace('.', ''))]]),
    );
    expect(heldBy(inFolder('killed'))).toEqual(expected);
    expect(await issuedOf('EUR')).toMatchObject({ issued: typed, reserved: '0.00' });
    // Nothing is left to do, and the files stay as they are.
    const files = (): [string, number][] =>
      readdirSync(inFolder('killed')).map((name) => [name, statSync(inFolder(`killed/${name}`)).mtimeMs]);
    const before = files().filter(([name]) => !name.startsWith('bulk.lock'));
    expect((await place.run(...words, '--json')).json()).toMatchObject({ ok: true, unitsOfThisRun: 0 });
    expect(files().filter(([name]) => !name.startsWith('bulk.lock'))).toEqual(before);
  });
});

describe('before anything is issued', () => {
  const bulk = (...words: string[]): Promise<Ran> =>
    place.run('bulk', 'small.csv', '--currency', 'EUR', ...terms, '--chunk', '2', '--json', ...words);

  it.each([
    ['without the total', [], 'amount_unconfirmed'],
    ['with another total', ['--confirm-amount', '3.01'], 'amount_unconfirmed'],
    ['with a total that is no amount', ['--confirm-amount', '3,00'], 'amount_unconfirmed'],
    ['with a chunk of none', ['--chunk', '0', '--confirm-amount', '3.00'], 'usage'],
  ])('it is refused %s', async (_title, words, code) => {
    writePayees('small.csv', ['1.00', '1.00', '1.00']);
    const ran = await bulk('--out', 'unconfirmed', ...words);
    expect([ran.code, ran.json()]).toMatchObject([2, { ok: false, code }]);
  });

  it('a mistake in the last line is told with its line', async () => {
    writePayees('small.csv', ['1.00', '1.00', '1.00', '1.001']);
    const ran = await bulk('--out', 'mistaken', '--confirm-amount', '4.00');
    expect(ran.json()).toMatchObject({ ok: false, code: 'amount_fraction', field: 'line 5' });
    expect(readdirSync(inFolder('mistaken')).filter((name) => !name.startsWith('bulk.lock'))).toEqual([]);
  });

  it('a folder with files of something else is refused', async () => {
    mkdirSync(inFolder('other'), { recursive: true });
    writeFileSync(inFolder('other/00001.owners.json'), '[]');
    const ran = await bulk('--out', 'other', '--confirm-amount', '3.00');
    expect([ran.code, ran.json()]).toMatchObject([2, { code: 'file_exists' }]);
  });
});

describe('the same folder', () => {
  it('takes no other CSV, no other options, no second command at once, and no manifest with a turned digit', async () => {
    writePayees('small.csv', ['1.00', '1.00', '1.00', '1.00', '1.00']);
    const base = ['bulk', 'small.csv', '--currency', 'EUR', ...terms, '--out', 'same', '--json'];
    const chunked = [...base, '--chunk', '2'];
    expect((await place.run(...chunked, '--confirm-amount', '5.00')).code).toBe(0);
    expect((await place.run(...base, '--chunk', '3')).json()).toMatchObject({ code: 'bulk_changed' });
    expect((await place.run(...chunked, '--purpose', 'other')).json()).toMatchObject({
      code: 'bulk_changed',
    });
    expect((await place.run(...chunked, '--confirm-amount', '6.00')).json()).toMatchObject({
      code: 'amount_unconfirmed',
    });

    // The lock of a command that runs; that kill -9 gives it back, the kills above show.
    const release = lockFile(inFolder('same/bulk.lock'));
    const second = await place.run(...chunked);
    release?.();
    expect([second.code, second.json()]).toMatchObject([6, { code: 'bulk_in_use' }]);
    expect((await place.run(...chunked)).code).toBe(0);

    writePayees('small.csv', ['1.00', '1.00', '2.00', '1.00', '1.00']);
    const changed = await place.run(...chunked);
    expect([changed.code, changed.json()]).toMatchObject([2, { code: 'bulk_changed' }]);
    expect(String(changed.json()['message'])).toContain('lines 4 to 5');

    const manifest = readFileSync(inFolder('same/bulk.json'), 'utf8');
    const turned = manifest.replace(
      /"seed": "(.)/,
      (_, digit: string) => `"seed": "${digit === '0' ? '1' : '0'}`,
    );
    writeFileSync(inFolder('same/bulk.json'), turned);
    expect((await place.run(...chunked)).json()).toMatchObject({ code: 'bulk_damaged' });
    rmSync(inFolder('same/bulk.json'));
    expect((await place.run(...chunked)).json()).toMatchObject({ code: 'file_exists' });
  });
});

describe('a chunk that is denied', () => {
  it('keeps its denial until it is sent again under a new id, and then is issued if the rules let it pass', {
    timeout: 120_000,
  }, async () => {
    writePayees('denied.csv', ['10.00', '10.00', '40.00', '40.00', '5.00', '5.00']);
    const words = [
      'bulk',
      'denied.csv',
      '--currency',
      'CHF',
      ...terms,
      '--out',
      'denied',
      '--chunk',
      '2',
      '--json',
    ];
    const first = await place.run(...words, '--confirm-amount', '110.00');
    expect(first.code).toBe(3);
    expect(first.json()).toMatchObject({ ok: false, failed: [{ chunk: 2, firstLine: 4, lastLine: 5 }] });
    const idOf = (ran: Ran): unknown => (ran.json()['failed'] as { id: string }[])[0]?.id;
    const again = await place.run(...words);
    expect(again.json()).toMatchObject({ issued: { payees: 4, total: '30.00' }, failed: [{ chunk: 2 }] });
    expect(idOf(again)).toBe(idOf(first));
    const renewed = await place.run(...words, '--again');
    expect(renewed.code).toBe(3);
    expect(idOf(renewed)).not.toBe(idOf(first));
    expect(await issuedOf('CHF')).toMatchObject({ issued: '30.00', reserved: '0.00' });

    await systems.stop();
    const configuration = join(place.home, 'central/config.json');
    const text = readFileSync(configuration, 'utf8').replaceAll('"6000"', '"9000"');
    writeFileSync(configuration, text);
    systems = await place.up();
    const passed = await place.run(...words, '--again', '--verify');
    expect(passed.json()).toMatchObject({ ok: true, issued: { payees: 6, total: '110.00' }, verified: true });
    expect([...heldBy(inFolder('denied')).values()].map(([amount]) => amount)).toHaveLength(6);
    expect(await issuedOf('CHF')).toMatchObject({ issued: '110.00' });
  });
});

describe('systems that are down', () => {
  it('are waited for, and after that the same command goes on', { timeout: 120_000 }, async () => {
    writePayees('down.csv', ['1.00', '2.00']);
    const words = ['bulk', 'down.csv', '--currency', 'EUR', ...terms, '--out', 'down', '--json'];
    await systems.stop();
    const down = await place.run(...words, '--confirm-amount', '3.00', '--patience', '1');
    expect([down.code, down.json()]).toMatchObject([6, { code: 'peer_unavailable', issued: { payees: 0 } }]);
    const waiting = place.run(...words, '--patience', '60');
    systems = await place.up();
    expect((await waiting).json()).toMatchObject({ ok: true, issued: { payees: 2, total: '3.00' } });
  });
});

const canMount = process.getuid?.() === 0;
const fullTitle = canMount ? 'a full disk' : 'a full disk (SKIPPED: needs the right to mount one)';
describe.skipIf(!canMount)(fullTitle, () => {
  it('stops it, and with more room the same command issues what is left, nothing twice', {
    timeout: 120_000,
  }, async (context) => {
    const folder = inFolder('full');
    mkdirSync(folder);
    const mount = (...options: string[]) => spawnSync('mount', [...options, 'tmpfs', folder]).status;
    // Root may still not mount, in a container.
    if (mount('-t', 'tmpfs', '-o', 'size=512k') !== 0)
      return context.skip('SKIPPED: needs the right to mount');
    try {
      const before = (await issuedOf('EUR')) as { issued: string };
      writePayees(
        'full.csv',
        Array.from({ length: 2_000 }, () => '1.00'),
      );
      const words = [
        'bulk',
        'full.csv',
        '--currency',
        'EUR',
        ...terms,
        '--out',
        'full',
        '--chunk',
        '100',
        '--json',
      ];
      const full = await place.run(...words, '--confirm-amount', '2000.00');
      expect([full.code, full.json()]).toMatchObject([6, { code: 'disk_full' }]);
      expect(mount('-o', 'remount,size=16m')).toBe(0);
      const ran = await place.run(...words, '--verify');
      expect(ran.json()).toMatchObject({ ok: true, issued: { payees: 2_000 }, verified: true });
      expect(heldBy(folder).size).toBe(2_000);
      expect(
        Number(((await issuedOf('EUR')) as { issued: string }).issued) - Number(before.issued),
      ).toBeCloseTo(2_000, 5);
    } finally {
      spawnSync('umount', [folder]);
    }
    return undefined;
  });
});

const cappedTitle = nightly
  ? 'a cap of the requests of a minute'
  : 'a cap of the requests of a minute (SKIPPED: takes minutes, in `npm run test:nightly`)';
describe.skipIf(!nightly)(cappedTitle, () => {
  it('is waited for, and each chunk is issued once under the id that passed', async () => {
    writePayees('capped.csv', ['1', '2', '3']);
    const words = ['bulk', 'capped.csv', '--currency', 'JPY', ...terms, '--out', 'capped', '--chunk', '1'];
    const ran = await place.run(...words, '--confirm-amount', '6', '--json');
    expect(ran.json()).toMatchObject({ ok: true, issued: { payees: 3, total: '6' } });
    expect(readdirSync(inFolder('capped')).some((name) => name.endsWith('.refused.json'))).toBe(true);
    expect(await issuedOf('JPY')).toMatchObject({ issued: '6', reserved: '0' });
  });
});

const millionTitle = nightly ? 'a million payees' : 'a million payees (SKIPPED: in `npm run test:nightly`)';
describe.skipIf(!nightly)(millionTitle, () => {
  it('get a unit each, in bounded memory', async () => {
    const amounts = Array.from({ length: 1_000_000 }, (_, i) => `1.${String(i % 100).padStart(2, '0')}`);
    writePayees('million.csv', amounts);
    const words = ['bulk', 'million.csv', '--currency', 'EUR', ...terms, '--out', 'million'];
    const { child, ended } = start([...words, '--confirm-amount', '1495000.00']);
    let peakKb = 0;
    const timer = setInterval(() => {
      try {
        const peak = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1];
        peakKb = Math.max(peakKb, Number(peak ?? 0));
      } catch {
        // It has ended.
      }
    }, 100);
    expect(await ended).toBe(0);
    clearInterval(timer);
    expect(peakKb).toBeGreaterThan(0);
    expect(peakKb).toBeLessThan(450 * 1024);
    const verified = await place.run(...words, '--verify', '--json');
    expect(verified.json()).toMatchObject({ ok: true, issued: { payees: 1_000_000 }, verified: true });
  });
});
