/** Rule sets with the compiled program: built, signed, staged, in the shadow, in force, reverted, while the systems run; and decisions made again. */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { makeWorkplace, type Ran, type Systems, type Workplace, waitFor } from './ringmint.ts';

let place: Workplace;
let systems: Systems;

// Each command is a process of its own.
vi.setConfig({ testTimeout: 240_000 });

const module = `module demo.size 1
  jurisdiction ANY
  layer issuer
  on issuance

control size verdict

rule small control size
  FLAG when tx.units > 1
rule many control size
  DENY when tx.units > 2
`;

beforeAll(async () => {
  place = makeWorkplace();
  await place.init();
  systems = await place.up();
  mkdirSync(join(place.folder, 'set'));
  writeFileSync(
    join(place.folder, 'set/demo.rules'),
    module.replace('FLAG when', 'FLAG when tx.units <= 2 &&'),
  );
  writeFileSync(
    join(place.folder, 'set/demo.ruleset'),
    'ruleset demo 1\nmodule policy.issuance 1\nmodule demo.size 1\n',
  );
});

afterAll(async () => {
  await systems.stop();
  place.remove();
});

async function issue(units: number): Promise<Ran> {
  const draft = {
    currency: 'EUR',
    total: `${units}.00`,
    denominations: [{ value: '1.00', count: units }],
    owner: 'a',
    purpose: 'test',
    origin: 'DE',
    destination: 'DE',
  };
  writeFileSync(join(place.folder, 'draft.json'), JSON.stringify(draft));
  const request = await place.run('request', 'draft.json', '--out', 'request.cbor');
  expect(request.code).toBe(0);
  const out = `out-${Math.random()}`;
  const ran = await place.run('issue', 'request.cbor', '--out', out, '--json');
  rmSync(join(place.folder, out), { recursive: true, force: true });
  return ran;
}

/** Waits until central management's log says so. */
const logged = (line: string): Promise<void> =>
  waitFor(`the log to say: ${line}`, () =>
    readFileSync(join(place.home, 'central/serve.log'), 'utf8').includes(line),
  );

const ok = async (...words: string[]): Promise<Record<string, unknown>> => {
  const ran = await place.run(...words, '--json');
  expect(ran.err, words.join(' ')).toBe('');
  expect(ran.code).toBe(0);
  return ran.json();
};

describe('rules', () => {
  it('are built, signed by central management, staged, and refused unsigned', async () => {
    await ok('rules', 'build', 'set', '--out', 'demo.rulebundle');
    expect((await place.run('rules', 'stage', 'demo.rulebundle', '--json')).json()).toMatchObject({
      code: 'rule_publisher_missing',
    });
    await ok('rules', 'sign', 'demo.rulebundle', '--home', place.home);
    expect(await ok('rules', 'stage', 'demo.rulebundle')).toMatchObject({ name: 'demo' });
    expect((await issue(3)).code).toBe(0);
  });

  it('decide in the shadow first, and no answer changes by it', async () => {
    await ok('rules', 'shadow');
    await logged('in the shadow');
    expect((await issue(3)).code).toBe(0);
    let report: Record<string, unknown> = {};
    await waitFor('the report of the shadow', async () => {
      const ran = await place.run('rules', 'shadow', '--report', '--json');
      report = ran.json();
      return ran.code === 0;
    });
    expect(report).toMatchObject({
      orders: 1,
      different: 1,
      counts: [{ kind: 'newly_denied', rule: 'demo.size/many', orders: 1 }],
    });
  });

  it('are taken over by the system that runs, flag and deny with codes of their own, and are reverted in one step', async () => {
    expect(await ok('rules', 'activate')).toMatchObject({ version: 4, name: 'demo' });
    await logged('decides by rule set 4');
    expect((await issue(2)).code).toBe(0);
    await logged('central flagged 1 orders');
    const denied = await issue(3);
    expect(denied.code).toBe(3);
    expect(denied.json()).toMatchObject({ reasons: ['demo.size/many'] });
    expect(await ok('rules', 'revert')).toMatchObject({ version: 5, how: 'revert' });
    await logged('decides by rule set 5');
    expect((await issue(3)).code).toBe(0);
  });

  it('leave what is in force where the next cannot be taken over', async () => {
    const path = join(place.home, 'central/rules/active.json');
    const state = JSON.parse(readFileSync(path, 'utf8')) as { activations: object[] };
    const bad = { ...state.activations.at(-1), version: 6, hash: '00'.repeat(32) };
    writeFileSync(`${path}.bad`, JSON.stringify({ ...state, activations: [...state.activations, bad] }));
    renameSync(`${path}.bad`, path);
    await logged('goes on with rule set 5');
    expect((await issue(3)).code).toBe(0);
    writeFileSync(`${path}.good`, JSON.stringify(state));
    renameSync(`${path}.good`, path);
  });

  it('are decided by translations, which came to what the interpreter comes to', async () => {
    expect(await ok('rules', 'status')).toMatchObject({
      engine: { chosen: 'translated', inUse: 'translated', difference: null, untranslated: [] },
    });
  });

  it('decided what can be decided again, by the sets of their time', async () => {
    const report = await ok('rules', 'rerun', '--all');
    expect(report).toMatchObject({ decisions: 6, orders: 6, unrecorded: 0, findings: [] });
  });

  it('are found missing where a set of their time is, by its hash, and so is the key', async () => {
    const { activations } = (await ok('rules', 'status')) as {
      activations: { hash: string; name: string }[];
    };
    const demo = activations.find(({ name }) => name === 'demo');
    const path = join(place.home, 'central/rules/bundles', `${demo?.hash}.rulebundle`);
    renameSync(path, `${path}.away`);
    const ran = await place.run('rules', 'rerun', '--all', '--json');
    expect(ran.code).toBe(4);
    expect(ran.json()).toMatchObject({ code: 'decision_differs', decisions: 4 });
    expect(JSON.stringify(ran.json())).toContain('rule_bundle_missing');
    renameSync(`${path}.away`, path);
    const key = join(place.home, 'central/rules/record.key');
    renameSync(key, `${key}.away`);
    expect(JSON.stringify((await place.run('rules', 'rerun', '--all', '--json')).json())).toContain(
      'seal_key_unknown',
    );
    renameSync(`${key}.away`, key);
    expect(
      (await place.run('rules', 'rerun', '0193e2a4-7c00-7000-8000-000000000001', '--json')).json(),
    ).toMatchObject({ code: 'request_unknown' });
  });

  it('are decided by what central management is configured to from its next start on, with the same outcome', async () => {
    await systems.stop();
    const path = join(place.home, 'central/config.json');
    const configuration = JSON.parse(readFileSync(path, 'utf8')) as { rules: object };
    expect(configuration.rules).toEqual({ engine: 'translated', compareEvery: 100 });
    writeFileSync(
      path,
      JSON.stringify({ ...configuration, rules: { engine: 'interpreter', compareEvery: 100 } }),
    );
    systems = await place.up();
    expect((await issue(3)).code).toBe(0);
    expect(await ok('rules', 'status')).toMatchObject({
      engine: { chosen: 'interpreter', inUse: 'interpreter' },
    });
    expect(await ok('rules', 'rerun', '--all')).toMatchObject({ findings: [] });
  });
});
