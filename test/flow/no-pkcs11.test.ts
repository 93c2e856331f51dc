/** The whole flow where there is no PKCS#11 module anywhere: keys and anchors in simulated secure elements, which are killed under load. */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Client, makeClient } from '../../src/api/client.ts';
import { readEndpoints } from '../../src/appliance/endpoints.ts';
import { homeAt, roles } from '../../src/appliance/home.ts';
import { readTls } from '../../src/appliance/tls-files.ts';
import { draft } from '../bench/appliance.ts';
import { writeApprovers } from './approvers.ts';
import { makeWorkplace, processesOf, project, type Ran, type Systems, type Workplace } from './ringmint.ts';

// Each command is a process of its own.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let place: Workplace;
let systems: Systems | undefined;
let made: Ran;

beforeAll(async () => {
  place = makeWorkplace({ without: ['SOFTHSM2_MODULE', 'SOFTHSM2_CONF', 'SOFTHSM2_UTIL'] });
  const quotas = join(project, 'samples/quotas.json');
  made = await place.run(
    'init',
    '--quotas',
    quotas,
    '--hsm',
    'firmware-sim',
    '--module',
    '/nowhere/module.so',
  );
});

afterAll(async () => {
  await systems?.stop();
  place.remove();
});

async function succeed(...words: string[]): Promise<Record<string, unknown>> {
  const ran = await place.run(...words, '--json');
  expect([ran.code, ran.out], `${words.join(' ')}: ${ran.err}${ran.out}`).toEqual([0, expect.any(String)]);
  return ran.json();
}

function issueSample(out: string): Promise<Ran> {
  return place.run('issue', 'sample.cbor', '--out', out, '--confirm-amount', '250000.00', '--json');
}

/** By a client as the command line has it. */
async function withClient(use: (client: Client) => Promise<void>): Promise<void> {
  const tls = await readTls(homeAt(place.home), 'operator');
  const client = makeClient({ tls, timeoutMs: 60_000 }, await readEndpoints(place.home));
  try {
    await use(client);
  } finally {
    await client.close();
  }
}

/** As callers do: the same again, until it is there. `make` gives another one, where the keys change: what names a revoked key stays refused. */
async function issueOnce(client: Client, make: () => Uint8Array): Promise<void> {
  for (let tries = 1; ; tries++) {
    const answer = await client.issue(make());
    if (answer.ok) {
      expect(answer.value.kind).toBe('issued');
      return;
    }
    expect(tries, `${answer.message} [${answer.code}]`).toBeLessThan(100);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

describe('an appliance without PKCS#11', () => {
  it('is made, and says that its keys are in a simulator', () => {
    expect([made.code, made.err]).toEqual([0, expect.stringContaining('SIMULATED')]);
    expect(made.out).toContain('THE KEYS ARE IN A SIMULATOR');
  });

  it('is not made with keys in a device and anchors elsewhere', async () => {
    for (const anchor of ['tokens', 'tpm']) {
      const words = ['--hsm', 'firmware-sim', '--anchor', anchor, '--home', 'other'];
      const ran = await place.run('init', '--quotas', join(project, 'samples/quotas.json'), ...words);
      expect([ran.code, ran.err]).toEqual([2, expect.stringContaining('--anchor firmware-sim')]);
    }
  });

  it('issues what verifies offline, and says in its status what it is', async () => {
    systems = await place.up();
    expect(systems.said()).toContain('SIMULATOR');
    await succeed('request', join(project, 'samples/request.json'), '--out', 'sample.cbor');
    expect((await issueSample('first')).json()).toMatchObject({ kind: 'issued' });
    expect(await succeed('verify', 'first/currency.cbor')).toMatchObject({
      authentic: true,
      total: '250000.00',
    });
    const status = await succeed('status');
    expect(status['systems']).toMatchObject(
      roles.map(() => ({
        devices: {
          anchor: { kind: 'firmware-sim', simulator: true },
          keys: { kinds: ['firmware-sim'], simulator: true },
        },
      })),
    );
    expect(String(status['warnings'])).toContain('SIMULATOR');
  });

  it('issues every order once while its devices are killed, one after another', async () => {
    const home = homeAt(place.home);
    await withClient(async (client) => {
      let going = true;
      let issued = 0;
      const load = Array.from({ length: 4 }, async () => {
        for (let count = 1; going; count++) {
          const order = draft(count);
          await issueOnce(client, () => order);
          issued++;
        }
      });
      try {
        for (const role of roles) {
          const before = issued;
          const [device] = processesOf(home.device(role)).filter((id) => !isServing(id));
          if (device === undefined) throw new Error(`a device of ${role} runs`);
          process.kill(device, 'SIGKILL');
          await expect.poll(() => issued, { timeout: 20_000 }).toBeGreaterThan(before + 8);
        }
      } finally {
        going = false;
        await Promise.all(load);
      }
    });
    expect(await succeed('status')).toMatchObject({ systems: roles.map(() => ({ unsigned: 0 })) });
  });

  it('audits, rotates and revokes its keys', async () => {
    await succeed('keys', 'audit', '--out', 'audit');
    const audited = roles.map((role) => `audit/${role}-audit.cose`);
    for (const file of audited) await succeed('keys', 'check-audit', file);
    const { keyId, replaced } = await succeed('keys', 'rotate', 'issuance', '--delay', '0');
    await succeed('keys', 'revoke', String(replaced));
    await withClient((client) => issueOnce(client, () => draft(4)));
    const { keys } = (await succeed('keys', 'list')) as {
      keys: { keyId: string; hsm: string; state: string }[];
    };
    expect(keys.find((key) => key.keyId === keyId)).toMatchObject({ hsm: 'firmware-sim', state: 'current' });
    expect(keys.find((key) => key.keyId === replaced)).toMatchObject({ state: 'revoked' });
  });

  it('signs rules with the key of central management', async () => {
    copyFileSync(join(project, 'samples/rules/jp-payments.rules'), join(place.folder, 'own.rules'));
    expect(await succeed('rules', 'sign', 'own.rules', '--as', 'JP')).toMatchObject({ signed: 'module' });
  });

  it('has its keys made in a ceremony, each with its proof of possession', async () => {
    writeApprovers(place.folder, 2);
    const rotations = ['--rotate', 'central', '--rotate', 'quota-agreement'];
    await succeed('ceremony', 'plan', '--approvers', 'approvers.json', ...rotations, '--out', 'plan.cbor');
    expect(await succeed('ceremony', 'run', 'plan.cbor', '--out', 'transcript.cose')).toMatchObject({
      madeKeys: [{ role: 'central', hsm: 'firmware-sim' }, { role: 'quota-agreement' }],
    });
    await succeed('ceremony', 'verify', 'transcript.cose');
    await withClient((client) => issueOnce(client, () => draft(5)));
  });

  it('has no backup of keys that never leave their device', async () => {
    const ran = await place.run('keys', 'backup', 'quota', '--out', 'backup', '--json');
    expect([ran.code, ran.json()]).toMatchObject([2, { code: 'backup_unsupported' }]);
  });

  it('starts again, and goes on', async () => {
    await systems?.stop();
    expect(processesOf(place.folder)).toEqual([]);
    systems = await place.up();
    expect((await issueSample('again')).code).toBe(0);
    const [first, again] = ['first', 'again'].map((name) =>
      readFileSync(join(place.folder, name, 'currency.cbor')),
    );
    expect(again).toEqual(first);
    await withClient((client) => issueOnce(client, () => draft(6)));
  });

  it('says of a configuration that has the anchors elsewhere that its keys would never sign', async () => {
    await systems?.stop();
    systems = undefined;
    const path = homeAt(place.home).config('quota');
    const { anchor: _, ...without } = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
    writeFileSync(path, JSON.stringify(without));
    const ran = await place.run('serve', 'quota');
    expect([ran.code, ran.err]).toEqual([2, expect.stringContaining('/anchor')]);
  });
});

/** A system's own process, and not its device's. */
function isServing(id: number): boolean {
  return readFileSync(`/proc/${id}/cmdline`, 'utf8').includes('main.js');
}
