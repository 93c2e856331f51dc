import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { setUp } from '../../../hsm/ci/index.js';
import { parsePkcs11Uri } from '../../../hsm/pkcs11-uri.ts';
import { leftIn, run, temporaryFolder } from './cli-process.ts';

const everyType = {
  version: 1,
  roles: [
    {
      name: 'all-types',
      label: 'All types, 1',
      keys: [
        { name: 'p256', type: 'ec-p256', usage: ['sign', 'derive'], label: 'Test key 1', id: 'a1b2' },
        { name: 'p384', type: 'ec-p384', usage: ['sign', 'derive'] },
        { name: 'ed', type: 'ed25519' },
        { name: 'rsa', type: 'rsa-2048', usage: ['sign', 'decrypt'] },
        { name: 'aes', type: 'aes-256' },
      ],
    },
    { name: 'empty', keys: [] },
  ],
};

interface Report {
  readonly made: boolean;
  readonly directory: string;
  readonly roles: { name: string; serial: string; configuration: string; pinFile: string }[];
}

async function setup(directory: string, folder: string, ...words: string[]): Promise<Report> {
  const { status, stdout, stderr } = await run(['setup', '--json', '--dir', directory, ...words], folder);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return JSON.parse(stdout) as Report;
}

test('makes every type of key, audits it, and checks what it does outside the token', async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'template.json'), JSON.stringify(everyType));
  await setup('tokens', folder, '--template', 'template.json');
  const { status, stdout } = await run(['smoke', '--dir', 'tokens', '--json'], folder);
  expect(status).toBe(0);
  const { roles } = JSON.parse(stdout) as {
    roles: {
      name: string;
      keys: {
        name: string;
        attributes: Record<string, boolean>;
        smoke: { use: string; checked: string }[];
      }[];
    }[];
  };
  expect(roles.map(({ name, keys }) => [name, keys.length])).toEqual([
    ['all-types', 5],
    ['empty', 0],
  ]);
  const keys = roles[0]?.keys ?? [];
  for (const { attributes } of keys) {
    expect(attributes).toMatchObject({
      CKA_SENSITIVE: true,
      CKA_ALWAYS_SENSITIVE: true,
      CKA_EXTRACTABLE: false,
      CKA_NEVER_EXTRACTABLE: true,
      CKA_LOCAL: true,
      CKA_UNWRAP: false,
    });
  }
  expect(
    keys.map(({ name, smoke }) => [name, ...smoke.map(({ use, checked }) => `${use} ${checked}`)]),
  ).toEqual([
    ['p256', 'derive outside', 'sign outside'],
    ['p384', 'derive outside', 'sign outside'],
    ['ed', 'sign outside'],
    ['rsa', 'decrypt outside', 'sign outside'],
    ['aes', 'decrypt round trip'],
  ]);
  const { attributes } = keys[2] ?? { attributes: {} };
  expect(attributes).toMatchObject({ CKA_SIGN: true, CKA_DECRYPT: false, CKA_DERIVE: false });
});

test('keeps everything from other users, and out of commits', async () => {
  const folder = temporaryFolder();
  const { roles } = await setup('tokens', folder);
  const role = roles[0];
  if (role === undefined) throw new Error('no role was made');
  const directories = ['tokens', 'tokens/roles', 'tokens/roles/token', 'tokens/roles/token/tokens'];
  for (const name of directories) expect(statSync(join(folder, name)).mode & 0o777, name).toBe(0o700);
  for (const file of [role.configuration, role.pinFile, join(folder, 'tokens/roles/token/so-pin')])
    expect(statSync(file).mode & 0o777, file).toBe(0o600);
  expect(readFileSync(role.pinFile, 'utf8')).toMatch(/^[0-9a-f]{32}$/);
  expect(readFileSync(join(folder, 'tokens/.gitignore'), 'utf8')).toBe('*\n');
});

test('uses the tokens that are there, keys and all, also after the directory was moved', async () => {
  const folder = temporaryFolder();
  const first = await setup('tokens', folder, '--role', 'a', '--role', 'b');
  const key = readFileSync(join(folder, 'tokens/roles/a/signing.pem'), 'utf8');
  const second = await setup('tokens', folder, '--role', 'a', '--role', 'b');
  renameSync(join(folder, 'tokens'), join(folder, 'moved'));
  const third = await setup('moved', folder, '--role', 'a', '--role', 'b');
  expect([first.made, second.made, third.made]).toEqual([true, false, false]);
  expect(third.roles.map(({ serial }) => serial)).toEqual(first.roles.map(({ serial }) => serial));
  expect(readFileSync(join(folder, 'moved/roles/a/signing.pem'), 'utf8')).toBe(key);
});

test('refuses a directory whose tokens were made for other roles, and says which', async () => {
  const folder = temporaryFolder();
  await setup('tokens', folder, '--role', 'a');
  const { status, stderr } = await run(['setup', '--dir', 'tokens', '--role', 'b'], folder);
  expect(status).toBe(4);
  expect(stderr).toContain('was made for a (signing: ec-p256), and not for b (signing: ec-p256)');
  expect(stderr).toContain('(directory_differs)');
});

test('of four that start at once on one directory one makes the tokens, and all use them', async () => {
  const folder = temporaryFolder();
  const reports = await Promise.all(Array.from({ length: 4 }, () => setup('tokens', folder, '--role', 'a')));
  expect(reports.filter(({ made }) => made)).toHaveLength(1);
  expect(new Set(reports.map(({ roles }) => roles[0]?.serial)).size).toBe(1);
  expect(readdirSync(join(folder, 'tokens')).sort()).toEqual(['.gitignore', 'roles']);
});

test('jobs that run at once have tokens of their own', async () => {
  const folder = temporaryFolder();
  const print = 'printf "%s\\n" "$SOFTHSM_A_SERIAL" "$SOFTHSM_B_SERIAL"';
  const jobs = await Promise.all(
    Array.from({ length: 5 }, () => run(['--role', 'a', '--role', 'b', '--', 'sh', '-c', print], folder)),
  );
  expect(jobs.map(({ status }) => status)).toEqual([0, 0, 0, 0, 0]);
  expect(new Set(jobs.flatMap(({ stdout }) => stdout.trim().split('\n'))).size).toBe(10);
  expect(leftIn(folder)).toEqual([]);
});

test('gives URIs that name label, serial and PIN file, and hold no PIN', async () => {
  const folder = temporaryFolder();
  const template = {
    version: 1,
    roles: [{ name: 'a', label: 'A/b; c?', keys: [{ name: 'k', type: 'ed25519', id: '00ff' }] }],
  };
  const tokens = await setUp({ template, directory: join(folder, 'tokens') });
  const [role] = tokens.roles;
  const uri = parsePkcs11Uri(tokens.environment['SOFTHSM_A_K_URI'] ?? '');
  expect(uri).toEqual({
    token: 'A/b; c?',
    serial: role?.serial,
    object: 'k',
    id: new Uint8Array([0, 255]),
    type: 'private',
    modulePath: tokens.environment['SOFTHSM2_MODULE'],
    pinSource: `file:${role?.pinFile}`,
  });
  expect(tokens.environment['SOFTHSM_A_K_URI']).not.toContain(readFileSync(role?.pinFile ?? '', 'utf8'));
  tokens.remove();
  expect(existsSync(join(folder, 'tokens'))).toBe(false);
});

test('refuses a SoftHSM of another version, and says which one is there', async () => {
  const folder = temporaryFolder();
  const template = { version: 1, roles: [{ name: 'a' }] };
  await expect(setUp({ template, directory: join(folder, 'tokens'), accept: ['1.9'] })).rejects.toMatchObject(
    {
      code: 'softhsm_version',
      message: expect.stringMatching(
        /^role `a`: SoftHSM 2\.\d is not accepted: 1\.9 is; --accept-version 2\.\d /,
      ),
    },
  );
  expect(existsSync(join(folder, 'tokens/roles'))).toBe(false);
});

describe('a directory', () => {
  test('that holds something else is refused, and left as it is', async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'project', 'roles'), { recursive: true });
    writeFileSync(join(folder, 'project', '.gitignore'), 'dist\n');
    for (const words of [['setup'], ['cleanup']]) {
      const { status, stderr } = await run([...words, '--dir', 'project'], folder);
      expect(status).toBe(4);
      expect(stderr).toContain('(directory_foreign)');
    }
    expect(readFileSync(join(folder, 'project', '.gitignore'), 'utf8')).toBe('dist\n');
    expect(readdirSync(join(folder, 'project')).sort()).toEqual(['.gitignore', 'roles']);
  });

  test('that SoftHSM cannot read a configuration for is refused', async () => {
    const { status, stderr } = await run(['setup', '--dir', 'a=b'], temporaryFolder());
    expect(status).toBe(4);
    expect(stderr).toContain('without # and = is accepted (directory_unusable)');
  });

  test('that cannot be made is refused', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'file'), '');
    const { status, stderr } = await run(['setup', '--dir', 'file/tokens'], folder);
    expect({ status, stderr }).toMatchObject({ status: 4, stderr: expect.stringContaining('ENOTDIR') });
    const cleanup = await run(['cleanup', '--dir', 'file', '--json'], folder);
    expect(cleanup.status).toBe(4);
    expect(JSON.parse(cleanup.stdout)).toMatchObject({ ok: false, code: 'directory_unusable' });
    const nowhere = await run(['--', 'true'], folder, { TMPDIR: join(folder, 'nowhere') });
    expect(nowhere).toMatchObject({ status: 125, stderr: expect.stringContaining('ENOENT') });
  });

  test('is removed by cleanup, with what a crash left in it; a second cleanup finds nothing', async () => {
    const folder = temporaryFolder();
    await setup('tokens', folder);
    mkdirSync(join(folder, 'tokens/.making-crash/token'), { recursive: true });
    const first = await run(['cleanup', '--dir', 'tokens', '--json'], folder);
    expect(JSON.parse(first.stdout)).toEqual({ ok: true, directory: 'tokens', removed: true });
    expect(existsSync(join(folder, 'tokens'))).toBe(false);
    const second = await run(['cleanup', '--dir', 'tokens', '--json'], folder);
    expect(JSON.parse(second.stdout)).toEqual({ ok: true, directory: 'tokens', removed: false });
  });

  test('loses what a crash left in it more than an hour ago, and nothing younger', async () => {
    const folder = temporaryFolder();
    for (const name of ['old', 'young'])
      mkdirSync(join(folder, `tokens/.making-${name}`), { recursive: true });
    const agoSeconds = Date.now() / 1_000 - 3_700;
    utimesSync(join(folder, 'tokens/.making-old'), agoSeconds, agoSeconds);
    await setup('tokens', folder);
    expect(readdirSync(join(folder, 'tokens')).sort()).toEqual(['.gitignore', '.making-young', 'roles']);
  });
});

describe('a token that is lost', () => {
  let master = '';
  beforeAll(async () => {
    master = mkdtempSync(join(tmpdir(), 'softhsm-ci-master-'));
    const template = { version: 1, roles: [{ name: 'token' }] };
    for (const name of ['one', 'two']) await setUp({ template, directory: join(master, name) });
  });
  afterAll(() => rmSync(master, { recursive: true, force: true }));

  /** A set that may be spoilt: a copy, for a set may be moved. */
  function copyOf(name: string, folder: string): string {
    cpSync(join(master, name), join(folder, 'tokens'), { recursive: true });
    return join(folder, 'tokens');
  }

  const lose: [string, (role: string) => void, string][] = [
    [
      'its files',
      (role) => rmSync(join(role, 'tokens', readdirSync(join(role, 'tokens'))[0] ?? ''), { recursive: true }),
      'is not there any more',
    ],
    ['its directory', (role) => rmSync(role, { recursive: true }), 'has gone: clean up, then set up again'],
    ['its PIN', (role) => rmSync(join(role, 'pin')), 'has gone: clean up, then set up again'],
    [
      'its right PIN',
      (role) => writeFileSync(join(role, 'pin'), '0'.repeat(32)),
      'the token refuses the PIN in',
    ],
    ['its record', (role) => writeFileSync(join(role, '../set.json'), '{'), 'is damaged'],
  ];

  test.each(lose)('by %s is told, with status 4', async (_what, loseIt, message) => {
    const folder = temporaryFolder();
    loseIt(join(copyOf('one', folder), 'roles/token'));
    const { status, stdout } = await run(['smoke', '--dir', 'tokens', '--json'], folder);
    const answer = JSON.parse(stdout) as { ok: boolean; code: string; message: string };
    expect({ status, ok: answer.ok, code: answer.code }).toEqual({
      status: 4,
      ok: false,
      code: 'token_lost',
    });
    expect(answer.message).toContain(message);
  });

  test('by another in its place is told, also by a set-up: its keys are others', async () => {
    const folder = temporaryFolder();
    const path = join(copyOf('one', folder), 'roles/set.json');
    const [record, other] = [path, join(master, 'two/roles/set.json')].map(
      (file) => JSON.parse(readFileSync(file, 'utf8')) as { roles: { publicKeys: object }[] },
    );
    Object.assign(record?.roles[0] ?? {}, { publicKeys: other?.roles[0]?.publicKeys });
    writeFileSync(path, JSON.stringify(record));
    const { status, stderr } = await run(['setup', '--dir', 'tokens'], folder);
    expect({ status, stderr }).toMatchObject({
      status: 4,
      stderr: expect.stringContaining('holds another key `signing`'),
    });
  });

  test('by damage is told with what SoftHSM answers, by the name of PKCS#11', async () => {
    const folder = temporaryFolder();
    const tokens = join(copyOf('one', folder), 'roles/token/tokens');
    writeFileSync(join(tokens, readdirSync(tokens)[0] ?? '', 'token.object'), 'damaged');
    const { status, stderr } = await run(['smoke', '--dir', 'tokens'], folder);
    expect(status).toBe(1);
    expect(stderr).toMatch(/role `token`: the token answered CKR_[A-Z_]+ to C_\w+ \(token_failed\)/);
  });

  test('with its directory is told by whoever asks for it', async () => {
    const folder = temporaryFolder();
    for (const words of [['env'], ['smoke']]) {
      const { status, stderr } = await run([...words, '--dir', 'tokens'], folder);
      expect({ status, stderr }).toMatchObject({
        status: 4,
        stderr: expect.stringContaining('(directory_missing)'),
      });
    }
  });
});
