/** Quota control as several processes on one PostgreSQL server, with the compiled program: killed, stopped, added, taken out, and one of them forked. */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Client, makeClient } from '../../src/api/client.ts';
import { openCommandSigner } from '../../src/appliance/command-signer.ts';
import { applianceSchema, readConfiguration } from '../../src/appliance/configuration.ts';
import { readEndpoints } from '../../src/appliance/endpoints.ts';
import { homeAt } from '../../src/appliance/home.ts';
import { readTls } from '../../src/appliance/tls-files.ts';
import { readTrustBundle } from '../../src/appliance/trust.ts';
import { fromHex } from '../../src/kit/bytes.ts';
import { attachSignature } from '../../src/records/cose.ts';
import { encodeJournalHead } from '../../src/records/journal-head.ts';
import { draft } from '../bench/appliance.ts';
import { type PostgresServer, skipReason, startPostgres } from '../store/postgres-server.ts';
import { writeApprovers } from './approvers.ts';
import {
  copyDevice,
  makeWorkplace,
  processesOf,
  project,
  type Ran,
  type Systems,
  type Workplace,
  waitFor,
} from './ringmint.ts';

// Each command is a process of its own.
vi.setConfig({ testTimeout: 240_000 });

const title =
  skipReason === undefined
    ? 'quota control as several processes'
    : `quota control as several processes (SKIPPED: ${skipReason})`;

/** Cents that may be issued. */
const total = 3_000;

describe.skipIf(skipReason !== undefined)(title, () => {
  let place: Workplace;
  let server: PostgresServer;
  let database: string;
  let systems: Systems | undefined;
  let client: Client;

  const inFolder = (name: string): string => join(place.folder, name);
  const sql = (text: string): string => server.sql(text, database);
  const ledger = (): { issued: number; reserved: number } => {
    const [issued, reserved] = sql('SELECT issued, reserved FROM ringmint.quota').split('|').map(Number);
    return { issued: issued ?? 0, reserved: reserved ?? 0 };
  };
  /** Control bits of each process. */
  const controlBits = (series: string): number =>
    Number(
      sql(
        `SELECT count(*) FROM ringmint.intent i JOIN ringmint.series s ON s.number = i.series WHERE kind = 'control-bit' AND s.name = '${series}'`,
      ),
    );
  const appliance = () => join(place.home, 'appliance.json');
  const said = (): string => systems?.said() ?? '';

  async function saidSince(before: number, text: string): Promise<void> {
    await waitFor(`"${text}"`, () => said().slice(before).includes(text), 60_000);
  }

  function findPid(series: string): number | undefined {
    return processesOf(place.folder).find((one) =>
      readFileSync(`/proc/${one}/cmdline`, 'utf8').includes(`serve\0quota\0--series\0${series}\0`),
    );
  }

  const runs = (series: string): boolean => findPid(series) !== undefined;

  function pidOf(series: string): number {
    const id = findPid(series);
    if (id === undefined) throw new Error(`process ${series} runs`);
    return id;
  }

  /** Sends the orders again and again, those that have no outcome yet, until each is issued or denied; gives how many were issued. */
  async function issueAll(
    orders: readonly Uint8Array[],
    told: (codes: Set<string>) => void = () => undefined,
  ) {
    let left = [...orders];
    let issued = 0;
    const codes = new Set<string>();
    await waitFor(
      'each order to have an outcome',
      async () => {
        const answer = await client.issueMany(left);
        if (!answer.ok) {
          codes.add(answer.code);
          return false;
        }
        left = left.filter((_, index) => {
          const outcome = answer.value.outcomes[index];
          if (outcome?.kind === 'issued') issued++;
          if (outcome?.kind === 'refused') codes.add(outcome.code);
          return outcome?.kind !== 'issued' && outcome?.kind !== 'denied';
        });
        return left.length === 0;
      },
      90_000,
    );
    told(codes);
    return issued;
  }

  const singles = (count: number): Uint8Array[] => Array.from({ length: count }, () => draft(1));
  /** Each in a call of its own, so that there are many requests. */
  const issueOneByOne = async (count: number): Promise<number> => {
    let issued = 0;
    for (const order of singles(count)) issued += await issueAll([order]);
    return issued;
  };

  async function listed(): Promise<{ series: string; state: string; epoch: number; journal: string }[]> {
    const ran = await place.run('process', 'list', '--json');
    expect(ran.err).toBe('');
    return (ran.json() as { processes: { series: string; state: string; epoch: number; journal: string }[] })
      .processes;
  }

  beforeAll(async () => {
    place = makeWorkplace();
    const cents = (amount: number): string => (amount / 100).toFixed(2);
    const limits = { total: cents(total), dayLimit: cents(total), requestMaximum: cents(total) };
    const quota = { currency: 'EUR', ...limits, ceiling: cents(total), requestsPerMinute: 1_000_000 };
    writeFileSync(inFolder('quotas.json'), JSON.stringify([quota]));
    const made = await place.run('init', '--quotas', 'quotas.json');
    if (made.code !== 0) throw new Error(made.err);
    server = startPostgres();
    database = server.makeDatabase();
    writeFileSync(inFolder('quota.url'), server.url(database), { mode: 0o600 });
  }, 240_000);

  afterAll(async () => {
    await client?.close();
    await systems?.stop();
    server?.remove();
    place?.remove();
  });

  it('takes PostgreSQL, and an epoch, an anchor and a port for each: anything else is refused before it is served', async () => {
    const add = (series: string, ...more: string[]): Promise<Ran> =>
      place.run('process', 'add', '--series', series, ...more, '--json');
    const onFile = await add('quota-2');
    expect([onFile.code, onFile.json()]).toMatchObject([2, { code: 'configuration_invalid' }]);
    const moved = await place.run(
      ...['store', 'migrate', '--role', 'quota', '--to-file', inFolder('quota.url')],
      ...['--series', 'quota-1'],
    );
    expect(moved.code, moved.err).toBe(0);
    const path = join(place.home, 'quota/config.json');
    const store = { kind: 'postgres', urlFile: inFolder('quota.url'), series: 'quota-1', anchor: 'journal' };
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), store }));
    const added = await add('quota-2');
    expect([added.code, added.json()], added.err).toMatchObject([0, { outcome: 'added', epoch: 2 }]);
    expect((await add('quota-2')).json()).toMatchObject({ outcome: 'there', epoch: 2 });
    const alone = await place.run('serve', 'quota', '--series', 'quota-9', '--json');
    expect([alone.code, alone.json()]).toMatchObject([2, { code: 'process_unknown' }]);

    const right = readFileSync(appliance(), 'utf8');
    const written = JSON.parse(right) as { quotaProcesses: Record<string, unknown>[] };
    for (const [changed, message] of [
      [{ epoch: 1 }, 'has two with epoch `1`'],
      [{ anchor: 'journal' }, 'has two with anchor `journal`'],
      [{ state: 'taken-out' }, undefined],
    ] as const) {
      const [first, second] = written.quotaProcesses;
      writeFileSync(
        appliance(),
        JSON.stringify({ ...written, quotaProcesses: [first, { ...second, ...changed }] }),
      );
      if (message === undefined) {
        const out = await place.run('serve', 'quota', '--series', 'quota-2', '--json');
        expect([out.code, out.json()]).toMatchObject([2, { code: 'process_taken_out' }]);
        continue;
      }
      const refused = await place.run('up');
      expect(refused.err).toContain(message);
      expect(refused.code).toBe(2);
    }
    writeFileSync(appliance(), right);
    expect(processesOf(place.folder)).toEqual([]);
    copyDevice(join(place.home, 'quota/device'), inFolder('older device'));
  });

  it('serves one quota from two processes, with a journal each', async () => {
    systems = await place.up();
    expect(said()).toContain('quota quota-1 serves at');
    expect(said()).toContain('quota quota-2 serves at');
    client = makeClient(
      { tls: await readTls(homeAt(place.home), 'operator'), timeoutMs: 60_000 },
      await readEndpoints(place.home),
    );
    expect(await issueOneByOne(20)).toBe(20);
    expect(controlBits('quota-1')).toBeGreaterThan(0);
    expect(controlBits('quota-2')).toBeGreaterThan(0);
    expect(ledger()).toEqual({ issued: 20, reserved: 0 });

    const status = (await place.run('status', '--json')).json() as {
      systems: {
        role: string;
        series: string | null;
        journal: { id: string };
        witnessing: { state: string };
      }[];
    };
    const processes = await listed();
    expect(
      status.systems.flatMap(({ series, journal }) =>
        series === null ? [] : [{ series, journal: journal.id }],
      ),
    ).toEqual(processes.map(({ series, journal }) => ({ series, journal })));
    expect(status.systems.map(({ witnessing }) => witnessing.state)).toEqual([
      'open',
      'open',
      'open',
      'open',
    ]);

    const unnamed = await place.run('journal', 'show', 'quota', '--json');
    expect([unnamed.code, unnamed.json()]).toMatchObject([2, { code: 'usage' }]);
    const shown = await place.run('journal', 'show', 'quota', '--series', 'quota-2', '--json');
    expect(shown.out.trim().split('\n')).toHaveLength(controlBits('quota-2'));
    const kept = await place.run('witness', 'keep', '--out', 'heads', '--json');
    expect((kept.json() as { heads: { series?: string }[] }).heads.map(({ series }) => series)).toEqual([
      undefined,
      undefined,
      'quota-1',
      'quota-2',
    ]);
    for (const { series } of processes)
      expect((await place.run('witness', 'check', `heads/quota-${series}-head.cose`)).code).toBe(0);
  });

  it('takes a new trust bundle in each process, on the same port', async () => {
    writeApprovers(place.folder, 2);
    const urls = (): unknown => JSON.parse(readFileSync(join(place.home, 'endpoints.json'), 'utf8'));
    const before = urls();
    const planned = await place.run(
      'ceremony',
      'plan',
      '--approvers',
      'approvers.json',
      '--out',
      'plan.cbor',
    );
    const ran = await place.run('ceremony', 'run', 'plan.cbor', '--out', 'ceremony.cose');
    expect([planned.code, ran.code], ran.err).toEqual([0, 0]);
    for (const log of ['serve.log', 'processes/quota-2/serve.log'])
      await waitFor('the new bundle to be taken', () =>
        readFileSync(join(place.home, 'quota', log), 'utf8').includes('serves with the new trust bundle'),
      );
    expect(urls()).toEqual(before);
    for (const series of ['quota-1', 'quota-2'])
      await waitFor(`${series} to sign`, async () => {
        const status = await client.status('quota', series);
        return status.ok && status.value.witnessing.state === 'open';
      });
  });

  it('goes on when one process is killed under load, and loses nothing when it is back', async () => {
    const before = said().length;
    const bits = controlBits('quota-2');
    const lanes = Array.from({ length: 6 }, async () => {
      let issued = 0;
      for (let call = 0; call < 16; call++) issued += await issueAll(singles(5));
      return issued;
    });
    const loaded = Promise.all(lanes);
    await waitFor('it to work', () => controlBits('quota-2') > bits + 2);
    process.kill(pidOf('quota-2'), 'SIGKILL');
    const atKill = controlBits('quota-1');
    await waitFor('the other one to go on', () => controlBits('quota-1') > atKill + 2);
    expect(said().slice(before)).not.toContain('quota quota-2 serves at');
    await saidSince(before, 'quota quota-2 serves at');
    const issued = (await loaded).reduce((sum, one) => sum + one, 0);
    expect(issued).toBe(480);
    await waitFor('nothing to be reserved', () => ledger().reserved === 0);
    expect(ledger()).toEqual({ issued: 500, reserved: 0 });
  });

  it('stops everywhere when it is stopped at one, and takes a start from any', async () => {
    const stopped = await place.run('stop', '--reason', 'drill', '--json');
    expect(stopped.code, stopped.err).toBe(0);
    for (const series of ['quota-1', 'quota-2']) {
      const status = await client.status('quota', series);
      expect(status.ok && status.value.stopped?.reason).toBe('drill');
    }
    for (const order of singles(6))
      expect(await client.issue(order)).toMatchObject({ ok: false, code: 'issuance_stopped' });
    expect(ledger()).toEqual({ issued: 500, reserved: 0 });
    expect((await place.run('start', '--reason', 'checked', '--out', 'start.cbor')).code).toBe(0);
    const approvals = await Promise.all(
      ['alice', 'bob'].map((name) =>
        place.run(
          'quota',
          'approve',
          'start.cbor',
          '--key',
          `${name}.pem`,
          '--trust',
          'appliance/trust.cbor',
        ),
      ),
    );
    expect(approvals.map(({ code, err }) => [code, err])).toEqual([
      [0, ''],
      [0, ''],
    ]);
    const started = await place.run('quota', 'apply', 'start.cbor', 'alice.cose', 'bob.cose', '--json');
    expect([started.code, started.err]).toEqual([0, '']);
    expect(await issueOneByOne(2)).toBe(2);
  });

  it('takes a third while it runs, and lets one be taken out', async () => {
    const before = said().length;
    const added = await place.run('process', 'add', '--series', 'quota-3', '--json');
    expect([added.code, added.json()], added.err).toMatchObject([0, { outcome: 'added', epoch: 3 }]);
    await saidSince(before, 'quota quota-3 serves at');
    await waitFor('the third to get work', async () => {
      await issueOneByOne(3);
      return controlBits('quota-3') > 0;
    });
    const out = await place.run('process', 'take-out', 'quota-2', '--json');
    expect([out.code, out.json()], out.err).toMatchObject([0, { outcome: 'taken-out', abandoned: 0 }]);
    // Its journal is free a moment before it has ended.
    await waitFor('it to end', () => !runs('quota-2'));
    const bits = controlBits('quota-2');
    await issueOneByOne(6);
    expect(controlBits('quota-2')).toBe(bits);
    expect((await listed()).map(({ series, state }) => [series, state])).toEqual([
      ['quota-1', 'serving'],
      ['quota-2', 'taken-out'],
      ['quota-3', 'serving'],
    ]);
    expect(ledger().reserved).toBe(0);
  });

  it('is audited, and backed up while it runs, as one ledger with a journal for each process', async () => {
    for (const role of ['quota', 'central', 'issuance'])
      expect((await place.run('audit', 'extract', '--role', role)).code).toBe(0);
    const files = ['quota', 'central', 'issuance'].map((role) => `${role}.extract`);
    const checked = await place.run('audit', 'check', ...files, '--json');
    expect([checked.code, checked.json()], checked.err).toMatchObject([0, { clean: true }]);
    const backup = await place.run('store', 'backup', '--role', 'quota', '--out', 'backup', '--json');
    const journals = ['quota-1', 'quota-2', 'quota-3'].map((series) => ({ series }));
    expect([backup.code, backup.json()], backup.err).toMatchObject([0, { journals }]);
    const verified = await place.run('store', 'verify', 'backup');
    expect([verified.code, verified.err]).toMatchObject([0, expect.any(String)]);
    expect(verified.out).toContain('the anchor of quota for quota-3, entry');
    expect(verified.out).not.toContain('lacks');
  });

  /** Has two people approve that quota control goes on from what it has; gives the files, and what they were told. */
  async function approveAnchor(name: string): Promise<{ files: string[]; told: string; err: string }> {
    const words = ['--role', 'quota', '--reason', name, '--out', `${name}.cbor`];
    const proposed = await place.run('store', 'propose-anchor', ...words);
    expect(proposed.code, proposed.err).toBe(0);
    const approvals = ['alice', 'bob'].map((who) => `${name}-${who}.cose`);
    for (const [index, who] of ['alice', 'bob'].entries()) {
      const key = ['--key', `${who}.pem`, '--trust', 'appliance/trust.cbor'];
      const out = ['--out', approvals[index] ?? ''];
      expect((await place.run('quota', 'approve', `${name}.cbor`, ...key, ...out)).code).toBe(0);
    }
    return { files: [`${name}.cbor`, ...approvals], told: proposed.out, err: proposed.err };
  }

  it('is anchored anew, all journals together, where its device is an older one and its ledger the newest', async () => {
    await systems?.stop();
    copyDevice(inFolder('older device'), join(place.home, 'quota/device'));
    const halted = await place.run('up');
    expect([halted.code, halted.err]).toMatchObject([6, expect.stringContaining('[anchor_behind]')]);
    const { files } = await approveAnchor('device');
    const anew = await place.run('store', 'anchor-anew', ...files, '--json');
    const journals = [
      { series: 'quota-1', anchor: 'journal', epoch: null },
      { series: 'quota-2', anchor: 'quota-2', epoch: null },
      { series: 'quota-3', anchor: 'quota-3', epoch: null },
    ];
    expect([anew.code, anew.json()], anew.err).toMatchObject([0, { role: 'quota', journals, released: [] }]);
    systems = await place.up();
    expect(said()).not.toContain('cannot be started');
    expect(await issueOneByOne(4)).toBe(4);
  });

  it('goes on from an older copy, all journals together, with what any of them issued since written off', async () => {
    const older = await place.run('store', 'backup', '--role', 'quota', '--out', 'older');
    expect(older.code, older.err).toBe(0);
    // One that the copy does not know, and that is taken out again.
    const before = said().length;
    expect((await place.run('process', 'add', '--series', 'quota-4')).code).toBe(0);
    await saidSince(before, 'quota quota-4 serves at');
    const bits = [controlBits('quota-1'), controlBits('quota-3')] as const;
    await waitFor('each to get work', async () => {
      await issueOneByOne(3);
      return (
        controlBits('quota-1') > bits[0] && controlBits('quota-3') > bits[1] && controlBits('quota-4') > 0
      );
    });
    expect((await place.run('process', 'take-out', 'quota-4')).code).toBe(0);
    const { issued } = ledger();
    const lost = controlBits('quota-4');
    await systems?.stop();

    database = server.makeDatabase();
    writeFileSync(inFolder('quota.url'), server.url(database));
    const restored = await place.run('store', 'restore', 'older');
    expect(restored.code, restored.err).toBe(0);
    expect(restored.err).toContain(`the anchor of quota for quota-4, entry ${lost}: it lacks ${lost} `);
    expect(restored.out).toContain('will not start on it (journal_behind_anchor)');
    const since = issued - ledger().issued;
    const halted = await place.run('up');
    expect([halted.code, halted.err]).toMatchObject([6, expect.stringContaining('[journal_behind_anchor]')]);

    const { files, told, err } = await approveAnchor('copy');
    expect(err).toContain(
      `issuance has ${(since / 100).toFixed(2)} demo-issuer/EUR that this ledger does not count`,
    );
    expect(told.match(/GIVEN UP/g)).toHaveLength(3);
    expect(told).toContain(`allocated ${((total - since) / 100).toFixed(2)}`);
    // Killed with all names in appliance.json, and those of the first not yet in config.json.
    const path = join(place.home, 'quota/config.json');
    const configured = readFileSync(path);
    const words = ['--import', 'tsx', join(import.meta.dirname, 'cut-anchor.ts'), place.home, project];
    const cut = spawnSync(process.execPath, [...words, 'anchoring the journal', ...files.map(inFolder)], {
      encoding: 'utf8',
    });
    expect([cut.signal, cut.stderr]).toEqual(['SIGKILL', '']);
    expect(readFileSync(path).equals(configured)).toBe(false);
    writeFileSync(path, configured);
    const unfinished = await place.run('up');
    expect([unfinished.code, unfinished.err]).toMatchObject([
      2,
      expect.stringContaining('anchor is `journal`'),
    ]);

    const anew = await place.run('store', 'anchor-anew', ...files, '--json');
    expect([anew.code, anew.json()], anew.err).toMatchObject([
      0,
      {
        journals: [1, 2, 3, 4].map((n) => ({ series: `quota-${n}`, epoch: 4 + n })),
        released: ['central', 'issuance'],
      },
    ]);
    systems = await place.up();
    expect(said()).not.toContain('cannot be started');
    expect(sql('SELECT allocated FROM ringmint.quota')).toBe(String(total - since));
    expect(await issueOneByOne(6)).toBe(6);
    expect(ledger()).toEqual({ issued: issued - since + 6, reserved: 0 });
    expect((await listed()).map(({ epoch, state }) => [epoch, state])).toEqual([
      [5, 'serving'],
      [6, 'taken-out'],
      [7, 'serving'],
      [8, 'taken-out'],
    ]);
  });

  it('halts one process whose journal is forked, and no other; what waits for it is given up with it', async () => {
    sql(
      `CREATE TABLE public.stalled (one boolean);
        CREATE FUNCTION public.wait_while_stalled() RETURNS trigger LANGUAGE plpgsql AS
          $$ BEGIN WHILE EXISTS (SELECT FROM public.stalled) LOOP PERFORM pg_sleep(0.05); END LOOP; RETURN NEW; END $$;
        CREATE TRIGGER wait_while_stalled BEFORE UPDATE ON ringmint.intent FOR EACH ROW
          WHEN (OLD.series = 3) EXECUTE FUNCTION public.wait_while_stalled();
        INSERT INTO public.stalled VALUES (true)`,
    );
    // One that the third has taken quota for, and does not sign.
    const waiting = (): boolean =>
      sql('SELECT count(*) FROM ringmint.intent WHERE series = 3 AND signed IS NULL') === '1';
    let order = draft(1);
    let sending = client.issue(order);
    while (!waiting()) {
      const answer = await Promise.race([sending, new Promise((resolve) => setTimeout(resolve, 100))]);
      if (answer === undefined) continue;
      order = draft(1);
      sending = client.issue(order);
    }
    const before = said().length;
    await forge('quota-3');
    process.kill(pidOf('quota-3'), 'SIGKILL');
    await saidSince(before, 'quota quota-3 cannot be started');
    expect(said().slice(before)).toContain('with another hash than entry');
    sql('DELETE FROM public.stalled');
    expect(await sending).toMatchObject({ ok: false, code: 'in_progress' });

    const bits = controlBits('quota-1');
    expect(await issueOneByOne(5)).toBe(5);
    expect(controlBits('quota-1')).toBe(bits + 5);
    expect(said().slice(before)).not.toContain('quota quota-1 ended');
    expect((await place.run('status')).code).toBe(6);
    expect(await client.issue(order)).toMatchObject({ ok: false, code: 'in_progress' });

    const takeOut = (...more: string[]): Promise<Ran> =>
      place.run('process', 'take-out', 'quota-3', ...more, '--json');
    const unfinished = await takeOut();
    expect([unfinished.code, unfinished.json()]).toMatchObject([6, { code: 'process_unfinished' }]);
    const abandoned = await takeOut('--abandon');
    expect([abandoned.code, abandoned.json()], abandoned.err).toMatchObject([0, { abandoned: 1 }]);
    expect(await client.issue(order)).toMatchObject({ ok: false, code: 'request_abandoned' });
    const back = await place.run('process', 'add', '--series', 'quota-3', '--json');
    expect([back.code, back.json()]).toMatchObject([2, { code: 'process_taken_out' }]);
    const last = await takeOut();
    expect([last.code, last.json()]).toMatchObject([0, { outcome: 'there' }]);
    expect((await place.run('process', 'take-out', 'quota-1', '--json')).json()).toMatchObject({
      code: 'process_last',
    });
    await waitFor('the third to be asked no more', async () => (await place.run('status')).code === 0);
    expect(ledger().reserved).toBe(1);
  });

  /** Has both witnesses see another head under the number of the last one, as a copy of the process would have signed it. */
  async function forge(series: string): Promise<void> {
    const home = homeAt(place.home);
    const process = (await listed()).find((one) => one.series === series);
    if (process === undefined) throw new Error(`there is a process ${series}`);
    const configuration = await readConfiguration(home.appliance, applianceSchema);
    const surroundings = { home, role: 'quota', configuration, projectFolder: project } as const;
    const signer = await openCommandSigner(surroundings, await readTrustBundle(home));
    const tls = await readTls(home, 'quota');
    const copy = makeClient({ tls, timeoutMs: 10_000 }, await readEndpoints(place.home));
    for (const witness of ['central', 'issuance'] as const) {
      const status = await client.status(witness);
      const held = status.ok
        ? status.value.holds.find(({ journal }) => journal === process.journal)
        : undefined;
      if (held === undefined) throw new Error(`${witness} holds a head of ${series}`);
      const head = {
        role: 'quota',
        name: 'quota',
        issuedAt: Math.floor(Date.now() / 1000),
        journalId: fromHex(process.journal) ?? new Uint8Array(),
        epoch: process.epoch,
        sequence: held.sequence,
        hash: new Uint8Array(32).fill(7),
      } as const;
      const toBeSigned = encodeJournalHead(head, signer.key.keyId);
      const forged = attachSignature(toBeSigned, await signer.sign(toBeSigned, 'test'));
      expect(await copy.showHead(witness, forged)).toMatchObject({ ok: false, code: 'journal_forked' });
    }
    await signer.close();
    await copy.close();
  }

  it('never issues more than the quota, whoever asks where', async () => {
    // Less the one that was given up, and what was written off.
    const allocated = Number(sql('SELECT allocated FROM ringmint.quota'));
    const left = allocated - ledger().issued - 1;
    expect(await issueAll(singles(left + 200))).toBe(left);
    expect(ledger()).toEqual({ issued: allocated - 1, reserved: 1 });
  });
});
