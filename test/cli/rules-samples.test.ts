import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { project } from '../flow/ringmint.ts';
import { ringmint } from './session.ts';

const samples = join(project, 'samples/rules');
const facts = join(samples, 'facts.jsonl');
let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ringmint-rules-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What a person who has just cloned Ringmint does with the rules in samples/rules, one command after another. */
describe('the modules in samples/rules, from the command line', () => {
  it('are in canonical form, and their tests hold', async () => {
    expect(await ringmint(['rules', 'fmt', '--check', samples])).toMatchObject({ code: 0 });
    const tested = await ringmint(['rules', 'test', samples]);
    expect(tested).toMatchObject({ code: 0 });
    expect(tested.out).toMatch(/^us\.payments: (\d+) of \1 tests$/m);
  });

  it('are covered, and checked without a finding that refuses them, one of them for short', async () => {
    const module = join(samples, 'policy-issuance.rules');
    const covered = await ringmint(['rules', 'cover', module]);
    expect(covered).toMatchObject({ code: 0 });
    expect(covered.out).toMatch(/policy-issuance\.rules: (\d+) of \1 covered/);
    expect(await ringmint(['rules', 'check', module, '--at', '2026-11-22'])).toMatchObject({ code: 0 });
  });

  it('are built to the same bundle, shown, and replayed beside themselves without a change', async () => {
    const bundle = join(folder, 'example.rulebundle');
    const again = join(folder, 'again.rulebundle');
    const built = await ringmint(['rules', 'build', samples, '--out', bundle, '--json']);
    expect(built).toMatchObject({ code: 0 });
    expect((await ringmint(['rules', 'build', samples, '--out', again, '--json'])).json()['hash']).toBe(
      built.json()['hash'],
    );
    const shown = await ringmint(['rules', 'show', bundle]);
    expect(shown.out).toContain('jp_sg.agreement 1: JP + SG, bilateral, 2 rules, signed by JP, SG');
    const replayed = await ringmint([
      'rules',
      'replay',
      '--facts',
      facts,
      '--live',
      samples,
      '--candidate',
      bundle,
    ]);
    expect(replayed).toMatchObject({ code: 0 });
  });

  it('are explained: what fired with its law, and nothing of a secret list to who is not cleared', async () => {
    const explain = (id: string, ...more: readonly string[]) =>
      ringmint(['rules', 'explain', '--set', samples, '--facts', facts, '--id', id, ...more]);
    const travel = await explain('us-at-travel-rule');
    expect(travel.out).toContain('31 CFR 1010.410(f)(1)');
    const inPublic = await explain('on-the-list');
    expect(inPublic.out).toMatch(/^DENY$/m);
    expect(inPublic.out).toContain('sanctions: kept from this reader');
    expect(inPublic.out).not.toContain('list.sdn');
    const cleared = await explain('on-the-list', '--cleared-for', 'US');
    expect(cleared.out).toMatch(/^DENY by us\.payments\/sanctions$/m);
    expect(cleared.out).toContain('tx.counterparty_key in list.sdn: true');
    const why = await ringmint(['rules', 'why', 'jp.payments/report', '--set', samples]);
    expect(why).toMatchObject({ code: 0 });
    expect(why.out).toContain('jp_sg.agreement/told_to_singapore');
  });

  it('refuse what is wrong, with a code and its place', async () => {
    const missing = await ringmint([
      'rules',
      'explain',
      '--set',
      samples,
      '--facts',
      facts,
      '--id',
      'nobody',
    ]);
    expect(missing.code).not.toBe(0);
    const unknown = await ringmint(['rules', 'why', 'us.payments/nothing', '--set', samples]);
    expect(unknown.code).not.toBe(0);
    expect(unknown.err).toContain('nothing');
  });
});
