/** `ringmint vm translate` and `check-translation`, and the other commands with translated modules: what they say, and what they refuse. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { moduleHash, stripNames } from '../../vm/module.ts';
import { signTranslation } from '../../vm/signed-translation.ts';
import { customSection } from '../../vm/translator/wasm.ts';
import { newKey } from '../vm/signing-key.ts';
import { enterFolder, type Folder, ringmint } from './session.ts';

let folder: Folder;
const key = newKey();
const signer = {
  publicKey: { ...key.publicKey, keyId: new Uint8Array(32) },
  sign: (message: Uint8Array<ArrayBuffer>) => key.sign(message),
};
const appliance = {
  openModuleSigner: async () => ({ ...signer, close: async () => {} }),
};

beforeAll(async () => {
  folder = enterFolder();
  for (const name of ['payment', 'sum', 'leak']) {
    const source = `samples/vm/${name}.rasm`;
    const made = await ringmint(['vm', 'asm', source, '--out', `${name}.rmvm`]);
    const translated = await ringmint(['vm', 'translate', source, '--out', `${name}.wasm`]);
    expect([made.code, translated.code, translated.err]).toEqual([0, 0, '']);
  }
  writeFileSync('central.hex', Buffer.from(key.publicKey.point).toString('hex'));
});

afterAll(() => {
  folder.leave();
});

const inputs = [
  ...['--input', 'amount[0]=25000', '--input', "currency[0]='EUR'"],
  ...['--input', 'limit[0]=100000', '--input', 'fee[0]=25'],
];
const hashOf = (file: string): Uint8Array => moduleHash(stripNames(readFileSync(file)));

/** The last `i64.add` of the code is an `i64.sub`: the claims behind it are text, and have no such byte. */
function altered(wasm: Uint8Array): Uint8Array {
  return new Uint8Array(wasm).with(wasm.lastIndexOf(0x7c), 0x7d);
}

describe('ringmint vm translate', () => {
  it('tells sizes, what is proven, and how many checks are left out', async () => {
    const said = await ringmint(['vm', 'translate', 'payment.rmvm', '--out', 'again.wasm', '--json']);
    const json = said.json();
    expect([said.code, said.err]).toEqual([0, '']);
    expect(json).toMatchObject({
      ok: true,
      file: 'again.wasm',
      hash: Buffer.from(hashOf('payment.rmvm')).toString('hex'),
      bytes: readFileSync('again.wasm').length,
      moduleBytes: stripNames(readFileSync('payment.rmvm')).length,
      functions: 2,
      provenFunctions: 2,
      uniformSegments: ['amount', 'currency', 'limit', 'fee'],
      fuelBound: '38',
    });
    expect(json['elided']).toMatchObject({ port: 3 });
    expect(json).not.toHaveProperty('explained');
    // The same from source text: names are no part of it.
    expect(readFileSync('again.wasm').equals(readFileSync('payment.wasm'))).toBe(true);
  });

  it('explains each check that it leaves out, by function, instruction and line', async () => {
    const words = ['vm', 'translate', 'samples/vm/payment.rasm', '--out', 'again.wasm', '--explain'];
    const said = await ringmint(words);
    const lines = said.out.split('\n');
    const at = lines.indexOf('  main, line 52 (#19): `output approved r9`');
    expect(at).toBeGreaterThan(0);
    expect(lines.slice(at + 1, at + 3)).toEqual([
      '    allowed: at most C0 A6, no more secret than trusted, and of no category',
      '    port: at most C0 A6, which may leave by approved, up to C0 A6',
    ]);
    expect(said.out).toContain('and bank is cleared for its categories');
    const json = (await ringmint([...words, '--json'])).json();
    const explained = json['explained'] as { check: string; count: number }[];
    expect(explained).toContainEqual({
      function: 'main',
      instruction: 19,
      place: 'main, line 52',
      line: 52,
      text: 'output approved r9',
      check: 'port',
      count: 1,
      label: 'C0 A6',
      reason: 'at most C0 A6, which may leave by approved, up to C0 A6',
    });
    // Each of the numbers above comes to the sum of what is explained.
    for (const [check, count] of Object.entries(json['elided'] as Record<string, number>))
      expect(
        explained.filter((one) => one.check === check).reduce((sum, one) => sum + one.count, 0),
        check,
      ).toBe(count);
  });

  it('explains a module without names by instructions', async () => {
    await ringmint(['vm', 'asm', 'sum.rmvm', '--no-names', '--out', 'bare.rmvm']);
    const said = await ringmint(['vm', 'translate', 'bare.rmvm', '--out', 'again.wasm', '--explain']);
    expect(said.out).toContain('main, instruction 0 (#0): `const r0 constant0`');
    expect(readFileSync('again.wasm').equals(readFileSync('sum.wasm'))).toBe(true);
  });

  it('writes nothing of what the loader refuses, and nothing over the program itself', async () => {
    writeFileSync('refused.rasm', 'level all C0 A8\nat all\nmov r0 r1\nhalt\n');
    for (const [file, out, exit, code] of [
      ['refused.rasm', 'refused.wasm', 3, 'module_refused'],
      ['payment.wasm', 'other.wasm', 2, 'program_unknown'],
      ['payment.rmvm', './payment.rmvm', 2, 'usage'],
      ['payment.rmvm', '-', 2, 'usage'],
      ['nothing.rmvm', 'other.wasm', 2, 'file_unreadable'],
    ] as const) {
      const said = await ringmint(['vm', 'translate', file, '--out', out, '--json']);
      expect([file, out, said.code, said.json()['code']]).toEqual([file, out, exit, code]);
    }
    expect([existsSync('refused.wasm'), existsSync('other.wasm')]).toEqual([false, false]);
  });
});

describe('ringmint vm check-translation', () => {
  it('takes a translation with its module, its source text, and from standard input', async () => {
    for (const source of ['payment.rmvm', 'samples/vm/payment.rasm'])
      expect(await ringmint(['vm', 'check-translation', source, 'payment.wasm'])).toMatchObject({
        code: 0,
        err: '',
      });
    const stdin = readFileSync('payment.wasm');
    const piped = await ringmint(['vm', 'check-translation', 'payment.rmvm', '-', '--json'], { stdin });
    expect(piped.json()).toMatchObject({ ok: true, bytes: stdin.length });
    const source = await ringmint(['vm', 'check-translation', '-', 'payment.wasm'], {
      stdin: readFileSync('payment.rmvm'),
    });
    expect(source.code).toBe(0);
  });

  it('refuses with exit code 4 one of another module, one that was changed, and one that was cut off', async () => {
    const wasm = readFileSync('payment.wasm');
    writeFileSync('altered.wasm', altered(wasm));
    writeFileSync('cut.wasm', wasm.subarray(0, -1));
    writeFileSync('longer.wasm', Buffer.concat([wasm, customSection('name', new Uint8Array())]));
    writeFileSync('other.wasm', readFileSync(new URL('../../vm/machine.wasm', import.meta.url)));
    for (const file of ['sum.wasm', 'altered.wasm', 'cut.wasm', 'longer.wasm', 'other.wasm']) {
      const said = await ringmint(['vm', 'check-translation', 'payment.rmvm', file]);
      expect([file, said.code, said.out]).toEqual([file, 4, '']);
      expect(said.err).toMatch(new RegExp(`^ringmint: ${file}: .* \\[(translation|claim)_[a-z]+\\]\n$`));
      const json = await ringmint(['vm', 'check-translation', 'payment.rmvm', file, '--json']);
      expect(json.json()).toMatchObject({ ok: false, authentic: false });
      expect(said.err).toContain(`[${String(json.json()['code'])}]`);
    }
  });

  it('refuses what is no translation as the wrong file', async () => {
    for (const [words, code] of [
      [['payment.rmvm', 'payment.rmvm'], 'translation_malformed'],
      [['payment.wasm', 'payment.wasm'], 'program_unknown'],
      [['payment.rmvm', 'nothing.wasm'], 'file_unreadable'],
      [['-', '-'], 'usage'],
    ] as const) {
      const said = await ringmint(['vm', 'check-translation', ...words, '--json']);
      expect([words, said.code, said.json()['code']]).toEqual([words, 2, code]);
    }
  });
});

describe('ringmint vm run, with a translated module', () => {
  const words = ['vm', 'run', 'payment.wasm', '--source', 'payment.rmvm', ...inputs];

  it('says word for word what it says of the module, to every reader', async () => {
    for (const more of [
      [],
      ['--json'],
      ['--clearance', 'all'],
      ['--clearance', 'C4 A6 {1}', '--json'],
      ['--fuel', '9'],
    ])
      expect(await ringmint([...words, ...more])).toMatchObject(
        await ringmint(['vm', 'run', 'payment.rmvm', ...inputs, ...more]).then(({ code, out, err }) => ({
          code,
          out,
          err,
        })),
      );
    for (const more of [[], ['--json'], ['--clearance', 'all'], ['--clearance', 'all', '--json']]) {
      const translated = await ringmint(['vm', 'run', 'leak.wasm', '--source', 'leak.rmvm', ...more]);
      const { code, out, err } = await ringmint(['vm', 'run', 'leak.rmvm', ...more]);
      expect(translated).toMatchObject({ code, out, err });
    }
  });

  it('goes by numbers without its source, and says that nobody checked it', async () => {
    const said = await ringmint([
      ...['vm', 'run', 'payment.wasm', '--input', 'segment0[0]=25000', '--input', "segment1[0]='EUR'"],
      ...['--input', 'segment2[0]=100000', '--input', 'segment3[0]=25'],
    ]);
    expect(said).toMatchObject({
      code: 0,
      err: 'payment.wasm was not checked: give the module that it is of with `--source`\n',
    });
    expect(said.out.split('\n')).toEqual([
      'halted; fuel 38, at most 38',
      'ports, for a reader cleared for C0 A0',
      '  port0  1             C0 A6',
      '  port1  25063         C0 A6',
      '  port2  withheld      C4 A6 {1}',
      'audit',
      '  a use of grant0, at instruction 7',
      '  a use of grant1, at instruction 10',
      '  a use of grant2, at instruction 17',
      '',
    ]);
    const json = await ringmint(['vm', 'run', 'payment.wasm', '--input', 'segment0[0]=25000', '--json']);
    expect([json.code, json.err]).toEqual([0, '']);
    expect(json.json()).toMatchObject({
      hash: Buffer.from(hashOf('payment.rmvm')).toString('hex'),
      audit: [{ grant: 'grant0', kind: null, instruction: 7, place: 'instruction 7' }, {}, {}],
    });
    const trapped = await ringmint(['vm', 'run', 'leak.wasm', '--clearance', 'all', '--json']);
    expect(trapped.json()).toMatchObject({
      code: 'trapped',
      detail: { trap: 'port', instruction: 9, place: 'instruction 9', text: null },
    });
  });

  it('refuses what it cannot run, and a source that is not its own', async () => {
    const wasm = readFileSync('payment.wasm');
    writeFileSync('altered.wasm', altered(wasm));
    writeFileSync('cut.wasm', wasm.subarray(0, -1));
    writeFileSync('empty.wasm', wasm.subarray(0, 8));
    for (const [given, exit, code] of [
      [['cut.wasm'], 2, 'translation_malformed'],
      [['empty.wasm'], 2, 'translation_malformed'],
      [['payment.wasm', '--source', 'sum.rmvm'], 4, 'translation_foreign'],
      [['payment.wasm', '--source', 'payment.wasm'], 2, 'program_unknown'],
      [['payment.rmvm', '--source', 'payment.rmvm'], 2, 'usage'],
      [['payment.wasm', '--input', 'amount[0]=1'], 2, 'input_unknown'],
      [['payment.wasm', '--input', 'segment0[1]=1'], 2, 'input_unknown'],
      [['payment.wasm', '--key', 'central.hex'], 4, 'signed_module_malformed'],
    ] as const) {
      const said = await ringmint(['vm', 'run', ...given, '--json']);
      expect([given, said.code, said.json()['code']]).toEqual([given, exit, code]);
    }
    expect((await ringmint(['vm', 'run', 'altered.wasm', '--source', 'payment.rmvm'])).code).toBe(4);
  });

  it.each(['disasm', 'check', 'trace', 'debug', 'cover', 'asm'])('is no program to %s', async (command) => {
    const said = await ringmint(['vm', command, 'payment.wasm', '--json']);
    expect([said.code, said.json()['code']]).toEqual([2, 'program_unknown']);
  });
});

describe('a signed translation', () => {
  const sign = (...words: string[]): ReturnType<typeof ringmint> =>
    ringmint(['vm', 'sign', ...words, '--home', 'home', '--json'], { appliance });

  it('is signed after the checker took it, verified, and run', async () => {
    const signed = await sign('payment.wasm', '--source', 'payment.rmvm', '--out', 'payment.cose');
    const hash = Buffer.from(hashOf('payment.rmvm')).toString('hex');
    expect(signed.json()).toMatchObject({ ok: true, file: 'payment.cose', hash });
    const words = ['payment.cose', '--key', 'central.hex', '--json'];
    const verified = await ringmint(['vm', 'verify', ...words, '--out', 'out.wasm']);
    expect(verified.json()).toMatchObject({
      ok: true,
      authentic: true,
      hash,
      translation: true,
      file: 'out.wasm',
    });
    expect(readFileSync('out.wasm').equals(readFileSync('payment.wasm'))).toBe(true);
    const unnamed = ['--input', 'segment0[0]=25000'];
    const run = await ringmint(['vm', 'run', 'payment.cose', '--key', 'central.hex', ...unnamed]);
    expect([run.code, run.err]).toEqual([0, '']);
    const named = await ringmint(['vm', 'run', ...words, '--source', 'payment.rmvm', ...inputs]);
    expect(named.json()).toMatchObject({ hash, ports: [{ name: 'approved' }, {}, {}] });
    const checked = await ringmint(['vm', 'check-translation', 'payment.rmvm', ...words]);
    expect(checked.json()).toMatchObject({ ok: true, hash });
  });

  it('is not signed without its source, with another one, or where it was changed', async () => {
    writeFileSync('altered.wasm', altered(readFileSync('payment.wasm')));
    for (const [words, exit, code] of [
      [['payment.wasm'], 2, 'usage'],
      [['payment.wasm', '--source', 'sum.rmvm'], 4, 'translation_foreign'],
      [['payment.rmvm', '--source', 'payment.rmvm'], 2, 'usage'],
    ] as const) {
      const said = await sign(...words, '--out', 'none.cose');
      expect([words, said.code, said.json()['code']]).toEqual([words, exit, code]);
    }
    expect((await sign('altered.wasm', '--source', 'payment.rmvm', '--out', 'none.cose')).code).toBe(4);
    expect(existsSync('none.cose')).toBe(false);
  });

  it('is refused without a key, with another key, and where it was signed as of another module', async () => {
    const wasm = readFileSync('payment.wasm');
    const other = newKey();
    writeFileSync('other.hex', Buffer.from(other.publicKey.point).toString('hex'));
    writeFileSync('wrong.cose', await signTranslation({ wasm, module: hashOf('sum.rmvm') }, key));
    writeFileSync(
      'machine.cose',
      await signTranslation({ wasm: wasm.subarray(0, 8), module: hashOf('sum.rmvm') }, key),
    );
    const trusted = ['--key', 'central.hex'];
    for (const [words, exit, code] of [
      [['run', 'payment.cose'], 2, 'trust_missing'],
      [['run', 'payment.cose', '--key', 'other.hex'], 4, 'key_unknown'],
      [['verify', 'payment.cose', '--key', 'other.hex'], 4, 'key_unknown'],
      [['verify', 'payment.wasm', ...trusted], 4, 'signed_module_malformed'],
      [['run', 'wrong.cose', ...trusted], 2, 'translation_foreign'],
      [['verify', 'wrong.cose', ...trusted], 2, 'translation_foreign'],
      [['check-translation', 'payment.rmvm', 'wrong.cose', ...trusted], 4, 'translation_foreign'],
      [['verify', 'machine.cose', ...trusted], 2, 'translation_malformed'],
      [['disasm', 'payment.cose', ...trusted], 2, 'program_unknown'],
    ] as const) {
      const said = await ringmint(['vm', ...words, '--json']);
      expect([words, said.code, said.json()['code']]).toEqual([words, exit, code]);
    }
  });
});
