/** Which rule set is in force, by central management's folder: staged, activated, reverted, and cut at each step. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { homeAt } from '../../../src/appliance/home.ts';
import {
  activateRules,
  readRules,
  revertRules,
  shadowRules,
  stageRules,
} from '../../../src/appliance/rule-activation.ts';
import { asActivated, readKeptSet } from '../../../src/appliance/rule-bundle.ts';
import { inForce, readRuleState } from '../../../src/appliance/rule-folder.ts';
import { fixedClock } from '../../../src/kit/clock.ts';
import { shippedRuleSet } from '../../../src/rules/policy/shipped-set.ts';
import { keys, policy } from '../../records/samples.ts';
import { bundleOf, flagging, makeRuleHome, type RuleHome, setHash, setOf } from './rule-home.ts';

const clock = fixedClock(Date.parse('2026-11-22T12:00:00Z'));
const first = setOf('demo', 1, flagging(1, '3'));
const second = setOf('demo', 2, flagging(2, '5'));

describe('the rule set in force', () => {
  let home: RuleHome;
  beforeEach(() => {
    home = makeRuleHome();
  });
  afterEach(() => home.remove());

  const stage = (source: typeof first, signer = keys.central) =>
    stageRules(home.path, bundleOf(source, signer));
  const hashInForce = async () => inForce(await readRuleState(homeAt(home.path))).hash;

  it('is the one that ships where nothing was activated', async () => {
    const { activations } = await readRules(home.path);
    expect(activations).toMatchObject([{ version: 3, how: 'shipped', hash: setHash(shippedRuleSet()) }]);
  });

  it('changes by activation and not by staging, and goes back in one step under a version above', async () => {
    expect(await stage(first)).toMatchObject({ ok: true, value: { hash: setHash(first.set) } });
    expect(await hashInForce()).toBe(setHash(shippedRuleSet()));
    expect(await activateRules(home.path, clock)).toMatchObject({ value: { version: 4, name: 'demo' } });
    await stage(second);
    expect(await activateRules(home.path, clock)).toMatchObject({ value: { version: 5 } });
    expect(await revertRules(home.path, clock)).toMatchObject({
      value: { version: 6, how: 'revert', hash: setHash(first.set) },
    });
    expect(await revertRules(home.path, clock)).toMatchObject({
      value: { version: 7, hash: setHash(second.set) },
    });
    expect((await readRules(home.path)).activations.map(({ version }) => version)).toEqual([3, 4, 5, 6, 7]);
  });

  it("takes a set's own version where that is above, and never one below", async () => {
    await stage(setOf('demo', 40, flagging(1, '3')));
    expect(await activateRules(home.path, clock)).toMatchObject({ value: { version: 40 } });
    await stage(second);
    expect(await activateRules(home.path, clock)).toMatchObject({ value: { version: 41 } });
  });

  it('is one that was staged, and another than is in force', async () => {
    expect(await activateRules(home.path, clock)).toMatchObject({ code: 'rules_not_staged' });
    expect(await revertRules(home.path, clock)).toMatchObject({ code: 'rules_not_replaced' });
    expect(await shadowRules(home.path, true)).toMatchObject({ code: 'rules_not_staged' });
    await stage(first);
    await activateRules(home.path, clock);
    await stage(first);
    expect(await activateRules(home.path, clock)).toMatchObject({ code: 'rules_in_force' });
  });

  it('is signed by its publisher, whole, and about issuance', async () => {
    const good = bundleOf(first, keys.central);
    expect(await stageRules(home.path, bundleOf(first))).toMatchObject({ code: 'rule_publisher_missing' });
    expect(await stage(first, keys.stranger)).toMatchObject({ code: 'rule_key_unknown' });
    const altered = good.slice();
    altered[40] = (altered[40] as number) ^ 1;
    expect((await stageRules(home.path, altered)).ok).toBe(false);
    expect((await stageRules(home.path, good.subarray(1))).ok).toBe(false);
    expect(await hashInForce()).toBe(setHash(shippedRuleSet()));
    expect(existsSync(join(home.path, 'central/rules/active.json'))).toBe(false);
  });

  it('needs as many approvers as the trust bundle names, where it names them', async () => {
    home.remove();
    home = makeRuleHome({ approval: policy });
    expect(await stage(first)).toMatchObject({ ok: false, code: 'rule_key_unknown' });
    expect(await stageRules(home.path, bundleOf(first, keys.alice))).toMatchObject({
      code: 'approvals_too_few',
    });
    expect(await stageRules(home.path, bundleOf(first, keys.alice, keys.alice))).toMatchObject({
      code: 'approvals_too_few',
    });
    expect(await stageRules(home.path, bundleOf(first, keys.alice, keys.bob))).toMatchObject({ ok: true });
  });

  it('is verified again when it is activated, and refused where its file was exchanged', async () => {
    await stage(first);
    const path = join(home.path, 'central/rules/bundles', `${setHash(first.set)}.rulebundle`);
    writeFileSync(path, bundleOf(second));
    expect(await activateRules(home.path, clock)).toMatchObject({ code: 'rule_publisher_missing' });
    writeFileSync(path, bundleOf(second, keys.central));
    expect(await activateRules(home.path, clock)).toMatchObject({ code: 'rule_bundle_hash' });
    expect(await readKeptSet(homeAt(home.path), setHash(first.set))).toMatchObject({
      code: 'rule_bundle_hash',
    });
    expect(await hashInForce()).toBe(setHash(shippedRuleSet()));
  });

  it('decides in the shadow until it is in force, or the shadow is lifted', async () => {
    await stage(first);
    expect(await shadowRules(home.path, true)).toMatchObject({ value: { shadow: setHash(first.set) } });
    await activateRules(home.path, clock);
    expect((await readRules(home.path)).shadow).toBeNull();
    await stage(second);
    await shadowRules(home.path, true);
    expect(await shadowRules(home.path, false)).toMatchObject({ value: { shadow: null } });
  });

  /** The command in a process of its own, killed before its step with this number; gives whether it came to its end. */
  function cut(command: 'stage' | 'activate' | 'revert', before: number, bundle = ''): boolean {
    const words = [inject('cutActivationProcess'), command, home.path, String(before), bundle];
    const ran = spawnSync(process.execPath, words);
    if (ran.signal !== 'SIGKILL' && ran.status !== 0) throw new Error(String(ran.stderr));
    return ran.signal !== 'SIGKILL';
  }

  it('is the one before or the one after, wherever a kill -9 falls, and the same command finishes it', {
    timeout: 300_000,
  }, async () => {
    await stage(first);
    await activateRules(home.path, clock);
    const bundle = join(home.path, 'second.rulebundle');
    writeFileSync(bundle, bundleOf(second, keys.central));
    const [old, fresh] = [setHash(first.set), setHash(second.set)];
    const seen = { stage: 0, activate: 0, revert: 0 };
    for (let before = 0; ; before++) {
      // From the beginning each time, so that each step is cut.
      const staging = join(home.path, 'central/rules/active.json');
      writeFileSync(staging, JSON.stringify({ ...(await readRuleState(homeAt(home.path))), staged: null }));
      rmSync(join(home.path, 'central/rules/bundles', `${fresh}.rulebundle`), { force: true });
      const ended = cut('stage', before, bundle);
      const { staged } = await readRules(home.path);
      expect([null, fresh]).toContain(staged);
      // What is named is there, whole.
      if (staged !== null) expect(await readKeptSet(homeAt(home.path), staged)).toMatchObject({ ok: true });
      expect(await hashInForce()).toBe(old);
      if (ended) break;
      seen.stage++;
    }
    for (const [command, from, to] of [
      ['activate', old, fresh],
      ['revert', fresh, old],
    ] as const) {
      for (let before = 0; ; before++) {
        if ((await hashInForce()) === to) {
          // The cut fell behind the rename: it is done, and undone here to cut the next step.
          const path = join(home.path, 'central/rules/active.json');
          const state = JSON.parse(readFileSync(path, 'utf8')) as { activations: unknown[]; staged: unknown };
          state.activations.pop();
          if (command === 'activate') state.staged = fresh;
          writeFileSync(path, JSON.stringify(state));
        }
        const ended = cut(command, before);
        const state = await readRuleState(homeAt(home.path));
        expect([from, to]).toContain(inForce(state).hash);
        const kept = await readKeptSet(homeAt(home.path), inForce(state).hash);
        if (!kept.ok) throw new Error(kept.message);
        expect(asActivated(kept.value, 9).version).toBe(9n);
        if (ended) {
          expect(inForce(state).hash).toBe(to);
          break;
        }
        seen[command]++;
      }
    }
    expect(seen).toEqual({ stage: 10, activate: 5, revert: 5 });
    const versions = (await readRules(home.path)).activations.map(({ version }) => version);
    expect(versions).toEqual([...versions].sort((a, b) => a - b));
    const left = readdirSync(join(home.path, 'central/rules')).filter((name) => name.endsWith('.new'));
    expect(left).toEqual([]);
  });
});
