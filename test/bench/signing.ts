/**
 * Signing with a SoftHSM token: processes and sessions, beside a loop in C on the same token, pkcs11js without anything around it, and OpenSSL;
 * how long the event loop of the asking process waits meanwhile; and how soon a token signs again after it was gone.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TokenDirectory } from '../../hsm/token-directory.ts';
import { openToken, type TokenSigner } from '../../hsm/token-signer.ts';
import { project } from '../flow/ringmint.ts';
import { median, type Row } from './figure.ts';
import { makeBenchToken } from './token.ts';

const secondsEach = 2;
const rounds = 3;

const shapes: readonly (readonly [processes: number, sessions: number])[] = [
  [1, 1],
  [1, 4],
  [1, 16],
  [2, 1],
  [2, 4],
  [2, 16],
  [4, 1],
  [4, 4],
];

function show(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** Signatures a second with as many callers as there are sessions, twice over. */
async function rate(token: TokenSigner, callers: number): Promise<number> {
  const until = performance.now() + secondsEach * 1_000;
  const startedMs = performance.now();
  let count = 0;
  await Promise.all(
    Array.from({ length: callers }, async (_, caller) => {
      while (performance.now() < until) {
        await token.sign(createHash('sha256').update(`${caller}.${count}`).digest());
        count++;
      }
    }),
  );
  return (count / (performance.now() - startedMs)) * 1_000;
}

/** Opens the token in all its processes. */
async function openAll(directory: TokenDirectory, processes: number, sessions: number): Promise<TokenSigner> {
  const token = await openToken({
    ...directory,
    signingKey: 'signing',
    processes,
    sessions,
    queueLimit: 512,
  });
  while (token.processIds.length < processes) {
    await token.check();
    await sleep(20);
  }
  return token;
}

/** Signatures a second of the loop in C; `undefined` where there is no compiler. */
function buildLoop(folder: string): ((threads: number) => number) | undefined {
  const loop = join(folder, 'signing-loop');
  const { status } = spawnSync('gcc', [
    '-O2',
    '-std=c11',
    '-D_GNU_SOURCE',
    `-I${join(project, 'node_modules/pkcs11js/includes')}`,
    join(project, 'test/bench/signing-loop.c'),
    '-o',
    loop,
    '-ldl',
    '-pthread',
  ]);
  if (status !== 0) return undefined;
  return (threads) =>
    Number(execFileSync(loop, [...loopArguments(), String(threads), '10000'], loopOptions()));
}

let loopArguments: () => string[] = () => [];
let loopOptions: () => { env: NodeJS.ProcessEnv; encoding: 'utf8' } = () => ({
  env: process.env,
  encoding: 'utf8',
});

/** pkcs11js, synchronous, in a process of its own that does nothing else. */
function ratePlain(directory: TokenDirectory, pinFile: string): number {
  const script = `
    const pkcs11js = require('pkcs11js');
    const { readFileSync } = require('node:fs');
    const p11 = new pkcs11js.PKCS11();
    p11.load(process.argv[1]);
    p11.C_Initialize({ flags: pkcs11js.CKF_OS_LOCKING_OK });
    const slot = p11.C_GetSlotList(true)[0];
    const session = p11.C_OpenSession(slot, pkcs11js.CKF_SERIAL_SESSION | pkcs11js.CKF_RW_SESSION);
    p11.C_Login(session, pkcs11js.CKU_USER, readFileSync(process.argv[2], 'utf8').trim());
    p11.C_FindObjectsInit(session, [{ type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_PRIVATE_KEY }]);
    const [key] = p11.C_FindObjects(session, 1);
    p11.C_FindObjectsFinal(session);
    const digest = Buffer.alloc(32, 1);
    const started = performance.now();
    let count = 0;
    for (; performance.now() - started < ${secondsEach * 1_000}; count++) {
      p11.C_SignInit(session, { mechanism: pkcs11js.CKM_ECDSA }, key);
      p11.C_Sign(session, digest, Buffer.alloc(64));
    }
    console.log((count / (performance.now() - started)) * 1000);`;
  return Number(
    execFileSync(process.execPath, ['-e', script, directory.address.module, pinFile], {
      cwd: project,
      env: { ...process.env, ...directory.environment },
      encoding: 'utf8',
    }),
  );
}

/** Signatures a second of OpenSSL on one core, without a token. */
function rateOpenssl(): number | undefined {
  const { stdout, error } = spawnSync('openssl', ['speed', '-seconds', '2', 'ecdsap256'], {
    encoding: 'utf8',
  });
  if (error !== undefined) return undefined;
  const [, perSecond] = /nistp256\)\s+\S+\s+\S+\s+([\d.]+)/.exec(stdout) ?? [];
  return perSecond === undefined ? undefined : Number(perSecond);
}

/** How long a turn of the event loop waits, ms, while the token signs as fast as it can. */
async function delayUnderLoad(token: TokenSigner, callers: number): Promise<{ p50: number; p99: number }> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  await rate(token, callers);
  delay.disable();
  // The histogram counts its own resolution.
  return { p50: delay.percentile(50) / 1e6 - 1, p99: delay.percentile(99) / 1e6 - 1 };
}

/** From the return of a token that was gone to its first good signature, ms. */
async function recovery(directory: TokenDirectory, token: TokenSigner, goneMs: number): Promise<number> {
  const tokens = join(directory.path, 'tokens');
  renameSync(tokens, `${tokens}.away`);
  const until = performance.now() + goneMs;
  while (performance.now() < until) {
    await token.check().catch(() => undefined);
    await sleep(5);
  }
  renameSync(`${tokens}.away`, tokens);
  const returnedMs = performance.now();
  for (;;) {
    try {
      await token.check();
      return performance.now() - returnedMs;
    } catch {
      await sleep(1);
    }
  }
}

export async function benchSigning(): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'ringmint-bench-'));
  try {
    const directory = await makeBenchToken(folder);
    const pinFile = join(directory.path, 'pin');
    loopArguments = () => [directory.address.module, pinFile];
    loopOptions = () => ({ env: { ...process.env, ...directory.environment }, encoding: 'utf8' });
    const loop = buildLoop(folder);
    const rates = new Map<string, number[]>();
    const note = (what: string, value: number | undefined): void => {
      if (value !== undefined) rates.set(what, [...(rates.get(what) ?? []), value]);
    };
    // In turns, so that what the machine does beside it is shared by all.
    for (let round = 1; round <= rounds; round++) {
      for (const [processes, sessions] of shapes) {
        const token = await openAll(directory, processes, sessions);
        note(`${processes} × ${sessions}`, await rate(token, 2 * processes * sessions));
        await token.close();
      }
      note('C, 1 thread', loop?.(1));
      note('C, 4 threads', loop?.(4));
      note('pkcs11js', ratePlain(directory, pinFile));
      note('openssl', rateOpenssl());
      process.stderr.write(`\rsigning: round ${round} of ${rounds}`);
    }
    process.stderr.write('\n');
    const of = (what: string): string => {
      const values = rates.get(what);
      return values === undefined ? 'not on this machine' : show(median(values));
    };
    const two = await openAll(directory, 2, 4);
    const { p50, p99 } = await delayUnderLoad(two, 32);
    await two.close();
    const one = await openAll(directory, 1, 4);
    const brief: number[] = [];
    const long: number[] = [];
    for (let i = 0; i < 5; i++) brief.push(await recovery(directory, one, 20));
    for (let i = 0; i < 3; i++) long.push(await recovery(directory, one, 3_000));
    await one.close();
    return [
      {
        what: 'signatures/s, verified outside, by processes × sessions',
        figure: shapes
          .map(([processes, sessions]) => `${processes} × ${sessions}: ${of(`${processes} × ${sessions}`)}`)
          .join(', '),
      },
      {
        what: '… the same token in C, not verified, 1 and 4 threads in one process',
        figure: `${of('C, 1 thread')}, ${of('C, 4 threads')}`,
      },
      { what: '… pkcs11js, synchronous, not verified', figure: of('pkcs11js') },
      { what: '… OpenSSL on one core, without a token', figure: of('openssl') },
      {
        what: 'event loop of the asking process under full signing load, p50 and p99',
        figure: `${p50.toFixed(1)} ms, ${p99.toFixed(1)} ms`,
      },
      {
        what: 'from the return of a token to its first good signature, gone for 20 ms and for 3 s',
        figure: `${median(brief).toFixed(0)} ms, ${median(long).toFixed(0)} ms`,
      },
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
