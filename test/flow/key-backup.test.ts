/** `ringmint keys backup` and `restore-drill` as an operator gives them, beside an appliance that runs. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openToken } from '../../hsm/token-signer.ts';
import { FaultShim, shimObstacle } from '../hsm/fault-shim.ts';
import { softhsm } from '../hsm/temporary-token.ts';
import { makeWorkplace, project, type Ran, type Systems, type Workplace, waitFor } from './ringmint.ts';

const roles = ['central', 'issuance', 'quota'] as const;
type Role = (typeof roles)[number];

/** Drills make their copies here, so that what they leave is seen. */
let temporary: string;
let place: Workplace;
let systems: Systems;
let count = 0;

beforeAll(async () => {
  temporary = mkdtempSync(join(tmpdir(), 'ringmint drills-'));
  place = makeWorkplace();
  vi.stubEnv('TMPDIR', temporary);
  await place.init();
  systems = await place.up();
});

afterAll(async () => {
  await systems.stop();
  place.remove();
  vi.unstubAllEnvs();
  rmSync(temporary, { recursive: true, force: true });
});

const inFolder = (name: string): string => join(place.folder, name);
const tokenOf = (role: Role): string => join(place.home, role, 'token');
const backUp = (role: Role, out: string): Promise<Ran> =>
  place.run('keys', 'backup', role, '--out', out, '--json');

const copies = (): string[] => readdirSync(temporary).filter((name) => name.startsWith('ringmint-drill-'));

/** By SOFTHSM2_CONF, which names the drill's own folder. */
function signersOfDrills(): string[] {
  return readdirSync('/proc').filter((id) => {
    try {
      return (
        /^\d+$/.test(id) &&
        readFileSync(`/proc/${id}/environ`, 'utf8').includes(`=${temporary}/ringmint-drill-`)
      );
    } catch {
      // It ended while we looked, or is none of ours.
      return false;
    }
  });
}

/** Drills, and sees that nothing is left of it, and that the backup is as it was. */
async function drill(folder: string, ...more: string[]): Promise<Ran> {
  const before = contentOf(inFolder(folder));
  const ran = await place.run('keys', 'restore-drill', folder, '--json', ...more);
  expect(copies()).toEqual([]);
  expect(contentOf(inFolder(folder))).toEqual(before);
  expect(signersOfDrills()).toEqual([]);
  return ran;
}

function contentOf(folder: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [path, readFileSync(path, 'hex')]),
  );
}

async function newBackup(role: Role): Promise<string> {
  const folder = `backup ${count++}`;
  const made = await backUp(role, folder);
  expect(made.json()).toMatchObject({ ok: true, role });
  return folder;
}

async function issue(name: string): Promise<Ran> {
  const json = {
    currency: 'EUR',
    total: '1.00',
    denominations: [{ value: '1.00', count: 1 }],
    owner: 'Alice',
    purpose: 'test',
    origin: 'DE',
    destination: 'FR',
  };
  writeFileSync(inFolder(`${name}.json`), JSON.stringify(json));
  await place.run('request', `${name}.json`, '--out', `${name}.cbor`);
  return place.run('issue', `${name}.cbor`, '--out', name, '--json');
}

async function keyIdOf(role: Role): Promise<unknown> {
  const { systems: all } = (await place.run('status', '--json')).json() as {
    systems: { role: Role; keyId: unknown }[];
  };
  return all.find((system) => system.role === role)?.keyId;
}

describe('a backup of a running system', () => {
  it('can be used, round after round, and disturbs no issuance', async () => {
    let going = true;
    const issued = (async () => {
      let number = 0;
      for (; going; number++) {
        const ran = await issue(`meanwhile ${number}`);
        expect([ran.code, ran.err]).toEqual([0, '']);
      }
      return number;
    })();
    for (let round = 0; round < 3; round++) {
      for (const role of roles) {
        const drilled = await drill(await newBackup(role));
        expect([drilled.code, drilled.json()]).toMatchObject([0, { ok: true, role, lacking: [] }]);
        expect((drilled.json()['keys'] as { published: boolean }[]).map((key) => key.published)).toEqual(
          role === 'quota' ? [true, true] : [true],
        );
      }
    }
    going = false;
    expect(await issued).toBeGreaterThan(3);
  }, 180_000);

  it('holds no PIN, says where that is, and can be read by its owner only', async () => {
    const ran = await place.run('keys', 'backup', 'quota', '--out', 'said');
    expect(ran.code).toBe(0);
    const pinFile = join(tokenOf('quota'), 'pin');
    expect(ran.out).toContain(pinFile);
    for (const name of ['pin', 'so-pin']) {
      const pin = readFileSync(join(tokenOf('quota'), name), 'hex');
      for (const content of Object.values(contentOf(inFolder('said')))) expect(content).not.toContain(pin);
    }
    expect(statSync(inFolder('said')).mode & 0o777).toBe(0o700);
    const manifest = JSON.parse(readFileSync(inFolder('said/manifest.json'), 'utf8')) as Record<
      string,
      unknown
    >;
    expect(manifest).toMatchObject({
      version: 1,
      role: 'quota',
      hsm: 'softhsm',
      tokenLabel: 'ringmint-quota',
      keys: [
        { label: 'signing', kind: 'signing' },
        { label: 'agreement', kind: 'agreement' },
      ],
    });
  });

  it('goes into no folder that holds something, and none that cannot be made', async () => {
    mkdirSync(inFolder('documents'));
    chmodSync(inFolder('documents'), 0o755);
    writeFileSync(inFolder('documents/thesis.txt'), 'ten years');
    for (const [out, code] of [
      ['documents', 'backup_exists'],
      ['documents/thesis.txt', 'backup_exists'],
      [join(tokenOf('quota'), 'tokens/backup'), 'backup_exists'],
      ['nowhere/backup', 'folder_unwritable'],
    ] as const) {
      const ran = await backUp('quota', out);
      expect([ran.code, ran.json()], out).toMatchObject([2, { ok: false, code }]);
    }
    expect(readdirSync(inFolder('documents'))).toEqual(['thesis.txt']);
    expect(statSync(inFolder('documents')).mode & 0o777).toBe(0o755);
  });

  it('is made of an HSM of the role, whose files are here', async () => {
    const path = join(place.home, 'central/config.json');
    const before = readFileSync(path, 'utf8');
    const configuration = JSON.parse(before) as { signing: { hsms: unknown[] } };
    configuration.signing.hsms.unshift({
      name: 'rack',
      kind: 'pkcs11',
      module: '/usr/lib/rack.so',
      uri: 'pkcs11:token=rack',
      pin: 'env:RACK_PIN',
      environment: {},
    });
    writeFileSync(path, JSON.stringify(configuration));
    try {
      const first = await backUp('central', 'rack');
      expect([first.code, first.json()]).toMatchObject([
        2,
        { code: 'backup_unsupported', message: expect.stringContaining('vendor') },
      ]);
      expect(existsSync(inFolder('rack'))).toBe(false);
      const named = await place.run('keys', 'backup', 'central', '--out', 'named', '--hsm', 'softhsm');
      expect(named.code).toBe(0);
      const unknown = await place.run(
        ...['keys', 'backup', 'central', '--out', 'other', '--hsm', 'cellar', '--json'],
      );
      expect([unknown.code, unknown.json()]).toMatchObject([2, { code: 'hsm_unknown' }]);
    } finally {
      writeFileSync(path, before);
    }
  });
});

describe('a drill refuses', () => {
  const firstObject = (folder: string): string => {
    const [name = ''] = readdirSync(join(folder, 'tokens'));
    const [object = ''] = readdirSync(join(folder, 'tokens', name)).filter((file) =>
      /^[0-9a-f-]{36}\.object$/.test(file),
    );
    return join(folder, 'tokens', name, object);
  };
  function editManifest(folder: string, from: string, to: string): void {
    const path = join(folder, 'manifest.json');
    const text = readFileSync(path, 'utf8');
    expect(text).toContain(from);
    writeFileSync(path, text.replace(from, to));
  }
  const cases: [title: string, code: string, change: (folder: string) => void][] = [
    [
      'a key file with one bit changed',
      'backup_altered',
      (folder) => {
        const bytes = readFileSync(firstObject(folder));
        bytes[100] = (bytes[100] ?? 0) ^ 1;
        writeFileSync(firstObject(folder), bytes);
      },
    ],
    ['a key file that is gone', 'backup_incomplete', (folder) => rmSync(firstObject(folder))],
    [
      'a file that was added',
      'backup_altered',
      (folder) => writeFileSync(join(folder, 'tokens/more.object'), ''),
    ],
    ['a PIN put beside it', 'backup_altered', (folder) => writeFileSync(join(folder, 'pin'), '1234')],
    [
      'no manifest, as a crash leaves it',
      'backup_incomplete',
      (folder) => rmSync(join(folder, 'manifest.json')),
    ],
    [
      'half a manifest',
      'backup_altered',
      (folder) => editManifest(folder, readFileSync(join(folder, 'manifest.json'), 'utf8').slice(200), ''),
    ],
    [
      'a manifest of another version',
      'backup_altered',
      (folder) => editManifest(folder, '"version": 1', '"version": 2'),
    ],
    [
      'a manifest that reaches out of its folder',
      'backup_altered',
      (folder) => editManifest(folder, '"softhsm2.conf"', '"../softhsm2.conf"'),
    ],
    [
      'a backup of another role, by its manifest',
      'backup_foreign',
      (folder) => editManifest(folder, '"quota"', '"central"'),
    ],
    [
      'a label that no key has',
      'key_missing',
      (folder) => editManifest(folder, '"label": "signing"', '"label": "other"'),
    ],
    [
      'keys of which none signs',
      'backup_incomplete',
      (folder) => editManifest(folder, '"kind": "signing"', '"kind": "agreement"'),
    ],
    ['a folder that is not there', 'backup_incomplete', (folder) => rmSync(folder, { recursive: true })],
  ];
  it.each(cases)('%s: %s', async (_title, code, change) => {
    const folder = await newBackup('quota');
    change(inFolder(folder));
    const ran = existsSync(inFolder(folder))
      ? await drill(folder)
      : await place.run('keys', 'restore-drill', folder, '--json');
    expect([ran.code, ran.json()]).toMatchObject([5, { ok: false, code }]);
    expect(copies()).toEqual([]);
  });

  it("another role's token under this role's manifest, which the PIN does not open", async () => {
    const folder = await newBackup('quota');
    const other = await newBackup('central');
    const manifest = JSON.parse(readFileSync(inFolder(`${other}/manifest.json`), 'utf8')) as object;
    const own = JSON.parse(readFileSync(inFolder(`${folder}/manifest.json`), 'utf8')) as { keys: unknown };
    writeFileSync(
      inFolder(`${other}/manifest.json`),
      JSON.stringify({ ...manifest, role: 'quota', keys: own.keys }),
    );
    const ran = await drill(other);
    expect([ran.code, ran.json()]).toMatchObject([5, { code: 'pin_incorrect' }]);
  });

  it("another appliance's backup, without trying this one's PIN", async () => {
    const folder = await newBackup('quota');
    const other = makeWorkplace();
    try {
      await other.init();
      const ran = await other.run('keys', 'restore-drill', inFolder(folder), '--json');
      expect([ran.code, ran.json()]).toMatchObject([5, { code: 'backup_foreign' }]);
    } finally {
      other.remove();
    }
  });

  const obstacle = shimObstacle();
  const title = obstacle === undefined ? '' : ` (SKIPPED: ${obstacle})`;
  it.skipIf(obstacle !== undefined)(`a wrong PIN, after one login${title}`, async () => {
    const shim = new FaultShim(inFolder('shim'), softhsm);
    const path = join(place.home, 'appliance.json');
    const before = readFileSync(path, 'utf8');
    writeFileSync(path, before.replace('"auto"', JSON.stringify(shim.module)));
    try {
      const folder = await newBackup('quota');
      writeFileSync(inFolder('wrong-pin'), '00000000', { mode: 0o600 });
      const ran = await drill(folder, '--pin', 'file:wrong-pin');
      expect([ran.code, ran.json()]).toMatchObject([5, { code: 'pin_incorrect' }]);
      expect(shim.readLog().filter(({ name }) => name === 'C_Login')).toHaveLength(1);
    } finally {
      writeFileSync(path, before);
    }
  });

  it('a PIN that is nowhere, or that others can read', async () => {
    const folder = await newBackup('central');
    writeFileSync(inFolder('open-pin'), '00000000');
    chmodSync(inFolder('open-pin'), 0o644);
    for (const [source, code] of [
      ['file:nowhere', 'pin_missing'],
      ['file:open-pin', 'pin_exposed'],
      ['1234', 'pin_missing'],
    ] as const) {
      const ran = await drill(folder, '--pin', source);
      expect([ran.code, ran.json()], source).toMatchObject([5, { code }]);
    }
  });

  it('a key that may leave the token', async () => {
    const token = tokenOf('central');
    const environment = { SOFTHSM2_CONF: join(token, 'softhsm2.conf') };
    const pin = join(token, 'pin');
    execFileSync(
      process.execPath,
      [
        ...['--import', 'tsx', join(project, 'test/hsm/unfit-key.ts')],
        ...[softhsm, 'ringmint-central', pin, 'unfit', 'CKA_EXTRACTABLE=true'],
      ],
      { env: { ...process.env, ...environment } },
    );
    const opened = await openToken({
      address: { module: softhsm, uri: 'pkcs11:token=ringmint-central', pin: { kind: 'file', path: pin } },
      environment,
      signingKey: 'unfit',
    });
    const keyId = Buffer.from(opened.publicKey.keyId).toString('hex');
    await opened.close();
    const path = join(place.home, 'central/keys.json');
    const before = readFileSync(path, 'utf8');
    const inventory = JSON.parse(before) as { keys: unknown[] };
    inventory.keys.push({ keyId, kind: 'signing', hsm: 'softhsm', label: 'unfit' });
    writeFileSync(path, JSON.stringify(inventory));
    try {
      const ran = await drill(await newBackup('central'));
      expect([ran.code, ran.json()]).toMatchObject([5, { code: 'key_unfit' }]);
    } finally {
      writeFileSync(path, before);
    }
  });
});

describe('a drill', () => {
  it('takes the PIN from where it is kept', async () => {
    const folder = await newBackup('quota');
    const pin = join(tokenOf('quota'), 'pin');
    cpSync(pin, inFolder('kept-pin'));
    expect((await drill(folder, '--pin', 'file:kept-pin')).code).toBe(0);
    const child = spawn(
      process.execPath,
      [
        join(project, 'dist/src/main.js'),
        ...['keys', 'restore-drill', folder, '--pin', 'env:KEPT', '--home', place.home],
      ],
      { cwd: place.folder, env: { ...process.env, KEPT: readFileSync(pin, 'utf8') }, stdio: 'ignore' },
    );
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  it('needs no more of the appliance than its trust bundle, its appliance.json and the PIN', async () => {
    const folder = await newBackup('quota');
    mkdirSync(inFolder('left'));
    for (const name of ['trust.cbor', 'appliance.json'])
      cpSync(join(place.home, name), join(inFolder('left'), name));
    cpSync(join(tokenOf('quota'), 'pin'), inFolder('left-pin'));
    const without = await drill(folder, '--home', 'left');
    expect([without.code, without.json()]).toMatchObject([5, { code: 'pin_missing' }]);
    const drilled = await drill(folder, '--home', 'left', '--pin', 'file:left-pin');
    expect([drilled.code, drilled.json()]).toMatchObject([0, { ok: true, lacking: [] }]);
  });

  it.each<NodeJS.Signals>(['SIGINT', 'SIGTERM', 'SIGHUP'])(
    'that is stopped by %s, given twice, removes its copy and leaves nothing running',
    async (signal) => {
      const folder = await newBackup('quota');
      const child: ChildProcess = spawn(
        process.execPath,
        [
          join(project, 'dist/src/main.js'),
          ...['keys', 'restore-drill', folder, '--home', place.home, '--json'],
        ],
        { cwd: place.folder, stdio: ['ignore', 'pipe', 'inherit'] },
      );
      let out = '';
      child.stdout?.setEncoding('utf8').on('data', (text: string) => (out += text));
      const closed = once(child, 'close');
      await waitFor('the copy', () => copies().length > 0);
      child.kill(signal);
      await new Promise((resolve) => setTimeout(resolve, 20));
      child.kill(signal);
      expect(await closed).toEqual([6, null]);
      expect(JSON.parse(out)).toMatchObject({ ok: false, code: 'drill_interrupted' });
      expect(copies()).toEqual([]);
      expect(signersOfDrills()).toEqual([]);
    },
  );

  it('says which key a backup lacks that was made before a rotation, and takes one that was made after', async () => {
    const old = await newBackup('issuance');
    const rotated = await place.run('keys', 'rotate', 'issuance', '--delay', '3600', '--json');
    const { keyId } = rotated.json();
    const outdated = await drill(old);
    expect([outdated.code, outdated.json()]).toMatchObject([
      5,
      { ok: false, code: 'backup_outdated', lacking: [{ role: 'issuance', keyId }] },
    ]);
    expect((await place.run('keys', 'restore-drill', old)).err).toContain(String(keyId));
    const drilled = await drill(await newBackup('issuance'));
    expect(drilled.json()).toMatchObject({ ok: true, keys: [{}, { keyId, published: true }], lacking: [] });
  });

  it('takes a backup that was made during a rotation, or says what it lacks', async () => {
    let going = true;
    const rotations = (async () => {
      let number = 0;
      for (; going; number++)
        expect(await place.run('keys', 'rotate', 'quota', '--delay', '3600', '--json')).toMatchObject({
          code: 0,
        });
      return number;
    })();
    const folders: string[] = [];
    for (let round = 0; round < 4; round++) folders.push(await newBackup('quota'));
    going = false;
    expect(await rotations).toBeGreaterThan(1);
    for (const folder of folders) {
      const ran = await drill(folder);
      if (ran.code !== 0) expect([ran.code, ran.json()]).toMatchObject([5, { code: 'backup_outdated' }]);
    }
    expect((await drill(await newBackup('quota'))).code).toBe(0);
  }, 180_000);
});

describe('a restore for real, as docs/OPERATIONS.md has it', () => {
  it('brings back a token whose files are lost, with its key', async () => {
    const keyId = await keyIdOf('quota');
    const folder = inFolder(await newBackup('quota'));
    await systems.stop();
    const token = tokenOf('quota');
    renameSync(join(token, 'tokens'), inFolder('lost'));
    cpSync(join(folder, 'tokens'), join(token, 'tokens'), { recursive: true });
    cpSync(join(folder, 'token-object'), join(token, 'token-object'));
    systems = await place.up();
    expect(await keyIdOf('quota')).toBe(keyId);
    expect((await issue('restored')).code).toBe(0);
  });

  it('brings back a whole directory, with the PIN from its own place', async () => {
    const keyId = await keyIdOf('quota');
    const folder = inFolder(await newBackup('quota'));
    const token = tokenOf('quota');
    cpSync(join(token, 'pin'), inFolder('pin-elsewhere'));
    await systems.stop();
    rmSync(token, { recursive: true });
    execFileSync('cp', ['-rp', folder, token]);
    rmSync(join(token, 'manifest.json'));
    execFileSync('install', ['-m', '600', inFolder('pin-elsewhere'), join(token, 'pin')]);
    systems = await place.up();
    expect(await keyIdOf('quota')).toBe(keyId);
    expect((await issue('restored whole')).code).toBe(0);
    expect((await drill(await newBackup('quota'))).code).toBe(0);
  });
});

describe('the commands', () => {
  it.each(['backup', 'restore-drill'])('%s explains itself, with an example', async (name) => {
    const help = await place.run('keys', name, '--help');
    expect([help.code, help.out]).toMatchObject([
      0,
      expect.stringContaining(`Example:\n  $ ringmint keys ${name}`),
    ]);
    expect(help.out).toContain('--json');
    expect((await place.run('keys', name)).code).toBe(2);
  });
});
