/** What somebody else does with the package: installs it, and signs with a program of their own. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { parseCommandLine } from '../../../hsm/ci/command-line.js';
import { errorCodes } from '../../../hsm/ci/setup-error.js';
import { keyTypes } from '../../../hsm/ci/template.js';
import { leftIn, packageFolder, run, Started, temporaryFolder } from './cli-process.ts';

const examples = join(packageFolder, 'examples');

/** Why an example cannot be run here, or undefined where it can: what it needs is installed if that is possible. */
function obstacleOf(...tools: readonly string[]): string | undefined {
  const { status, stderr } = spawnSync(join(examples, 'install-tools'), tools, {
    encoding: 'utf8',
    timeout: 100_000,
  });
  return status === 0 ? undefined : (stderr.trim().split('\n').at(-1) ?? 'install-tools failed');
}

const obstacles = {
  c: obstacleOf('gcc', 'openssl'),
  python: obstacleOf('opensc', 'openssl'),
  // 80 MB, so that it is not installed for this test.
  go: existsSync('/usr/share/gocode/src/github.com/miekg/pkcs11')
    ? undefined
    : '`hsm/ci/examples/install-tools go` was not run',
};
for (const [name, obstacle] of Object.entries(obstacles))
  if (obstacle !== undefined) console.warn(`SKIPPED: the example in ${name} is not run here: ${obstacle}`);

test.each(['c', 'python', 'go'] as const)(
  'the example in %s signs in the token, and openssl verifies outside',
  async (name) => {
    if (obstacles[name] !== undefined) return;
    const folder = temporaryFolder();
    const { status, stdout, stderr } = await run(
      ['--quiet', '--', join(examples, 'sign-and-verify'), name],
      folder,
      { GOCACHE: join(process.env['HOME'] ?? folder, '.cache/go-build') },
    );
    expect({ status, stdout }, stderr).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('Verified OK'),
    });
    expect(leftIn(folder)).toEqual([]);
  },
);

const opensc = ['/usr/lib', ...['x86_64', 'aarch64'].map((machine) => `/usr/lib/${machine}-linux-gnu`)]
  .map((folder) => join(folder, 'opensc-pkcs11.so'))
  .find((path) => existsSync(path));
if (opensc === undefined)
  console.warn('SKIPPED: another PKCS#11 module than SoftHSM is not tried: there is no OpenSC');

test.skipIf(opensc === undefined)('refuses a PKCS#11 module that is not SoftHSM', async () => {
  const { status, stdout } = await run(['mechanisms', '--json'], temporaryFolder(), {
    SOFTHSM2_MODULE: opensc,
  });
  expect(status).toBe(3);
  expect(JSON.parse(stdout)).toMatchObject({
    code: 'softhsm_unusable',
    message: expect.stringContaining('OpenSC'),
  });
});

const registry = spawnSync('npm', ['view', 'pkcs11js@2.1.7', 'version'], {
  encoding: 'utf8',
  timeout: 20_000,
});
const offline = registry.status === 0 ? undefined : 'the npm registry cannot be reached';
if (offline !== undefined)
  console.warn(`SKIPPED: the package is not installed from its tarball here, since ${offline}`);

test.skipIf(offline !== undefined)('installs from its tarball into a project, and runs there', async () => {
  const folder = temporaryFolder();
  const node = dirname(dirname(process.execPath));
  const headers = existsSync(join(node, 'include/node/node_version.h')) ? { npm_config_nodedir: node } : {};
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "allowScripts": { "pkcs11js": true } }');
  const npm = async (...words: string[]) => {
    const outcome = await new Started('npm', words, headers, folder).outcome();
    expect(outcome.status, outcome.stderr).toBe(0);
    return outcome.stdout;
  };
  await npm('pack', packageFolder);
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? '';
  await npm('install', '--no-audit', '--no-fund', `./${tarball}`);
  const serial = await npm(
    'exec',
    '--',
    'softhsm-ci-setup',
    '--quiet',
    '--',
    'sh',
    '-c',
    'echo $SOFTHSM_TOKEN_SERIAL',
  );
  expect(serial).toMatch(/^[0-9a-f]{16}\n$/);
});

test('lists mechanisms by name, with what they are for', async () => {
  const { status, stdout } = await run(['mechanisms', '--json'], temporaryFolder());
  expect(status).toBe(0);
  const { mechanisms, softhsm } = JSON.parse(stdout) as {
    mechanisms: { name: string; number: number; flags: string[] }[];
    softhsm: { version: string };
  };
  expect(softhsm.version).toMatch(/^2\.\d+$/);
  const ecdsa = mechanisms.find(({ name }) => name === 'CKM_ECDSA');
  expect(ecdsa).toMatchObject({ number: 0x1041, flags: ['sign', 'verify'] });
  expect(mechanisms.every(({ name }) => /^(?:CKM_[A-Z0-9_]+|0x[0-9a-f]{8})$/.test(name))).toBe(true);
});

test('explains itself, and says its version', async () => {
  const folder = temporaryFolder();
  const help = await run(['--help'], folder);
  expect(help.status).toBe(0);
  for (const word of [
    'setup',
    'env',
    'smoke',
    'mechanisms',
    'cleanup',
    '--role',
    '--template',
    '--dir',
    '125',
  ])
    expect(help.stdout).toContain(word);
  const { version } = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8')) as {
    version: string;
  };
  expect((await run(['--version'], folder)).stdout).toBe(`${version}\n`);
});

test.each([
  [[], 'nothing to do'],
  [['make'], '`make` is no subcommand'],
  [['setup', 'tokens'], '`tokens` has no place here'],
  [['env', '--role', 'a'], '`--role` has no meaning for env'],
  [['env', '--format', 'xml'], '`xml` is no format: shell, lines, json'],
  [['setup', '--role', 'a', '--template', 't.json'], 'both given'],
  [['setup', '--accept-version', '2'], '`--accept-version 2`: two numbers'],
  [['setup', '--bogus'], "unknown option '--bogus'"],
])('refuses %j as wrong usage', (words, message) => {
  expect(() => parseCommandLine(words, {})).toThrow(
    expect.objectContaining({ code: 'usage_invalid', message: expect.stringContaining(message) }),
  );
});

test('ends with 2 on wrong usage, and says where to read on', async () => {
  const { status, stdout, stderr } = await run(['setup', '--bogus'], temporaryFolder());
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  expect(stderr).toContain("unknown option '--bogus'");
  expect(stderr).toContain('see --help (usage_invalid)');
});

test('refuses a subcommand with a command after it, with the status of a command that did not come to run', async () => {
  const { status, stderr } = await run(['setup', '--', 'make'], temporaryFolder());
  expect(status).toBe(125);
  expect(stderr).toContain('`setup` runs no command: `--` has no place here');
});

test('has the license and the lock of the whole, and documents every code, type and option', () => {
  const read = (name: string) => readFileSync(join(packageFolder, name), 'utf8');
  expect(read('LICENSE')).toBe(read('../../LICENSE'));
  const versions = (name: string) =>
    (JSON.parse(read(name)) as { packages: Record<string, { version?: string; integrity?: string }> })
      .packages['node_modules/pkcs11js'];
  const own = versions('package-lock.json');
  expect(own?.version).toBe(versions('../../package-lock.json')?.version);
  expect(own?.integrity).toBe(versions('../../package-lock.json')?.integrity);
  expect(read('package-lock.json')).not.toContain('"resolved"');
  const readme = read('README.md');
  for (const word of [...Object.keys(errorCodes), ...Object.keys(keyTypes)])
    expect(readme).toContain(`\`${word}\``);
});
