import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { parsePkcs11Uri } from '../../hsm/pkcs11-uri.ts';
import { importPoint } from '../../hsm/public-key.ts';
import { nightly } from '../nightly.ts';
import { FaultShim, shimObstacle } from './fault-shim.ts';
import {
  eventually,
  isValid,
  pinFileOf,
  projectFolder,
  provision,
  softhsm,
  temporaryFolder,
} from './temporary-token.ts';

const obstacle = shimObstacle();
if (obstacle !== undefined) console.warn(`SKIPPED: the fault shim is not tested here, since ${obstacle}`);

const probe = fileURLToPath(new URL('./fault-probe.ts', import.meta.url));
const keys = [
  { label: 'signing', kind: 'signing' },
  { label: 'other', kind: 'signing' },
] as const;

interface Step {
  readonly step: string;
  readonly error?: string;
  readonly bytes?: string;
  readonly index?: number;
  readonly ms: number;
}

/** One token for all tests, which come one after the other; each has a shim of its own before it. */
const tokenFolder = mkdtempSync(join(tmpdir(), 'ringmint hsm '));
afterAll(() => rmSync(tokenFolder, { recursive: true, force: true }));

/** A shim before the token, and what the probe gives with a plan. */
async function prepare() {
  const directory = await provision(join(tokenFolder, 'token'), keys);
  const shim = new FaultShim(join(temporaryFolder(), 'the shim'), softhsm);
  const point = directory.points.get('signing') ?? new Uint8Array();
  const start = (options: object) => {
    const { token: tokenLabel = '' } = parsePkcs11Uri(directory.address.uri);
    const pinFile = pinFileOf(directory);
    const base = {
      module: shim.module,
      tokenLabel,
      pinFile,
      signatures: 1,
      oneSession: false,
      atOnce: false,
      plans: [],
    };
    const child = spawn(
      process.execPath,
      ['--import', import.meta.resolve('tsx'), probe, JSON.stringify({ ...base, ...options })],
      { env: { ...process.env, ...directory.environment }, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    onTestFinished(() => void child.kill('SIGKILL'));
    let output = '';
    let errors = '';
    child.stdout.on('data', (chunk) => (output += String(chunk)));
    child.stderr.on('data', (chunk) => (errors += String(chunk)));
    const ended = once(child, 'close').then(([status, signal]) => ({
      status: status as number | null,
      signal: signal as string | null,
      errors,
      steps: output
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Step),
    }));
    return { child, ended };
  };
  const run = async (plan: readonly string[], options: object = {}) => {
    shim.plan(plan);
    const result = await start(options).ended;
    const signed = result.steps.filter((step) => step.step === 'sign');
    return { ...result, signed, log: shim.readLog() };
  };
  /** Whether the probe's signature `index` is right under the key `label`. */
  const isRight = (index: number, step: Step | undefined, label = 'signing') =>
    isValid(
      directory.points.get(label) ?? point,
      Buffer.from(`message ${index}`),
      Buffer.from(step?.bytes ?? '', 'hex'),
    );
  return { shim, point, start, run, isRight };
}

function stepOf(steps: readonly Step[], name: string): Step {
  const found = steps.find((step) => step.step === name);
  if (found === undefined) throw new Error(`no step ${name}`);
  return found;
}

describe.skipIf(obstacle !== undefined)('the fault shim', () => {
  test('changes nothing without a plan, and logs every call', async () => {
    const { run, isRight } = await prepare();
    const { signed, steps, log } = await run([], { signatures: 20 });
    expect(steps.filter((step) => step.error !== undefined).map((step) => step.error)).toEqual([
      'CKR_USER_ALREADY_LOGGED_IN',
    ]);
    for (const [index, step] of signed.entries()) expect(isRight(index, step)).toBe(true);
    expect(log.map((call) => call.total)).toEqual(log.map((_, index) => index + 1));
    const signs = log.filter((call) => call.name === 'C_Sign');
    expect(signs.map((call) => call.count)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
    expect(new Set(signs.map((call) => call.data)).size).toBe(20);
    expect(log.every((call) => call.fault === undefined)).toBe(true);
    for (const name of ['C_GetFunctionList', 'C_Initialize', 'C_Login', 'C_SignInit', 'C_Finalize'])
      expect(log.map((call) => call.name)).toContain(name);
  });

  test(`lets the scenarios of token-signer.test.ts pass as they do without it${nightly ? '' : ' (three of them: all in the nightly run)'}`, {
    timeout: 240_000,
  }, () => {
    const shim = new FaultShim(temporaryFolder(), softhsm);
    // Not this run's own variables: vitest takes itself for a worker with them.
    const environment = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !name.startsWith('VITEST') && name !== 'NODE_ENV'),
    );
    const file = 'test/hsm/token-signer.test.ts';
    const some = nightly ? [] : ['-t', '200 callers|after it has returned|deriv'];
    const vitest = join(projectFolder, 'node_modules', 'vitest', 'vitest.mjs');
    const { status, stdout, stderr } = spawnSync(process.execPath, [vitest, 'run', file, ...some], {
      cwd: projectFolder,
      env: { ...environment, SOFTHSM2_MODULE: shim.module },
      encoding: 'utf8',
      timeout: 230_000,
    });
    expect(status, stdout + stderr).toBe(0);
    const log = shim.readLog();
    expect(log.filter((call) => call.name === 'C_Sign').length).toBeGreaterThan(200);
  });

  test('answers what the plan says, before or after the real call, by name or by number', async () => {
    const { run, isRight } = await prepare();
    const { signed, log } = await run(
      [
        'C_Sign 2 answer CKR_DEVICE_ERROR',
        'C_Sign 3 after answer CKR_FUNCTION_FAILED',
        '',
        '# A vendor has codes of its own.',
        '  C_SignInit 4-5   answer 0x80001234 ',
      ],
      { signatures: 6 },
    );
    expect(signed.map((step) => step.error ?? 'right')).toEqual([
      'right',
      'CKR_DEVICE_ERROR',
      'CKR_FUNCTION_FAILED',
      'CKR_VENDOR_DEFINED',
      'CKR_VENDOR_DEFINED',
      'right',
    ]);
    expect(isRight(5, signed[5])).toBe(true);
    const faults = log.filter((call) => call.fault !== undefined);
    expect(
      faults.map(({ name, count, answer, fault }) => [name, count, answer, fault?.line, fault?.name]),
    ).toEqual([
      ['C_Sign', 2, 'CKR_DEVICE_ERROR', 1, 'answer=CKR_DEVICE_ERROR'],
      ['C_Sign', 3, 'CKR_FUNCTION_FAILED', 2, 'answer-after=CKR_FUNCTION_FAILED'],
      ['C_SignInit', 4, '0x80001234', 5, 'answer=0x80001234'],
      ['C_SignInit', 5, '0x80001234', 5, 'answer=0x80001234'],
    ]);
  });

  test('makes signatures wrong in each way that the plan can name', async () => {
    const { run, isRight, point } = await prepare();
    const ways = [
      'flipped',
      'previous',
      'shorter',
      'longer',
      'empty',
      'swapped',
      'zeros',
      'negated',
      'other-data',
      'other-key other',
    ];
    // The call before each is left right.
    const plan = ways.map((way, index) => `C_Sign ${2 * index + 2} signature ${way}`);
    const { signed, log } = await run(plan, { signatures: 2 * ways.length });
    const results = new Map(
      ways.map((way, index) => [way, { index: 2 * index + 1, step: signed[2 * index + 1] }]),
    );
    for (let index = 0; index < ways.length; index++)
      expect(isRight(2 * index, signed[2 * index])).toBe(true);
    for (const [way, { index, step }] of results) {
      expect([way, isRight(index, step)]).toEqual([way, way === 'negated']);
    }
    expect(results.get('previous')?.step?.bytes).toBe(signed[2]?.bytes);
    expect(results.get('shorter')?.step?.bytes).toHaveLength(126);
    expect(results.get('longer')?.step?.bytes).toHaveLength(130);
    expect(results.get('empty')?.step?.bytes).toBe('');
    expect(results.get('zeros')?.step?.bytes).toBe('00'.repeat(64));
    expect(isRight(19, results.get('other-key other')?.step, 'other')).toBe(true);
    // (r, s) of one is the other with its halves exchanged: both are of the same call.
    const swapped = results.get('swapped')?.step?.bytes ?? '';
    const back = { step: 'sign', ms: 0, bytes: swapped.slice(64) + swapped.slice(0, 64) };
    expect(isRight(results.get('swapped')?.index ?? 0, back)).toBe(true);
    const flipped = Buffer.from(results.get('flipped')?.step?.bytes ?? '', 'hex');
    const mended = Array.from({ length: 512 }, (_, bit) => {
      const copy = Buffer.from(flipped);
      copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      return isValid(point, Buffer.from('message 1'), copy);
    });
    expect(mended.filter((right) => right)).toHaveLength(1);
    expect(log.filter((call) => call.fault?.unfit)).toEqual([]);
    expect(log.filter((call) => call.fault !== undefined)).toHaveLength(ways.length);
  });

  test.each([
    ['flipped', false],
    ['negated', true],
  ])('shows a %s public key', async (way, isPoint) => {
    const { run, point } = await prepare();
    // pkcs11js asks for the length first, then for the value.
    const { steps, log } = await run([`C_GetAttributeValue 2 point ${way}`]);
    const shown = new Uint8Array(Buffer.from(stepOf(steps, 'point').bytes ?? '', 'hex').subarray(2));
    expect(shown).not.toEqual(point);
    expect(shown.subarray(0, 33)).toEqual(point.subarray(0, 33));
    if (isPoint) importPoint(shown);
    else expect(() => importPoint(shown)).toThrow('not on its curve');
    expect(log.find((call) => call.fault !== undefined)?.fault).toMatchObject({ unfit: false });
  });

  test('leaves a session with its operation active after buffer-too-small', async () => {
    const { run } = await prepare();
    const { signed } = await run(['C_Sign 1 buffer-too-small'], { signatures: 2, oneSession: true });
    expect(signed.map((step) => step.error)).toEqual(['CKR_BUFFER_TOO_SMALL', 'CKR_OPERATION_ACTIVE']);
  });

  test('answers CKR_OK with nothing written', async () => {
    const { run } = await prepare();
    const { signed } = await run(['C_Sign 1 nothing', 'C_SignInit 2 nothing'], { signatures: 2 });
    expect(signed[0]?.bytes).toBe('00'.repeat(96));
    expect(signed[1]?.error).toBe('CKR_OPERATION_NOT_INITIALIZED');
  });

  test('delays one call on its own thread, and no other', async () => {
    const { run, isRight } = await prepare();
    const { signed, log } = await run(['C_Sign 1 delay 400', 'C_Sign 2 after delay 400'], {
      signatures: 4,
      atOnce: true,
    });
    for (const step of signed) expect(isRight(step.index ?? 0, step)).toBe(true);
    const delayed = new Set(log.filter((call) => call.fault !== undefined).map((call) => call.data));
    const indexes = [0, 1, 2, 3].filter((index) =>
      delayed.has(createHash('sha256').update(`message ${index}`).digest('hex').slice(0, 16)),
    );
    expect(indexes).toHaveLength(2);
    for (const step of signed.filter(({ index }) => indexes.includes(index ?? -1)))
      expect(step.ms).toBeGreaterThanOrEqual(400);
    // Those that were not delayed came first, though two threads were asleep.
    expect(signed.slice(0, 2).some(({ index }) => indexes.includes(index ?? -1))).toBe(false);
  });

  test('hangs until a file appears, and for ever', async () => {
    const { shim, start, run, isRight } = await prepare();
    shim.plan(['C_Sign 1 hang-until go on', 'C_Sign 2 hang']);
    const { child, ended } = start({ signatures: 2 });
    await eventually(() => shim.readLog().some((call) => call.answer === 'waiting'));
    shim.release('go on');
    await eventually(() => shim.readLog().some((call) => call.answer === 'waiting'));
    child.kill('SIGKILL');
    const { steps } = await ended;
    const signed = steps.filter((step) => step.step === 'sign');
    expect(signed).toHaveLength(1);
    expect(isRight(0, signed[0])).toBe(true);
    // The counters went on in the file: the next process makes the third call.
    const next = await run(['C_Sign 3 answer CKR_DEVICE_ERROR'], { signatures: 2 });
    expect(next.signed.map((step) => step.error)).toEqual(['CKR_DEVICE_ERROR', undefined]);
    expect(next.log.find((call) => call.name === 'C_Sign')?.count).toBe(3);
  });

  test.each([
    ['segv', 'SIGSEGV', null],
    ['abort', 'SIGABRT', null],
    ['exit', null, 1],
    ['kill', 'SIGKILL', null],
  ])('ends the process by %s, with the call in the log', async (how, signal, status) => {
    const { run } = await prepare();
    const after = how === 'abort' ? 'after ' : '';
    const result = await run([`C_Sign 2 ${after}crash ${how}`], { signatures: 3 });
    expect(result).toMatchObject({ signal, status });
    expect(result.signed).toHaveLength(1);
    const last = result.log.at(-1);
    expect(last).toMatchObject({ name: 'C_Sign', count: 2, answer: 'crash' });
    expect(last?.fault?.name).toBe(after === '' ? `crash=${how}` : `crash-after=${how}`);
  });

  test('takes the token away for a while, and its login for longer', async () => {
    const { run } = await prepare();
    const quiet = await run([], { signatures: 8 });
    // The second signature's calls (C_OpenSession, C_SignInit) of another such process meet the window.
    const session = quiet.log.filter((call) => call.name === 'C_OpenSession')[2]?.total ?? 0;
    const first = quiet.log.length + session;
    const { steps, log } = await run([`* ${first}-${first + 2} token-gone CKR_OBJECT_HANDLE_INVALID`], {
      signatures: 8,
      oneSession: true,
    });
    expect(log.filter((call) => call.answer === 'CKR_OBJECT_HANDLE_INVALID')).toHaveLength(3);
    const errors = steps.filter((step) => step.step === 'sign').map((step) => step.error);
    const gone = errors.filter((error) => error === 'CKR_OBJECT_HANDLE_INVALID');
    expect(gone).toHaveLength(3);
    expect(errors.slice(errors.lastIndexOf('CKR_OBJECT_HANDLE_INVALID') + 1)).toEqual(
      expect.arrayContaining(['CKR_USER_NOT_LOGGED_IN']),
    );
    expect(
      new Set(log.filter((call) => call.fault?.name === 'login-lost').map((call) => call.answer)),
    ).toEqual(new Set(['CKR_USER_NOT_LOGGED_IN']));
    // Another process logs in anew, and is none the worse.
    const next = await run([`* ${first}-${first + 2} token-gone CKR_OBJECT_HANDLE_INVALID`]);
    expect(next.signed[0]?.error).toBeUndefined();
  });

  test('signs again in the same process after a login that was lost', async () => {
    const { run, isRight } = await prepare();
    // The probe logs in once more after its first signature. Calls up to then: one process's, counted here.
    const quiet = await run([], { signatures: 1, oneSession: true });
    const init = quiet.log.find((call) => call.name === 'C_SignInit')?.total ?? 0;
    const first = quiet.log.length + init;
    const { steps, signed } = await run([`* ${first}-${first} token-gone`], {
      signatures: 3,
      oneSession: true,
    });
    expect(signed[0]?.error).toBe('CKR_TOKEN_NOT_PRESENT');
    expect(stepOf(steps, 'login again').error).toBeUndefined();
    for (const index of [1, 2]) expect(isRight(index, signed[index])).toBe(true);
  });

  test('takes another plan while the module is in use, unless it is not understood', async () => {
    const { shim, start } = await prepare();
    shim.plan(['C_Sign 2 hang-until first', 'C_Sign 3 hang-until second']);
    const { ended } = start({ signatures: 5 });
    const waiting = () => shim.readLog().some((call) => call.answer === 'waiting');
    await eventually(waiting);
    shim.plan(['C_Sign 3 hang-until second', 'C_Sign 4-5 answer CKR_DEVICE_ERROR']);
    shim.release('first');
    await eventually(waiting);
    shim.plan(['C_Sign 5 explode']);
    shim.release('second');
    const { steps, errors } = await ended;
    expect(steps.filter((step) => step.step === 'sign').map((step) => step.error)).toEqual([
      undefined,
      undefined,
      undefined,
      'CKR_DEVICE_ERROR',
      'CKR_DEVICE_ERROR',
    ]);
    expect(errors).toContain('line 1 of the plan, `C_Sign 5 explode`');
  });

  test('refuses a plan with a line that is not understood, and names it', async () => {
    const { start } = await prepare();
    const lines = [
      ['C_Sing 1 hang', 'a function of PKCS#11'],
      ['C_Sign 0 hang', 'the count'],
      ['C_Sign 3-2 hang', 'the count'],
      ['C_Sign', 'the count'],
      ['C_Sign 1', 'one of answer'],
      ['C_Sign 1 explode', 'one of answer'],
      ['C_Sign 1 answer CKR_NO_SUCH', 'answer CKR_NAME'],
      ['C_Sign 1 answer 12', 'answer CKR_NAME'],
      ['C_Sign 1 delay soon', 'delay MILLISECONDS'],
      ['C_Sign 1 crash gently', 'crash segv'],
      ['C_Sign 1 hang-until', 'hang-until FILE'],
      ['C_Sign 1 signature forged', 'signature flipped'],
      ['C_Sign 1 signature other-key', 'other-key LABEL'],
      ['C_Login 1 signature flipped', 'C_Sign and C_SignFinal only'],
      ['C_Sign 1 point flipped', 'C_GetAttributeValue only'],
      ['C_Sign 1-2 token-gone', 'of * only'],
      ['C_Sign 1 after nothing', '`after` with'],
      ['C_Sign 1 hang now', 'nothing more'],
    ] as const;
    const plans = lines.map(([line]) => `# a comment\nC_Sign 1 hang\n${line}\n`);
    const { steps, errors } = await start({ plans }).ended;
    const refusals = steps.filter((step) => step.step === 'refusal').map((step) => step.error);
    expect(refusals).toEqual(lines.map(() => 'CKR_ARGUMENTS_BAD'));
    const complaints = errors.trim().split('\n');
    expect(complaints).toHaveLength(lines.length);
    for (const [index, [line, accepted]] of lines.entries()) {
      expect(complaints[index]).toContain(`line 3 of the plan, \`${line}\``);
      expect(complaints[index]).toContain(accepted);
    }
  });

  test('says which real module is missing', async () => {
    const { start } = await prepare();
    const lost = new FaultShim(temporaryFolder(), join(temporaryFolder(), 'gone.so'));
    const { steps, errors } = await start({ module: lost.module }).ended;
    expect(stepOf(steps, 'load').error).toBeDefined();
    expect(errors).toContain('gone.so');
  });
});
