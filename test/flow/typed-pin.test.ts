/** A PIN that is typed: on a real terminal, shown nowhere, and asked for once. */
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { findModule } from '../../hsm/module-path.ts';
import { makeWorkplace, project, type Workplace } from './ringmint.ts';

const noTerminal = spawnSync('script', ['--version']).error !== undefined;
if (noTerminal) console.warn('SKIPPED: a typed PIN is not tested here, since there is no `script`');

let place: Workplace;
let pin: string;

beforeAll(async () => {
  place = makeWorkplace();
  await place.init();
  const path = join(place.home, 'issuance/config.json');
  const token = join(place.home, 'issuance/token');
  const config = JSON.parse(readFileSync(path, 'utf8')) as { signing: { hsms: object[] } };
  // The same token, as one that is not the appliance's own.
  config.signing.hsms = [
    {
      name: 'softhsm',
      kind: 'pkcs11',
      module: findModule('auto', process.env, project),
      uri: 'pkcs11:token=ringmint-issuance',
      pin: 'prompt',
      environment: { SOFTHSM2_CONF: join(token, 'softhsm2.conf') },
    },
  ];
  writeFileSync(path, JSON.stringify(config));
  pin = readFileSync(join(token, 'pin'), 'utf8').trim();
});
afterAll(() => place.remove());

/** Runs a command on a terminal of its own, and types `line` when it is asked. */
async function type(
  line: string,
  ...words: string[]
): Promise<{ code: number | null; shown: string; asked: number }> {
  const quoted = [process.execPath, join(project, 'dist/src/main.js'), ...words]
    .map((word) => `'${word}'`)
    .join(' ');
  const child = spawn('script', ['-qec', `exec ${quoted}`, '/dev/null'], {
    cwd: place.folder,
    env: { ...process.env, RINGMINT_HOME: place.home },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let shown = '';
  let answered = 0;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    shown += text;
    const asked = shown.match(/PIN of [^:]*: /g)?.length ?? 0;
    if (asked > answered) {
      answered = asked;
      child.stdin.write(`${line}\n`);
    }
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, shown, asked: answered };
}

it.skipIf(noTerminal)('is asked for once in a command, and is not on the screen', async () => {
  const { code, shown, asked } = await type(pin, 'keys', 'audit', 'issuance');
  expect([code, asked], shown).toEqual([0, 1]);
  expect(shown).toContain('PIN of the HSM softhsm of issuance: ');
  expect(shown).toContain('nothing is wrong');
  expect(shown).not.toContain(pin);
});

it.skipIf(noTerminal)(
  'is refused by the token where it is wrong, after one try, and where it is empty',
  async () => {
    const wrong = await type('12345678', 'keys', 'audit', 'issuance');
    expect([wrong.code, wrong.asked]).toEqual([5, 1]);
    expect(wrong.shown).toContain('[pin_incorrect]');
    const empty = await type('', 'keys', 'audit', 'issuance');
    expect([empty.code, empty.asked]).toEqual([5, 1]);
    expect(empty.shown).toContain('[pin_missing]');
  },
);

it('is missing where there is no terminal', async () => {
  const child = spawn(process.execPath, [join(project, 'dist/src/main.js'), 'keys', 'audit', 'issuance'], {
    cwd: place.folder,
    env: { ...process.env, RINGMINT_HOME: place.home },
    // In a session of its own, which has no terminal.
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  expect([code, said.trim().split('\n').at(-1)]).toEqual([
    5,
    expect.stringMatching(
      /^ringmint: the PIN of the HSM softhsm of issuance is to be asked for.*\[pin_missing\]$/,
    ),
  ]);
});
