/** The compiled program with real pipes, files and an HSM: closed outputs, full disks, and modules that an appliance signs. */
import { spawnSync } from 'node:child_process';
import { createPublicKey } from 'node:crypto';
import { copyFileSync, cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeTrustBundle } from '../../src/records/trust-bundle.ts';
import { makeWorkplace, project, type Workplace } from '../flow/ringmint.ts';
import { ringmint } from './session.ts';

let place: Workplace;

beforeAll(async () => {
  place = makeWorkplace();
  cpSync(join(project, 'samples'), join(place.folder, 'samples'), { recursive: true });
  await place.init();
  process.chdir(place.folder);
  // Long enough to fill any pipe.
  writeFileSync(
    join(place.folder, 'long.rasm'),
    'level all C0 A8\nconstant one 1 C0 A8\nconstant most 400000 C0 A8\nat all\nconst r0 one\nloop most\nwhile r0\nend\nhalt\n',
  );
});

afterAll(() => {
  process.chdir(project);
  place.remove();
});

const inFolder = (name: string): string => join(place.folder, name);

/** A command line in bash, where `ringmint` is the compiled program. */
function bash(command: string): { readonly code: number | null; readonly out: string; readonly err: string } {
  const program = `ringmint() { '${process.execPath}' '${project}/dist/src/main.js' "$@"; }\n`;
  const { status, stdout, stderr, error } = spawnSync('bash', ['-c', program + command], {
    cwd: place.folder,
    env: { ...process.env, RINGMINT_HOME: place.home },
    encoding: 'utf8',
    timeout: 60_000,
  });
  if (error !== undefined) throw error;
  return { code: status, out: stdout, err: stderr };
}

describe('ringmint vm with outputs that are closed or full', () => {
  it('ends quietly when its reader has seen enough', () => {
    const said = bash(`ringmint vm trace long.rasm --steps 1000000 | head -n 2; echo "\${PIPESTATUS[0]}"`);
    expect(said.out.split('\n').at(-2)).toBe('0');
    expect(said.err).toBe('');
    expect(bash('ringmint vm disasm long.rasm | true').err).toBe('');
  });

  it('tells of a standard output that takes nothing, without a stack trace', () => {
    const full = bash('ringmint vm trace samples/vm/sum.rasm >/dev/full');
    expect(full).toEqual({
      code: 2,
      out: '',
      err: 'ringmint: cannot write standard output (ENOSPC) [file_unwritable]\n',
    });
  });

  it('works with standard output, error or input closed', () => {
    expect(bash('ringmint vm asm samples/vm/sum.rasm --out closed.rmvm >&-')).toMatchObject({
      code: 0,
      err: '',
    });
    expect(existsSync(inFolder('closed.rmvm'))).toBe(true);
    expect(bash('ringmint vm run samples/vm/leak.rasm 2>&-').code).toBe(7);
    expect(bash('ringmint vm asm - <&-')).toMatchObject({
      code: 2,
      err: 'ringmint: standard input is empty [file_empty]\n',
    });
    expect(bash('ringmint vm debug samples/vm/sum.rasm <&-').code).toBe(0);
    expect(bash('ringmint vm run - <samples').err).toContain('[file_empty]');
  });

  it('hands modules from one to the other', () => {
    const run = bash('ringmint vm disasm samples/vm/sum.rasm | ringmint vm run - --clearance all --json');
    expect(run.code).toBe(0);
    expect(JSON.parse(run.out)).toMatchObject({ ok: true, ports: [{ name: 'total' }, {}, {}] });
  });
});

describe('a module that an appliance signs', () => {
  it('is verified and run with the trust bundle, and with the public key in every form', async () => {
    const signed = await place.run('vm', 'sign', 'samples/vm/sum.rasm', '--out', 'sum.cose', '--json');
    expect([signed.code, signed.err]).toEqual([0, '']);
    const { hash, keyId } = signed.json();
    const bundle = decodeTrustBundle(readFileSync(join(place.home, 'trust.cbor')));
    if (!bundle.ok) throw new Error(bundle.message);
    const { keys, rootKey } = bundle.value.record;
    const point = keys.find(({ role }) => role === 'central')?.key.point ?? new Uint8Array();
    const root = Buffer.from(rootKey.keyId).toString('hex');
    const coordinate = (from: number): string =>
      Buffer.from(point.slice(from, from + 32)).toString('base64url');
    const key = createPublicKey({
      key: { kty: 'EC', crv: 'P-256', x: coordinate(1), y: coordinate(33) },
      format: 'jwk',
    });
    writeFileSync(inFolder('central.pem'), key.export({ format: 'pem', type: 'spki' }));
    writeFileSync(inFolder('central.hex'), `${Buffer.from(point).toString('hex')}\n`);
    writeFileSync(inFolder('central.point'), point);
    for (const trust of [
      ['--trust', join(place.home, 'trust.cbor')],
      ['--trust', join(place.home, 'trust.cbor'), '--root', root],
      ['--key', 'central.pem'],
      ['--key', 'central.hex'],
      ['--key', 'central.point'],
    ]) {
      const verified = await ringmint(['vm', 'verify', 'sum.cose', ...trust, '--json']);
      expect(verified.json(), trust.join(' ')).toMatchObject({ ok: true, authentic: true, hash, keyId });
    }
    const run = await place.run('vm', 'run', 'sum.cose', '--key', 'central.pem', '--json');
    expect(run.json()).toMatchObject({ ok: true, hash });
    expect(
      (await place.run('vm', 'verify', 'sum.cose', '--key', 'central.pem', '--out', 'out.rmvm')).code,
    ).toBe(0);
    const plain = await place.run('vm', 'run', 'out.rmvm', '--json');
    expect(plain.json()).toMatchObject({ hash });
  });

  it('is signed as a translation, which runs with the trust bundle and without its source', async () => {
    const translated = await place.run(
      'vm',
      'translate',
      'samples/vm/sum.rasm',
      '--out',
      'sum.wasm',
      '--json',
    );
    expect([translated.code, translated.err]).toEqual([0, '']);
    const { hash } = translated.json();
    const unsure = await place.run('vm', 'sign', 'sum.wasm', '--json');
    expect([unsure.code, unsure.json()['code']]).toEqual([2, 'usage']);
    const words = ['sum.wasm', '--source', 'samples/vm/sum.rasm', '--out', 'sum.wasm.cose'];
    const signed = await place.run('vm', 'sign', ...words, '--json');
    expect(signed.json()).toMatchObject({ ok: true, hash });
    const trust = ['--trust', join(place.home, 'trust.cbor'), '--json'];
    expect((await place.run('vm', 'verify', 'sum.wasm.cose', ...trust)).json()).toMatchObject({
      authentic: true,
      hash,
    });
    expect((await place.run('vm', 'run', 'sum.wasm.cose', ...trust)).json()).toMatchObject({
      ok: true,
      hash,
    });
  });

  it('is refused with one byte changed, without a key, with another key, and where it is not signed', async () => {
    const bytes = readFileSync(inFolder('sum.cose'));
    const at = bytes.indexOf('RMVM') + 100;
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    writeFileSync(inFolder('changed.cose'), bytes);
    copyFileSync(inFolder('out.rmvm'), inFolder('plain.rmvm'));
    const other = [4, ...Array<number>(63).fill(0)];
    writeFileSync(inFolder('other.point'), Buffer.from([...other, 1]));
    for (const [words, exit, code] of [
      [['verify', 'changed.cose', '--key', 'central.pem'], 4, 'signature_invalid'],
      [['run', 'changed.cose', '--key', 'central.pem'], 4, 'signature_invalid'],
      [['run', 'plain.rmvm', '--key', 'central.pem'], 4, 'signed_module_malformed'],
      [['verify', 'plain.rmvm', '--key', 'central.pem'], 4, 'signed_module_malformed'],
      [['run', 'sum.cose'], 2, 'trust_missing'],
      [['run', 'sum.cose', '--key', 'other.point'], 2, 'key_malformed'],
      [
        ['verify', 'sum.cose', '--trust', join(place.home, 'trust.cbor'), '--root', 'ab'.repeat(32)],
        2,
        'trust_bundle_invalid',
      ],
      [['verify', 'sum.cose', '--trust', join(place.home, 'trust.cbor'), '--root', 'zz'], 2, 'usage'],
      [['sign', 'sum.cose'], 2, 'trust_missing'],
      [['sign', 'samples/quotas.json'], 2, 'assembly_malformed'],
    ] as const) {
      const said = await ringmint(['vm', ...words, '--json']);
      expect([words.join(' '), said.code, said.json()['code']]).toEqual([words.join(' '), exit, code]);
    }
    expect(existsSync(inFolder('module.cose'))).toBe(false);
  });

  it('is not signed without an appliance, or with a wrong PIN', async () => {
    const nowhere = await place.run('vm', 'sign', 'out.rmvm', '--home', 'nowhere', '--json');
    expect([nowhere.code, nowhere.json()['code']]).toEqual([2, 'home_missing']);
    const pin = join(place.home, 'central/token/pin');
    const right = readFileSync(pin);
    writeFileSync(pin, '0'.repeat(32));
    try {
      const locked = await place.run('vm', 'sign', 'out.rmvm', '--json');
      expect([locked.code, locked.json()['code']]).toEqual([5, 'pin_incorrect']);
    } finally {
      writeFileSync(pin, right);
    }
    expect(existsSync(inFolder('module.cose'))).toBe(false);
  });

  it('has no names where they were left out, and is verified with another appliance by nobody', async () => {
    const signed = await place.run('vm', 'sign', 'out.rmvm', '--no-names', '--out', 'bare.cose');
    expect(signed.code).toBe(0);
    const verified = await place.run('vm', 'verify', 'bare.cose', '--key', 'central.pem', '--json');
    expect(verified.json()).toMatchObject({ authentic: true, names: false });
    const stranger = makeWorkplace();
    try {
      await stranger.init();
      const trust = join(stranger.home, 'trust.cbor');
      const said = await place.run('vm', 'verify', 'bare.cose', '--trust', trust, '--json');
      expect([said.code, said.json()]).toMatchObject([4, { code: 'key_unknown', authentic: false }]);
    } finally {
      stranger.remove();
    }
  });
});
