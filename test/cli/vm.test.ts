/** `ringmint vm asm`, `disasm`, `check` and `run`: what they say, and what they refuse, each with code and exit code. */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assemble } from '../../vm/assembler.ts';
import { encodeModule } from '../../vm/module.ts';
import { randomProgram } from '../vm/random-program.ts';
import { enterFolder, type Folder, ringmint } from './session.ts';

let folder: Folder;

beforeAll(() => {
  folder = enterFolder();
  mkdirSync('folder');
  writeFileSync('empty.rasm', '');
  writeFileSync('noise.bin', Buffer.from([0xff, 0xfe, 0, 1, 2]));
  writeFileSync('faults.rasm', 'level all C0 A8\nconst r0 one\nat all\n  add r0 r99\nhalt\n');
  writeFileSync('refused.rasm', 'level all C0 A8\n; a register that nothing set\nat all\nmov r0 r1\nhalt\n');
});

afterAll(() => {
  folder.leave();
});

const payment = [
  '--input',
  'amount[0]=25000',
  '--input',
  "currency[0]='EUR'",
  '--input',
  'limit[0]=100000',
  '--input',
  'fee[0]=25',
];

describe('ringmint vm asm', () => {
  it('writes a module that runs like its source, with names and without', async () => {
    const made = await ringmint(['vm', 'asm', 'samples/vm/payment.rasm', '--out', 'payment.rmvm', '--json']);
    expect([made.code, made.err]).toEqual([0, '']);
    expect(made.json()).toMatchObject({ ok: true, file: 'payment.rmvm', instructions: 26, functions: 2 });
    const source = await ringmint(['vm', 'run', 'samples/vm/payment.rasm', ...payment]);
    const module = await ringmint(['vm', 'run', 'payment.rmvm', ...payment]);
    expect(module).toMatchObject({ code: 0, out: source.out });
    const bare = await ringmint(['vm', 'asm', 'payment.rmvm', '--no-names', '--out', 'bare.rmvm', '--json']);
    expect(bare.json()['hash']).toBe(made.json()['hash']);
    expect(statSync('bare.rmvm').size).toBeLessThan(statSync('payment.rmvm').size);
    const unnamed = await ringmint(['vm', 'run', 'bare.rmvm', '--input', 'segment0[0]=25000', '--json']);
    expect(unnamed.json()).toMatchObject({ ok: true, ports: [{ name: 'port0' }, {}, {}] });
  });

  it('takes source text from standard input', async () => {
    const source = readFileSync('samples/vm/sum.rasm');
    const made = await ringmint(['vm', 'asm', '-', '--out', 'stdin.rmvm'], { stdin: source });
    expect(made.code).toBe(0);
    const run = await ringmint(['vm', 'run', '-', '--clearance', 'all'], {
      stdin: readFileSync('stdin.rmvm'),
    });
    expect(run.out).toContain('total  0 ');
    expect(await ringmint(['vm', 'asm', '-'])).toMatchObject({
      code: 2,
      err: 'ringmint: standard input is empty [file_empty]\n',
    });
  });

  it('refuses source text with file, line and column of every fault, and leaves what was there', async () => {
    writeFileSync('kept.rmvm', 'as it was');
    const said = await ringmint(['vm', 'asm', 'faults.rasm', '--out', 'kept.rmvm']);
    expect(said).toMatchObject({ code: 2, out: '' });
    expect(said.err.split('\n')).toEqual([
      'faults.rasm:2:1: an instruction before any `at LEVEL`',
      'faults.rasm:4:10: `r99` where a register r0 to r31 is accepted',
      'ringmint: 2 faults in `faults.rasm` [assembly_malformed]',
      '',
    ]);
    const json = await ringmint(['vm', 'asm', 'faults.rasm', '--out', 'kept.rmvm', '--json']);
    expect(json.json()).toMatchObject({
      ok: false,
      code: 'assembly_malformed',
      faults: [
        { line: 2, column: 1 },
        { line: 4, column: 10 },
      ],
    });
    expect(readFileSync('kept.rmvm', 'utf8')).toBe('as it was');
    expect(readdirSync('.').filter((name) => name.endsWith('.new'))).toEqual([]);
  });

  it('refuses with its line what the loader refuses', async () => {
    const said = await ringmint(['vm', 'asm', 'refused.rasm', '--out', 'refused.rmvm']);
    expect(said.code).toBe(3);
    expect(said.err).toMatch(
      /^ringmint: refused\.rasm:4: module refused at byte \d+: a register .* \[module_refused\]\n$/,
    );
    expect(existsSync('refused.rmvm')).toBe(false);
  });

  it('refuses places where it cannot write, and leaves nothing there', async () => {
    for (const [out, code, message] of [
      ['-', 'usage', '--out `-`: the path of a file is accepted'],
      ['./samples/vm/../vm/sum.rasm', 'usage', 'another file than the program itself is accepted'],
      ['folder', 'file_unwritable', 'cannot write `folder`'],
      ['nowhere/out.rmvm', 'file_unwritable', 'cannot write `nowhere/out.rmvm` (ENOENT)'],
    ] as const) {
      const said = await ringmint(['vm', 'asm', 'samples/vm/sum.rasm', '--out', out]);
      expect(said.code, out).toBe(2);
      expect(said.err, out).toContain(message);
      expect(said.err, out).toContain(`[${code}]`);
    }
    expect(existsSync('folder.new')).toBe(false);
  });
});

describe('ringmint vm disasm', () => {
  it('prints text that assembles to the same bytes, for the samples and for generated programs', async () => {
    const modules = ['payment', 'sum', 'leak'].map((name) => {
      const made = assemble(readFileSync(`samples/vm/${name}.rasm`, 'utf8'));
      return made.ok ? made.bytes : new Uint8Array();
    });
    for (let seed = 1; seed <= 20; seed++)
      modules.push(encodeModule(randomProgram({ seed, releases: true })));
    for (const [index, module] of modules.entries()) {
      writeFileSync('module.rmvm', module);
      const said = await ringmint(['vm', 'disasm', 'module.rmvm']);
      expect([said.code, said.err], `module ${index}`).toEqual([0, '']);
      const again = assemble(said.out);
      expect(again.ok && Buffer.from(again.bytes).equals(module), `module ${index}`).toBe(true);
      const json = await ringmint(['vm', 'disasm', 'module.rmvm', '--json']);
      expect(json.json()['text'], `module ${index}`).toBe(said.out);
    }
    expect((await ringmint(['vm', 'disasm', 'module.rmvm', '--out', 'again.rasm'])).code).toBe(0);
    expect((await ringmint(['vm', 'asm', 'again.rasm', '--no-names', '--out', 'again.rmvm'])).code).toBe(0);
    expect(readFileSync('again.rmvm').equals(readFileSync('module.rmvm'))).toBe(true);
  });

  it('refuses a module that is cut off, or has bytes that no text gives', async () => {
    const module = readFileSync('module.rmvm');
    writeFileSync('cut.rmvm', module.subarray(0, -5));
    expect(await ringmint(['vm', 'disasm', 'cut.rmvm'])).toMatchObject({
      code: 2,
      err: 'ringmint: cut.rmvm: this is no module: it ends before its tables do [module_malformed]\n',
    });
    const changed = Buffer.from(module);
    changed[40] = (changed[40] ?? 0) ^ 1;
    writeFileSync('changed.rmvm', changed);
    const said = await ringmint(['vm', 'disasm', 'changed.rmvm']);
    expect(said).toMatchObject({ code: 2, out: '' });
    expect(said.err).toContain('[not_expressible]');
    const run = await ringmint(['vm', 'run', 'changed.rmvm', '--json']);
    expect(run.code).toBe(3);
    expect(run.json()).toMatchObject({ code: 'module_refused', reason: 'hash' });
  });
});

describe('ringmint vm check', () => {
  it('finds what always traps, with line and reason, and says when there is nothing', async () => {
    const leak = await ringmint(['vm', 'check', 'samples/vm/leak.rasm', '--json']);
    expect(leak.code).toBe(3);
    expect(leak.json()).toMatchObject({
      ok: false,
      code: 'label_creep',
      findings: [{ line: 22, trap: 'port', place: 'main, line 22' }],
    });
    for (const name of ['payment', 'sum'])
      expect(await ringmint(['vm', 'check', `samples/vm/${name}.rasm`]), name).toMatchObject({
        code: 0,
        err: '',
      });
  });
});

describe('ringmint vm run', () => {
  it('gives what its reader is cleared for, and the rest not even as written', async () => {
    const words = ['vm', 'run', 'samples/vm/payment.rasm', ...payment, '--json'];
    const open = await ringmint(words);
    expect(open.json()).toMatchObject({
      ok: true,
      fuelUsed: '38',
      clearance: 'C0 A0',
      ports: [
        { name: 'approved', state: 'written', value: '1' },
        { name: 'charge', state: 'written', value: '25063' },
        { name: 'headroom', state: 'withheld', label: 'C4 A6 {1}' },
      ],
      audit: [{ grant: 'amount_in' }, { grant: 'place_in' }, { grant: 'limit_bit', kind: 'declassify' }],
    });
    expect(open.out).not.toContain('74937');
    const cleared = await ringmint([...words, '--clearance', 'C4 A6 {1}']);
    expect(cleared.json()).toMatchObject({
      ports: [{}, {}, { name: 'headroom', state: 'written', value: '74937' }],
    });
    const denied = await ringmint(
      words.map((word) => (word === 'limit[0]=100000' ? 'limit[0]=25062' : word)),
    );
    expect(denied.json()).toMatchObject({
      ports: [{ value: '0' }, { name: 'charge', state: 'not written' }, { state: 'withheld' }],
    });
  });

  it('says the same of every trap, and the detail only to a reader cleared for it', async () => {
    writeFileSync(
      'traps.rasm',
      'level all C0 A8\nconstant zero 0 C0 A8\nsegment in 2 C4 A8 ceiling C4 A8\nat all\nconst r0 zero\nload r1 in r0\nif r1\ndiv r1 r1 r0 down\nend\nload r1 in r1\nhalt\n',
    );
    const run = (value: string, ...words: string[]): ReturnType<typeof ringmint> =>
      ringmint(['vm', 'run', 'traps.rasm', '--input', `in[0]=${value}`, ...words]);
    const uniform = { code: 7, out: '', err: 'ringmint: the program was stopped by a trap [trapped]\n' };
    expect(await run('1')).toMatchObject(uniform);
    expect(await run('1', '--clearance', 'C3 A0')).toMatchObject(uniform);
    expect((await run('1', '--json')).json()).toEqual({
      ok: false,
      code: 'trapped',
      message: 'the program was stopped by a trap',
      detail: null,
    });
    const detailed = await run('1', '--clearance', 'C4 A0');
    expect(detailed.code).toBe(7);
    expect(detailed.err.split('\n')[0]).toBe(
      'main, line 8 (#3): `div r1 r1 r0 down`: a division by zero [division]; label C4 A8',
    );
    expect((await run('1', '--clearance', 'all', '--json')).json()).toMatchObject({
      detail: { trap: 'division', instruction: 3, place: 'main, line 8', label: 'C4 A8' },
    });
    expect(await run('0')).toMatchObject({ code: 0 });
  });

  it('shows symbols as symbols', async () => {
    writeFileSync(
      'symbol.rasm',
      'level all C0 A8\nconstant zero 0 C0 A8\nsegment in 2 symbol C0 A8 ceiling C0 A8\nport out symbol C0 A8\nat all\nconst r0 zero\nload r1 in r0\noutput out r1\nhalt\n',
    );
    const run = await ringmint(['vm', 'run', 'symbol.rasm', '--input', "in[0]='EUR' #ff", '--json']);
    expect(run.json()).toMatchObject({ ports: [{ symbol: 'EUR', value: '4995989521590910976' }] });
    expect((await ringmint(['vm', 'run', 'symbol.rasm', '--input', "in[0]='€'"])).err).toContain(
      'where a symbol such as',
    );
  });
});

describe('what is given wrong', () => {
  const of = (...inputs: string[]): string[] => [
    'vm',
    'run',
    'samples/vm/payment.rasm',
    ...inputs.flatMap((input) => ['--input', input]),
  ];
  const run = (...words: string[]): string[] => ['vm', 'run', 'samples/vm/sum.rasm', ...words];
  it.each([
    [of('amount'), 2, 'input_malformed', '`SEGMENT[INDEX]=VALUE` is accepted, such as `amount[0]=100`'],
    [of('amount[0]='), 2, 'input_malformed', 'a value is missing'],
    [of('amount[-1]=1'), 2, 'input_malformed', '`SEGMENT[INDEX]=VALUE` is accepted'],
    [of('amount[0]=1.5'), 2, 'input_malformed', '`1.5` where a value, a whole number, is accepted'],
    [of('amount[0]=1;x'), 2, 'input_malformed', '`;` is none'],
    [of('amount[0]=9223372036854775808'), 2, 'input_malformed', 'does not fit a signed 64-bit word'],
    [of(`amount[0]=${'9'.repeat(400)}`), 2, 'input_malformed', 'a whole number, is accepted'],
    [
      of("amount[0]='EUR'"),
      2,
      'input_malformed',
      "`'EUR'` is a symbol, and a number such as 100 is accepted",
    ],
    [of('currency[0]=5'), 2, 'input_malformed', "`5` is a number, and a symbol such as 'USD' is accepted"],
    [of("currency[0]='EUROPEANS'"), 2, 'input_malformed', 'one to eight characters'],
    [of('limits[0]=5'), 2, 'input_unknown', 'one of amount, currency, limit, fee'],
    [of('amount[1]=5'), 2, 'input_unknown', 'amount has one word, and amount[0] is accepted'],
    [of('amount[99999999999999999999999]=5'), 2, 'input_unknown', 'amount has one word'],
    [of('amount[0]=5 6'), 2, 'input_unknown', 'amount has one word'],
    [of('amount[0]=5', 'amount[0]=6'), 2, 'input_repeated', '`amount[0]` is given twice'],
    [
      run('--input', 'amounts[7]=1 2'),
      2,
      'input_unknown',
      'amounts has 8 words, and amounts[0] to amounts[7]',
    ],
    [
      run('--fuel', '-1'),
      2,
      'usage',
      '--fuel `-1`: a whole number from 0 to 1152921504606846976 is accepted',
    ],
    [run('--fuel', '1e6'), 2, 'usage', '--fuel `1e6`'],
    [run('--fuel', '1152921504606846977'), 2, 'usage', 'from 0 to 1152921504606846976'],
    [run('--clearance', 'secret'), 2, 'usage', '--clearance `secret`: `secret` where C0 to C8 is accepted'],
    [run('--clearance', 'C4'), 2, 'usage', 'A0 to A8 is missing'],
    [run('--clearance', 'C4 A6 {99}'), 2, 'usage', 'categories are 0 to 15'],
    [['vm', 'run', 'missing.rmvm'], 2, 'file_unreadable', 'cannot read `missing.rmvm` (ENOENT)'],
    [['vm', 'run', 'folder'], 2, 'file_unreadable', '`folder` is no regular file'],
    [['vm', 'run', 'empty.rasm'], 2, 'file_empty', '`empty.rasm` is empty'],
    [['vm', 'run', 'noise.bin'], 2, 'program_unknown', 'source text in UTF-8, a module or a signed module'],
    [['vm', 'run', 'samples/quotas.json'], 2, 'assembly_malformed', 'faults in `samples/quotas.json`'],
    [['vm', 'run', 'refused.rasm'], 3, 'module_refused', 'refused.rasm:4: module refused at byte'],
    [
      ['vm', 'run', 'samples/vm/sum.rasm', '--key', 'samples/quotas.json'],
      2,
      'key_malformed',
      'a public key on P-256',
    ],
    [
      ['vm', 'run', 'samples/vm/sum.rasm', '--key', 'nothing.pem'],
      2,
      'file_unreadable',
      'cannot read `nothing.pem`',
    ],
    [
      ['vm', 'run', 'samples/vm/sum.rasm', '--trust', 'noise.bin'],
      2,
      'trust_bundle_invalid',
      '`noise.bin`: ',
    ],
    [['vm', 'run', 'samples/vm/sum.rasm', '--root', 'ab'], 2, 'usage', '--root: accepted with `--trust`'],
    [['vm', 'verify', 'samples/vm/sum.rasm'], 2, 'usage', '`--key` with a public key, or `--trust`'],
  ] as const)('%j is refused with exit code %i and %s', async (words, exit, code, message) => {
    const said = await ringmint(words);
    expect(said.err).toContain(message);
    expect(said.err.trimEnd().endsWith(`[${code}]`), said.err).toBe(true);
    expect(said).toMatchObject({ code: exit, out: '' });
    expect(said.err).not.toMatch(/\n\s+at |invariant|internal_error/);
    const json = await ringmint([...words, '--json']);
    expect([json.code, json.err]).toEqual([exit, '']);
    expect(json.json()).toMatchObject({ ok: false, code });
  });

  it('is refused by its own file size before it is read', async () => {
    writeFileSync('large.rmvm', Buffer.alloc(8 * 1024 * 1024 + 1));
    expect((await ringmint(['vm', 'run', 'large.rmvm'])).err).toContain(
      'at most 8388608 are accepted [too_large]',
    );
    const piped = await ringmint(['vm', 'disasm', '-'], { stdin: new Uint8Array(8 * 1024 * 1024 + 1) });
    expect(piped.err).toContain('standard input has more than 8388608 bytes');
  });

  it('is refused as a command line, too', async () => {
    for (const words of [
      ['vm'],
      ['vm', 'nothing'],
      ['vm', 'run'],
      ['vm', 'run', 'a', 'b'],
      ['vm', 'run', '--nothing'],
    ])
      expect((await ringmint(words)).code, words.join(' ')).toBe(2);
  });
});

describe('the help of ringmint vm', () => {
  it('has for every command an example, and those that need no HSM do what they say', async () => {
    const listed = (await ringmint(['vm', '--help'])).out;
    const names = [...listed.matchAll(/^ {2}([a-z-]+) \[options\]/gm)].map((match) => match[1] ?? '');
    expect(names).toEqual([
      'asm',
      'disasm',
      'check',
      'run',
      'trace',
      'debug',
      'cover',
      'why',
      'translate',
      'check-translation',
      'sign',
      'verify',
    ]);
    expect(listed).toContain('Exit codes:');
    const refused = new Map([['check samples/vm/leak.rasm', 3]]);
    for (const name of names) {
      const help = await ringmint(['vm', name, '--help']);
      expect(help.code, name).toBe(0);
      expect(help.out, name).toContain('--json');
      const examples = [...help.out.matchAll(/^ {2}\$ ringmint vm (.*)$/gm)].map((match) => match[1] ?? '');
      expect(examples.length, name).toBeGreaterThan(0);
      for (const example of examples) {
        expect(example.split(' ')[0], example).toBe(name);
        if (name === 'sign' || name === 'verify') continue;
        const words = [...example.matchAll(/'([^']*)'|(\S+)/g)].map(
          ([, quoted, plain]) => quoted ?? plain ?? '',
        );
        const said = await ringmint(['vm', ...words]);
        expect([said.code, example], said.err).toEqual([refused.get(example) ?? 0, example]);
      }
    }
  });
});
