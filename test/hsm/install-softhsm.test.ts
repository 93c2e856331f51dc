import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { provisionDirectory } from '../../hsm/token-directory.ts';
import { openToken } from '../../hsm/token-signer.ts';
import {
  isValid,
  messageOf,
  pointOf,
  projectFolder,
  signingOnly,
  temporaryFolder,
} from './temporary-token.ts';

const script = join(projectFolder, 'hsm', 'ci', 'install-softhsm');

function run(args: readonly string[], environment: NodeJS.ProcessEnv = {}) {
  const { SOFTHSM2_MODULE: _unset, ...rest } = process.env;
  return spawnSync(script, args, { env: { ...rest, ...environment }, encoding: 'utf8', timeout: 110_000 });
}

function parse(output: string): Map<string, string> {
  return new Map(
    output
      .trim()
      .split('\n')
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
}

/** Why the rootless unpack cannot be tried here, or undefined where it can: apt has to be there and to reach its mirror. */
function aptObstacle(): string | undefined {
  const uri = spawnSync('apt-get', ['--print-uris', 'download', 'libsofthsm2'], { encoding: 'utf8' });
  if (uri.error !== undefined) return 'there is no apt-get';
  const folder = temporaryAptFolder;
  mkdirSync(folder, { recursive: true });
  const download = spawnSync('apt-get', ['-q', 'download', 'softhsm2-common'], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 60_000,
  });
  return download.status === 0
    ? undefined
    : `apt-get cannot download: ${download.stderr.trim().split('\n').at(-1)}`;
}

const temporaryAptFolder = join('/tmp', `ringmint-apt-${randomBytes(4).toString('hex')}`);
const obstacle = aptObstacle();
execFileSync('rm', ['-rf', temporaryAptFolder]);
if (obstacle !== undefined)
  console.warn(`SKIPPED: the rootless unpack of SoftHSM is not tested here, since ${obstacle}`);

test.skipIf(obstacle !== undefined)(
  'unpacks SoftHSM without privilege into a folder, and the unpacked module signs',
  { timeout: 120_000 },
  async () => {
    const folder = temporaryFolder();
    const prefix = join(folder, 'soft hsm');
    const first = run(['--rootless', '--prefix', prefix]);
    expect(first.stderr + first.stdout).toContain('unpacking');
    expect(first.status).toBe(0);
    const found = parse(first.stdout);
    const module = found.get('SOFTHSM2_MODULE') ?? '';
    expect(module.startsWith(`${prefix}/`)).toBe(true);
    expect(existsSync(found.get('SOFTHSM2_UTIL') ?? '')).toBe(true);

    const second = run(['--rootless', '--prefix', prefix]);
    expect(second).toMatchObject({ status: 0, stdout: first.stdout, stderr: '' });

    // Where the unpack brought libraries along, the module needs them; on this machine's own it has none to set.
    const libraries = found.get('LD_LIBRARY_PATH');
    if (libraries !== undefined) vi.stubEnv('LD_LIBRARY_PATH', libraries);
    const { address, environment } = await provisionDirectory({
      module,
      path: join(folder, 'token'),
      tokenLabel: 'unpacked',
      keys: signingOnly,
      random: randomBytes,
    });
    const token = await openToken({ address, environment, signingKey: 'signing' });
    try {
      const signature = await token.sign(messageOf('unpacked'));
      expect(isValid(pointOf(token), messageOf('unpacked'), signature)).toBe(true);
    } finally {
      await token.close();
      vi.unstubAllEnvs();
    }
  },
);

test('prints the module that SOFTHSM2_MODULE names, in less than two seconds', () => {
  const module = parse(run([]).stdout).get('SOFTHSM2_MODULE') ?? '';
  expect(existsSync(module)).toBe(true);
  const startedMs = performance.now();
  const named = run([], { SOFTHSM2_MODULE: module });
  expect(performance.now() - startedMs).toBeLessThan(2_000);
  expect(parse(named.stdout).get('SOFTHSM2_MODULE')).toBe(module);
});

test('refuses a SOFTHSM2_MODULE that is not there, and says how to mend it', () => {
  const { status, stdout, stderr } = run([], { SOFTHSM2_MODULE: '/nowhere/libsofthsm2.so' });
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).toContain('`/nowhere/libsofthsm2.so`');
  expect(stderr).toContain('unset it');
});

test('refuses a SOFTHSM2_MODULE that is no shared library', () => {
  const module = join(temporaryFolder(), 'libsofthsm2.so');
  writeFileSync(module, 'text');
  const { status, stdout, stderr } = run([], { SOFTHSM2_MODULE: module });
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).toContain('does not load');
});

test.each([[['--bogus']], [['--prefix']]])('refuses %j as wrong usage, with status 2', (args) => {
  const { status, stdout, stderr } = run(args);
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  expect(stderr).toContain('--prefix');
});

test('explains itself with --help', () => {
  const { status, stdout } = run(['--help']);
  expect(status).toBe(0);
  expect(stdout).toContain('--rootless');
});
