/** Quota control on a PostgreSQL server, with the compiled program: moved there, and then killed, as is the server; quota falls once. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type PostgresServer, skipReason, startPostgres } from '../store/postgres-server.ts';
import {
  makeWorkplace,
  processesOf,
  project,
  type Ran,
  type Systems,
  type Workplace,
  waitFor,
} from './ringmint.ts';

// Each command is a process of its own.
vi.setConfig({ testTimeout: 120_000 });

const title =
  skipReason === undefined
    ? 'quota control on PostgreSQL'
    : `quota control on PostgreSQL (SKIPPED: ${skipReason})`;

describe.skipIf(skipReason !== undefined)(title, () => {
  let place: Workplace;
  let server: PostgresServer;
  let database: string;
  let systems: Systems | undefined;
  let moved: Record<string, unknown>;

  const inFolder = (name: string): string => join(place.folder, name);

  beforeAll(async () => {
    place = makeWorkplace();
    await place.init();
    systems = await place.up();
    await draft('before');
    await issue('before');
    await systems.stop();
    server = startPostgres();
    database = server.makeDatabase();
    writeFileSync(inFolder('quota.url'), server.url(database), { mode: 0o600 });
    const ran = await place.run(
      ...['store', 'migrate', '--role', 'quota', '--to-file', inFolder('quota.url')],
      ...['--series', 'quota-1', '--json'],
    );
    if (ran.code !== 0) throw new Error(ran.err);
    moved = ran.json();
    server.sql(
      `CREATE TABLE public.stalled (one boolean);
        CREATE FUNCTION public.wait_while_stalled() RETURNS trigger LANGUAGE plpgsql AS
          $$ BEGIN WHILE EXISTS (SELECT FROM public.stalled) LOOP PERFORM pg_sleep(0.05); END LOOP; RETURN NEW; END $$;
        CREATE TRIGGER wait_while_stalled BEFORE UPDATE ON ringmint.intent
          FOR EACH ROW EXECUTE FUNCTION public.wait_while_stalled()`,
      database,
    );
  }, 240_000);

  afterAll(async () => {
    await systems?.stop();
    server?.remove();
    place?.remove();
  });

  async function draft(name: string): Promise<void> {
    const made = await place.run('request', join(project, 'samples/request.json'), '--out', `${name}.cbor`);
    expect(made.err).toBe('');
  }

  const send = (name: string, out = name): Promise<Ran> =>
    place.run('issue', `${name}.cbor`, '--out', out, '--json');

  /** Gives the currency file. */
  async function issue(name: string, out = name): Promise<Buffer> {
    const ran = await send(name, out);
    expect([ran.code, ran.json()], ran.err).toMatchObject([0, { kind: 'issued', total: '250000.00' }]);
    return readFileSync(inFolder(`${out}/currency.cbor`));
  }

  /** What is issued and reserved of the euro, in the units of the sample request, as the program shows it and as the server has it. */
  async function used(): Promise<{ issued: number; reserved: number }> {
    const shown = (await place.run('quota', '--json')).json() as {
      positions: { currency: string; issued: string; reserved: string }[];
    };
    const euro = shown.positions.find(({ currency }) => currency === 'EUR');
    const [issued, reserved] = [Number(euro?.issued), Number(euro?.reserved)];
    const stored = server.sql(`SELECT issued, reserved FROM ringmint.quota WHERE currency = 'EUR'`, database);
    expect(stored).toBe(`${issued * 100}|${reserved * 100}`);
    return { issued: issued / 250_000, reserved: reserved / 250_000 };
  }

  function configure(store: Record<string, unknown>): void {
    const path = join(place.home, 'quota/config.json');
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), store }));
  }

  function quotaProcess(): number {
    const [id] = processesOf(place.folder).filter((one) =>
      readFileSync(`/proc/${one}/cmdline`, 'utf8').includes('serve\0quota'),
    );
    if (id === undefined) throw new Error('quota control runs');
    return id;
  }

  /** Sends a request up to where its quota is taken and its signature is made, but not stored. */
  async function sendHalfway(name: string): Promise<{ readonly sending: Promise<Ran> }> {
    await draft(name);
    server.sql('INSERT INTO public.stalled VALUES (true)', database);
    const sending = send(name);
    await waitFor(
      'a signature to wait',
      () =>
        server.sql(
          `SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ringmint' AND query LIKE 'UPDATE intent%' AND state = 'active'`,
        ) === '1',
    );
    const reserved = server.sql(`SELECT reserved FROM ringmint.quota WHERE currency = 'EUR'`, database);
    expect(reserved).toBe('25000000');
    return { sending };
  }

  const goOn = (): string => server.sql('DELETE FROM public.stalled', database);

  /** Kills quota control and waits until it serves again; gives what is said then. */
  async function killQuota(): Promise<string> {
    const before = systems?.said().length ?? 0;
    const said = (): string => systems?.said().slice(before) ?? '';
    process.kill(quotaProcess(), 'SIGKILL');
    await waitFor(
      'quota control to serve again',
      () => {
        if (said().includes('cannot be started')) throw new Error(said());
        return said().includes('quota serves at');
      },
      60_000,
    );
    return said();
  }

  /** Sends the same until it is issued: a system that was killed needs a moment, and its witnesses another. */
  async function issueInTheEnd(name: string): Promise<Buffer> {
    await waitFor(`${name} to be issued`, async () => (await send(name)).code === 0, 60_000);
    return issue(name);
  }

  it('does not start from the file that was moved, nor under another anchor than the journal has', async () => {
    expect(moved).toMatchObject({ role: 'quota', series: 'quota-1', anchor: 'journal' });
    const fromFile = await place.run('up');
    expect(fromFile.err).toContain('[store_foreign]');
    const store = { kind: 'postgres', urlFile: inFolder('quota.url'), series: 'quota-1' };
    configure(store);
    const unanchored = await place.run('up');
    expect(unanchored.err).toContain('[anchor_missing]');
    expect([fromFile.code, unanchored.code]).toEqual([6, 6]);
    expect(processesOf(place.folder)).toEqual([]);
    configure({ ...store, anchor: 'journal' });
    systems = await place.up();
    expect(await used()).toEqual({ issued: 1, reserved: 0 });
  });

  it('issues and verifies, and gives what was issued before the move, and before a kill, with the same bytes', async () => {
    const before = readFileSync(inFolder('before/currency.cbor'));
    expect((await issue('before', 'before again')).equals(before)).toBe(true);
    await draft('first');
    const first = await issue('first');
    const verified = await place.run('verify', 'first/currency.cbor', '--json');
    expect(verified.json()).toMatchObject({ ok: true, authentic: true, total: '250000.00' });
    await killQuota();
    expect((await issueInTheEnd('first')).equals(first)).toBe(true);
    expect(await used()).toEqual({ issued: 2, reserved: 0 });
  });

  it('takes quota once for a request that a kill of its process has cut between take and signature', async () => {
    const { sending } = await sendHalfway('cut');
    const backend = server.sql(`SELECT pid FROM pg_stat_activity WHERE application_name = 'ringmint'`);
    const killed = killQuota();
    // The server has the series' lock for the process that is gone, until it finds out.
    await waitFor(
      'the server to give the lock back',
      () => server.sql(`SELECT count(*) FROM pg_stat_activity WHERE pid = ${backend}`) === '0',
    );
    goOn();
    expect(await killed).toContain('after finishing 1 left by a crash');
    await sending;
    await issueInTheEnd('cut');
    expect(await used()).toEqual({ issued: 3, reserved: 0 });
  });

  it('answers with a code while the server is away, and goes on by itself when it is back', async () => {
    const id = quotaProcess();
    await draft('away');
    server.stop('immediate');
    const refused = await send('away');
    expect([refused.code, refused.json()]).toMatchObject([6, { ok: false, code: 'store_unreachable' }]);
    server.start();
    await issueInTheEnd('away');
    expect(await used()).toEqual({ issued: 4, reserved: 0 });
    expect(quotaProcess()).toBe(id);
  });

  it('takes quota once for a request that the end of the server has cut between take and signature', async () => {
    const { sending } = await sendHalfway('crashed');
    server.stop('immediate');
    server.start();
    goOn();
    await sending;
    const crashed = await issueInTheEnd('crashed');
    expect((await issue('crashed', 'crashed again')).equals(crashed)).toBe(true);
    expect(await used()).toEqual({ issued: 5, reserved: 0 });
    const first = readFileSync(inFolder('first/currency.cbor'));
    expect((await issue('first', 'first again')).equals(first)).toBe(true);
    expect(await used()).toEqual({ issued: 5, reserved: 0 });
  });

  it('holds the heads of the others there, and forgets one at the word of an operator, when it is stopped', async () => {
    const held = (): string =>
      server.sql('SELECT role FROM ringmint.held_head ORDER BY role', database).replaceAll('\n', ' ');
    expect(held()).toBe('central issuance');
    const release = (): Promise<Ran> => place.run('witness', 'release', 'central', '--at', 'quota', '--json');
    const refused = await release();
    expect([refused.code, refused.json()]).toMatchObject([6, { code: 'store_in_use' }]);
    await systems?.stop();
    const released = await release();
    expect([released.code, released.err]).toEqual([0, '']);
    expect(held()).toBe('issuance');
  });
});
