/** The audit of running systems, as an operator and an auditor do it, under the compiled program. */
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeWorkplace, project, type Ran, type Systems, type Workplace } from './ringmint.ts';

const roles = ['quota', 'central', 'issuance'] as const;
const extracts = roles.map((role) => `${role}.extract`);
let place: Workplace;
let systems: Systems | undefined;

beforeAll(async () => {
  place = makeWorkplace();
  await place.init();
  systems = await place.up();
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  writeFileSync(inPlace('auditor.pem'), privateKey.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600 });
  writeFileSync(inPlace('auditor-public.pem'), publicKey.export({ format: 'pem', type: 'spki' }));
});

afterAll(async () => {
  await systems?.stop();
  place.remove();
});

function inPlace(name: string): string {
  return join(place.folder, name);
}

async function issue(name: string): Promise<void> {
  const made = await place.run('request', join(project, 'samples/request.json'), '--out', `${name}.cbor`);
  expect(made.err).toBe('');
  const issued = await place.run('issue', `${name}.cbor`, '--out', name, '--json');
  expect([issued.code, issued.json()]).toMatchObject([0, { kind: 'issued' }]);
}

async function extract(): Promise<void> {
  for (const role of roles) {
    const written = await place.run('audit', 'extract', '--role', role);
    expect([written.code, written.err]).toEqual([0, '']);
  }
}

const check = (...more: string[]): Promise<Ran> => place.run('audit', 'check', ...extracts, ...more);

describe('ringmint audit', () => {
  it('finds running systems clean, and the auditor signs it', async () => {
    await issue('first');
    await extract();
    for (const file of extracts) expect(statSync(inPlace(file)).mode & 0o777).toBe(0o600);
    const checked = await check('--out', 'audit', '--key', 'auditor.pem', '--name', 'carol', '--json');
    expect([checked.code, checked.json()]).toMatchObject([
      0,
      { clean: true, requests: 1, findings: { count: 0 } },
    ]);
    const again = await check('--out', 'again');
    expect([again.code, again.err]).toEqual([0, '']);
    for (const file of ['report.json', 'report.csv', 'report.txt'])
      expect(readFileSync(inPlace(`again/${file}`))).toEqual(readFileSync(inPlace(`audit/${file}`)));
    expect(readFileSync(inPlace('audit/report.csv'), 'utf8')).toMatch(
      /^issuer,currency,day,issued,retired,outstanding/,
    );
    const verify = (report: string): Promise<Ran> =>
      place.run(
        ...['audit', 'verify-statement', 'audit/statement.cose', '--report', report],
        ...['--key', 'auditor-public.pem', '--json'],
      );
    expect((await verify('audit/report.json')).json()).toMatchObject({
      authentic: true,
      auditor: 'carol',
      findings: 0,
    });
    const other = await verify('audit/report.csv');
    expect([other.code, other.json()]).toMatchObject([4, { authentic: false, code: 'report_mismatch' }]);
    const inspected = await place.run('inspect', 'audit/statement.cose');
    expect(inspected.out).toContain('audit statement');
  });

  it('finds the same entries again in the next audit, by the statement and by heads that were kept', async () => {
    const kept = await place.run('witness', 'keep', '--out', 'heads');
    expect(kept.code).toBe(0);
    await issue('second');
    await extract();
    const statement = ['--kept', 'audit/statement.cose', '--kept-key', 'auditor-public.pem'];
    const heads = roles.flatMap((role) => ['--kept', `heads/${role}-head.cose`]);
    const checked = await check(...statement, ...heads, '--json');
    expect([checked.code, checked.json()]).toMatchObject([0, { clean: true, requests: 2 }]);
  });

  it('says what is wrong with what it is given: exit code 2, and 4 where it has found something', async () => {
    const two = await place.run('audit', 'check', ...extracts.slice(1), '--json');
    expect([two.code, two.json()]).toMatchObject([2, { code: 'ledger_missing' }]);
    const whole = readFileSync(inPlace('quota.extract'));
    writeFileSync(inPlace('cut.extract'), whole.subarray(0, whole.length - 40));
    const cut = await place.run('audit', 'check', ...extracts.slice(1), 'cut.extract', '--json');
    expect([cut.code, cut.json()]).toMatchObject([2, { code: 'extract_damaged' }]);
    const root = await check('--root', '00'.repeat(32), '--json');
    expect([root.code, root.json()]).toMatchObject([2, { code: 'root_mismatch' }]);
    // Quota control's ledger as it was before the second issue: issuance has currency that it knows nothing of.
    await extract();
    await issue('third');
    const late = await place.run('audit', 'extract', '--role', 'issuance', '--out', 'late.extract');
    expect(late.code).toBe(0);
    const found = await place.run(
      ...['audit', 'check', 'quota.extract', 'central.extract', 'late.extract'],
      ...['--at-rest', '--json'],
    );
    expect([found.code, found.json()]).toMatchObject([4, { ok: false, clean: false }]);
    expect(JSON.stringify(found.json()['findings'])).toContain('control_bit_missing');
  });
});
