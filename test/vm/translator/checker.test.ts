/** The claim checker: takes every translation of the translator, and nothing that differs from one. */
import { describe, expect, it } from 'vitest';
import { encodeModule } from '../../../vm/module.ts';
import { type CheckResult, checkTranslation } from '../../../vm/translator/checker.ts';
import type { Claims, Interval, ProvenFunction } from '../../../vm/translator/claims.ts';
import { translate } from '../../../vm/translator/translate.ts';
import { customSection, joined, section, sized, unsigned } from '../../../vm/translator/wasm.ts';
import { runCases } from '../conformance-programs.ts';
import { assembled, bareMachine, loadBare, translatorRuntime as runtime } from '../machine.ts';
import { programOf } from '../oracles.ts';
import { Dice } from '../random-program.ts';

const machine = await bareMachine();

interface Translated {
  readonly source: Uint8Array;
  readonly wasm: Uint8Array;
  readonly claims: Claims;
}

function translated(seed: number): Translated {
  const source = encodeModule(programOf(machine, seed, true));
  return { source, ...translate({ source, runtime, registers: seed % 3 === 0 }) };
}

const check = ({ source }: Translated, wasm: Uint8Array): CheckResult =>
  checkTranslation({ source, translated: wasm, runtime });

const codeOf = (result: CheckResult): string => (result.ok ? 'accepted' : result.code);

/** Programs with calls, loops and releases among them: the sabotage below is done to each. */
const seeds = [2, 3, 7, 12, 19, 33, 40, 146];
const programs = seeds.map(translated);

interface Part {
  readonly id: number;
  readonly content: Uint8Array;
}

function readUnsigned(bytes: Uint8Array, at: number): { readonly value: number; readonly next: number } {
  let value = 0;
  for (let shift = 0, next = at; ; shift += 7) {
    const byte = bytes[next++] ?? 0;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return { value, next };
  }
}

function partsOf(wasm: Uint8Array): Part[] {
  const parts: Part[] = [];
  for (let at = 8; at < wasm.length; ) {
    const { value, next } = readUnsigned(wasm, at + 1);
    parts.push({ id: wasm[at] ?? 0, content: wasm.subarray(next, next + value) });
    at = next + value;
  }
  return parts;
}

const put = (parts: readonly Part[]): Uint8Array =>
  joined(
    new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]),
    ...parts.map(({ id, content }) => section(id, content)),
  );

/** With other claims, written as they are to be. */
function withClaims({ wasm }: Translated, claims: unknown): Uint8Array {
  const text = typeof claims === 'string' ? claims : JSON.stringify(claims);
  return joined(
    put(partsOf(wasm).slice(0, -1)),
    customSection('ringmint.claims', new TextEncoder().encode(text)),
  );
}

/** Bodies of the functions, without their sizes. */
function bodiesOf(wasm: Uint8Array): Uint8Array[] {
  const content = partsOf(wasm).find(({ id }) => id === 10)?.content ?? new Uint8Array();
  let { value: count, next: at } = readUnsigned(content, 0);
  const bodies: Uint8Array[] = [];
  for (; count > 0; count--) {
    const { value, next } = readUnsigned(content, at);
    bodies.push(content.subarray(next, next + value));
    at = next + value;
  }
  return bodies;
}

function withBodies(wasm: Uint8Array, bodies: readonly Uint8Array[]): Uint8Array {
  const content = joined(unsigned(bodies.length), ...bodies.map(sized));
  return put(partsOf(wasm).map((part) => (part.id === 10 ? { id: 10, content } : part)));
}

/** Each place of the translated functions that `pattern` matches, replaced on its own; bytes are letters. */
function* sabotaged(
  { wasm, claims }: Translated,
  pattern: RegExp,
  replace: (found: RegExpExecArray) => string,
): Generator<Uint8Array> {
  const bodies = bodiesOf(wasm);
  for (let index = bodies.length - 2 * claims.functions.length; index < bodies.length; index++) {
    const text = Buffer.from(bodies[index] ?? []).toString('latin1');
    for (const found of text.matchAll(pattern)) {
      const changed = `${text.slice(0, found.index)}${replace(found)}${text.slice(found.index + found[0].length)}`;
      if (changed === text) continue;
      yield withBodies(wasm, bodies.with(index, new Uint8Array(Buffer.from(changed, 'latin1'))));
    }
  }
}

const leb = '[\\x80-\\xff]*[\\x00-\\x7f]';
const pattern = (text: string): RegExp => new RegExp(text.replaceAll('LEB', leb), 'gs');
const plusOne = (letter: string): string => String.fromCharCode((letter.charCodeAt(0) & 0x3f) ^ 1);

describe('the claim checker', () => {
  it('takes the translation of every program of the conformance file', () => {
    for (const { name, module } of runCases()) {
      const source = encodeModule(module);
      const { wasm, claims } = translate({ source, runtime });
      expect(checkTranslation({ source, translated: wasm, runtime }), name).toEqual({ ok: true, claims });
    }
  });

  it('takes the translations of 500 generated programs', () => {
    for (let seed = 1000; seed < 1500; seed++) {
      const program = translated(seed);
      expect(codeOf(check(program, program.wasm)), `seed ${seed}`).toBe('accepted');
    }
  });

  it('refuses every one of 6,000 translations in which one byte is another', () => {
    const dice = new Dice(20261122);
    for (const [index, program] of programs.entries())
      for (let count = 0; count < 750; count++) {
        const at = dice.below(program.wasm.length);
        const bytes = program.wasm.slice();
        bytes[at] = (bytes[at] ?? 0) ^ (count % 2 === 0 ? 1 << dice.below(8) : 1 + dice.below(255));
        expect(codeOf(check(program, bytes)), `seed ${seeds[index]}, byte ${at}`).not.toBe('accepted');
      }
  });

  it('refuses a translation that is cut off, or goes on', () => {
    for (const program of programs) {
      for (let length = 0; length < program.wasm.length; length += 97)
        expect(codeOf(check(program, program.wasm.subarray(0, length)))).not.toBe('accepted');
      expect(codeOf(check(program, joined(program.wasm, new Uint8Array([0]))))).toBe('translation_malformed');
    }
  });

  it('refuses any bytes', () => {
    const dice = new Dice(7);
    const [program] = programs;
    if (program === undefined) throw new Error('no program');
    for (let count = 0; count < 500; count++) {
      const bytes = Uint8Array.from({ length: dice.below(400) }, () => dice.below(256));
      bytes.set(program.wasm.subarray(0, Math.min(bytes.length, dice.below(40))));
      expect(codeOf(check(program, bytes))).not.toBe('accepted');
    }
  });

  it('refuses sections that are more, fewer, empty, twice or in another order', () => {
    for (const program of programs) {
      const parts = partsOf(program.wasm);
      const custom = { id: 0, content: new Uint8Array([1, 0x61]) };
      const others = parts.flatMap((part, index) => [
        parts.toSpliced(index, 0, custom),
        parts.toSpliced(index, 0, part),
        parts.toSpliced(index, 1),
        parts.toSpliced(index, 2, ...parts.slice(index, index + 2).toReversed()),
        parts.with(index, { id: part.id, content: new Uint8Array([0]) }),
        parts.toSpliced(index, 0, { id: 9, content: new Uint8Array([0]) }),
      ]);
      others.push([...parts, custom]);
      // A name that begins with the mark of an order of bytes, which a decoder of text leaves out.
      const last = parts.at(-1)?.content.subarray(1) ?? new Uint8Array();
      others.push(parts.with(-1, { id: 0, content: joined(new Uint8Array([18, 0xef, 0xbb, 0xbf]), last) }));
      for (const other of others) {
        const bytes = put(other);
        if (Buffer.compare(bytes, program.wasm) !== 0)
          expect(codeOf(check(program, bytes))).not.toBe('accepted');
      }
    }
  });

  it('refuses a translation with another runtime, or of another source', () => {
    const text = Buffer.from(runtime).toString('latin1');
    // `grant` with another limit of uses, and one whose comparison is the other way round.
    const others = [text.replace('\x41\x80\x02', '\x41\x81\x02'), text.replace('\x53', '\x55')];
    for (const other of others.map((letters) => new Uint8Array(Buffer.from(letters, 'latin1')))) {
      expect(Buffer.compare(other, runtime)).not.toBe(0);
      for (const program of programs) {
        const { wasm } = translate({ source: program.source, runtime: other });
        expect(codeOf(check(program, wasm))).toBe('translation_foreign');
      }
    }
    for (const [index, program] of programs.entries()) {
      const other = programs[(index + 1) % programs.length];
      if (other !== undefined) expect(codeOf(check(other, program.wasm))).toBe('translation_foreign');
    }
  });

  const moves = Array.from({ length: 30 }, (_, register) => `mov r${register} r${register + 1}, `).join('');
  it.each<[what: string, functions: number, main: string]>([
    ['60 functions that each call the one before twice', 60, ''],
    [
      '1,000 loops in a loop',
      1,
      `loop one, while r1, ${'loop one, while r2, mov r1 r2, end, '.repeat(1000)}end, `,
    ],
    ['4,000 ways out of a loop', 1, `loop one, ${'while r1, '.repeat(4000)}end, `],
    [
      'labels that go from register to register in 60 loops, each in the one before',
      1,
      `${`loop one, const r31 secret, ${moves}while r0, `.repeat(60)}${'end, '.repeat(60)}`,
    ],
  ])('comes to its end for %s', (_, functions, main) => {
    const twice = (index: number): string => (index === 0 ? '' : `call r0 r0 f${index - 1}, `.repeat(2));
    const bodies = Array.from(
      { length: functions },
      (_, index) => `function f${index} () -> (), at all, ${twice(index)}return r0, `,
    );
    const registers = Array.from({ length: 32 }, (_, register) => `const r${register} one, `);
    const text = `level all C0 A8, constant one 1 C0 A8, constant secret 1 C3 A8, ${bodies.join('')}main, at all, ${registers.join('')}call r0 r0 f${functions - 1}, ${main}halt`;
    const source = assembled(text.replaceAll(', ', '\n')).bytes;
    expect(loadBare(machine, source)).toBe(0);
    const { wasm, claims } = translate({ source, runtime });
    expect(checkTranslation({ source, translated: wasm, runtime })).toEqual({ ok: true, claims });
  });

  it('gives a value for a runtime that is none', () => {
    const [program] = programs;
    if (program === undefined) throw new Error('no program');
    // Of its data, which comes last, nothing is taken.
    for (let length = 0; length < runtime.length / 2; length += 13) {
      const result = checkTranslation({
        ...program,
        translated: program.wasm,
        runtime: runtime.subarray(0, length),
      });
      expect(result.ok).toBe(false);
    }
  });
});

/** Claims of the form that they are to have, each of them forged in one place. */
function* forged(claims: Claims): Generator<[what: string, claims: unknown]> {
  for (const [segment, is] of claims.uniform.entries())
    yield [`uniform ${segment}`, { ...claims, uniform: claims.uniform.with(segment, !is) }];
  yield ['registers', { ...claims, registers: !claims.registers }];
  for (const [index, claim] of claims.functions.entries()) {
    if (claim === null) continue;
    const other = (changed: Partial<ProvenFunction> | null): unknown => ({
      ...claims,
      functions: claims.functions.with(index, changed === null ? null : { ...claim, ...changed }),
    });
    yield [`function ${index}`, other(null)];
    for (const [what, interval] of forgedIntervals(claim.pc)) yield [`pc ${what}`, other({ pc: interval })];
    for (const [what, interval] of forgedIntervals(claim.uncleared))
      yield [`uncleared ${what}`, other({ uncleared: interval })];
    for (const field of ['parameters', 'results'] as const)
      for (const [at, label] of claim[field].entries())
        for (const [what, interval] of forgedIntervals(label))
          yield [`${field} ${at} ${what}`, other({ [field]: claim[field].with(at, interval) })];
    for (const [at, loop] of claim.loops.entries()) {
      const loops = (changed: object): unknown =>
        other({ loops: claim.loops.with(at, { ...loop, ...changed }) });
      for (const [what, pc] of forgedIntervals(loop.pc)) yield [`loop ${at} pc ${what}`, loops({ pc })];
      for (const [register, label] of loop.registers.entries())
        for (const [what, interval] of forgedIntervals(label))
          yield [
            `loop ${at} r${register} ${what}`,
            loops({ registers: loop.registers.with(register, interval) }),
          ];
    }
    for (let register = 0; register < 32; register++)
      yield [`masked r${register}`, other({ masked: (claim.masked ^ (1 << register)) >>> 0 })];
    yield ['pcDynamic', other({ pcDynamic: !claim.pcDynamic })];
    for (const [at, entry] of claim.elided.entries()) {
      yield [`elided ${at} dropped`, other({ elided: claim.elided.toSpliced(at, 1) })];
      yield [`elided ${at} twice`, other({ elided: claim.elided.toSpliced(at, 0, entry) })];
      yield [
        `elided ${at} high`,
        other({ elided: claim.elided.with(at, [entry[0], entry[1], entry[2] ^ 1]) }),
      ];
    }
  }
}

/** Wider and narrower by a bit, known and not known at all; never what it was. */
function* forgedIntervals([low, high]: Interval): Generator<[what: string, interval: Interval]> {
  const others: [string, Interval][] = [
    ['lower', [low & (low - 1), high]],
    ['higher', [low, (high | (high + 1)) >>> 0]],
    ['unknown', [0, 0xffffffff]],
    ['exact at its low', [low, low]],
    ['exact at its high', [high, high]],
    ['zero', [0, 0]],
    ['less high', [low, (low | (high & (high - 1))) >>> 0]],
  ];
  for (const [what, [otherLow, otherHigh]] of others) {
    const interval: Interval = [otherLow >>> 0, otherHigh >>> 0];
    if (interval[0] !== low || interval[1] !== high) yield [what, interval];
  }
}

describe('claims', () => {
  it('are refused where one of them is wider, narrower or another', () => {
    const found = new Set<string>();
    for (const [index, program] of programs.slice(0, 4).entries())
      for (const [what, claims] of forged(program.claims)) {
        const result = check(program, withClaims(program, claims));
        expect(codeOf(result), `seed ${seeds[index]}: ${what}`).not.toBe('accepted');
        found.add(codeOf(result));
      }
    expect(found).toContain('claim_unproven');
  });

  it('are refused in another form, and in another way to write them', () => {
    for (const program of programs) {
      const { claims } = program;
      const [claim] = claims.functions;
      const change = (name: string, value: unknown): unknown => ({
        ...claims,
        functions: claims.functions.with(0, { ...claim, [name]: value } as unknown as ProvenFunction),
      });
      const wrong: unknown[] = [
        JSON.stringify(claims, undefined, 1),
        `${JSON.stringify(claims)} `,
        `\ufeff${JSON.stringify(claims)}`,
        JSON.stringify(claims).replace('"version":1', '"version":1.0'),
        JSON.stringify(claims).replace('"version":1', '"version":1,"version":1'),
        `${'['.repeat(100_000)}${']'.repeat(100_000)}`,
        '',
        null,
        [],
        { ...claims, version: 2 },
        { ...claims, extra: 1 },
        { ...claims, module: claims.module.toUpperCase() },
        { ...claims, module: '00'.repeat(32) },
        { ...claims, functions: claims.functions.slice(1) },
        { ...claims, functions: [...claims.functions, null] },
        { ...claims, uniform: [...claims.uniform, true] },
        { ...claims, uniform: claims.uniform.map(Number) },
        change('pc', [1, 0]),
        change('pc', [-1, 0]),
        change('pc', [0, 2 ** 32]),
        change('pc', [0]),
        change('pc', [0, 0, 0]),
        change('pc', [0.5, 1]),
        change('masked', -1),
        change('masked', 2 ** 32),
        change('loops', [...(claim?.loops ?? []), { at: 0, pc: [0, 0], registers: [] }]),
        change('loops', {}),
        change('elided', [[0, 'nothing', 0]]),
        change('elided', [[0, 'allowed']]),
        change('elided', 'allowed'),
      ];
      for (const other of wrong) {
        const result = check(program, withClaims(program, other));
        expect(['claim_invalid', 'translation_foreign'], String(other)).toContain(codeOf(result));
      }
    }
  });
});

describe('code', () => {
  it.each<[what: string, pattern: RegExp, replace: (found: RegExpExecArray) => string]>([
    [
      'a check of C ≤ A and clearance is left out',
      pattern(
        '\\x20(.)\\x20\\1\\x41\\x18\\x74\\x41LEB\\x72\\x71\\x04\\x40\\x41LEB\\x20\\1\\x10LEB\\x0f\\x0b',
      ),
      () => '',
    ],
    [
      'a check of C ≤ A is left out',
      pattern('\\x20(.)\\x20\\1\\x41\\x18\\x74\\x71\\x04\\x40\\x41LEB\\x41LEB\\x20\\1\\x10LEB\\x0f\\x0b'),
      () => '',
    ],
    [
      'a check against a label is left out',
      pattern(
        '\\x20(.)(?:\\x41LEB|\\x20.)\\x41\\x7f\\x73\\x71\\x04\\x40\\x41LEB\\x41LEB(?:\\x20.)+\\x72?\\x10LEB\\x0f\\x0b',
      ),
      () => '',
    ],
    [
      'a check against a length is left out',
      pattern('\\x20.\\x42LEB\\x5a\\x04\\x40\\x41\\x04\\x41LEB\\x20.\\x10LEB\\x0f\\x0b'),
      () => '',
    ],
    [
      'a check of the fuel is left out',
      pattern('\\x20.\\x42\\x00\\x53\\x04\\x40\\x41\\x0a\\x41LEB\\x20.\\x10LEB\\x0f\\x0b'),
      () => '',
    ],
    [
      'a trap has another code',
      pattern('\\x41(.)(\\x41LEB\\x20.\\x10LEB\\x0f)'),
      ([, code = '', rest = '']) => `\x41${plusOne(code)}${rest}`,
    ],
    [
      'a trap is at another instruction',
      pattern('(\\x41.\\x41)([\\x80-\\xff]*)([\\x00-\\x3f])(\\x20.\\x10LEB\\x0f)'),
      ([, before = '', high = '', low = '', rest = '']) => `${before}${high}${plusOne(low)}${rest}`,
    ],
    [
      'a trap has another label',
      pattern('(\\x41.\\x41LEB\\x20)(.)(\\x10LEB\\x0f)'),
      ([, before = '', local = '', rest = '']) => `${before}${plusOne(local)}${rest}`,
    ],
    [
      'a block is charged otherwise',
      pattern('(\\x42[\\x80-\\xff]*)([\\x01-\\x3f])(\\x20.\\x41\\x80\\x7e\\x71\\x1b\\x7d|\\x7d)'),
      ([, before = '', fuel = '', rest = '']) => `${before}${plusOne(fuel)}${rest}`,
    ],
    [
      'a guard asks for less fuel',
      pattern('(\\x23LEB\\x42)LEB\\x59\\x71'),
      ([, before = '']) => `${before}\x00\x59\x71`,
    ],
    [
      'rounds are charged otherwise',
      pattern('(\\xad\\x42[\\x80-\\xff]*)([\\x00-\\x3f])(\\x7e\\x7d)'),
      ([, before = '', fuel = '', rest = '']) => `${before}${plusOne(fuel)}${rest}`,
    ],
    ['a guard asks for any fuel', pattern('(\\x42LEB)\\x59\\x71'), ([, before = '']) => `${before}\x57\x71`],
    ['a guard asks for no label', pattern('\\x20.\\x41LEB\\x46\\x71'), () => ''],
    ['a guard forgets what is not uniform', pattern('(\\x23LEB)\\x45(?=\\x23)'), () => '\x41\x01'],
    [
      'a constant is another',
      pattern('\\x42([\\x00-\\x3f])\\x21'),
      ([, value = '']) => `\x42${plusOne(value)}\x21`,
    ],
    [
      'a comparison is another',
      pattern('[\\x53\\x57]\\xad'),
      ([found]) => `${found[0] === '\x53' ? '\x57' : '\x53'}\xad`,
    ],
    [
      'a call goes to the other version',
      pattern('\\x10([\\x80-\\xff]*)([\\x00-\\x3f])(\\x04\\x40\\x41\\x01\\x0f)'),
      ([, high = '', low = '', rest = '']) => `\x10${high}${plusOne(low)}${rest}`,
    ],
    [
      'a word is loaded from elsewhere',
      pattern('(\\x29\\x03[\\x80-\\xff]*)([\\x00-\\x3f])'),
      ([, before = '', low = '']) => `${before}${plusOne(low)}`,
    ],
    ['a branch is taken the other way', pattern('\\x52\\x04\\x40'), () => '\x51\x04\x40'],
    ['a loop is left the other way', pattern('\\x45\\x0d\\x01'), () => '\x0d\x01'],
    [
      'a loop has another bound',
      pattern('\\x20(.)\\x41(.)\\x46\\x04\\x40'),
      ([, local = '', bound = '']) => `\x20${local}\x41${plusOne(bound)}\x46\x04\x40`,
    ],
  ])('is refused where %s', (_, place, replace) => {
    let sites = 0;
    for (const program of programs)
      for (const bytes of sabotaged(program, place, replace)) {
        const result = check(program, bytes);
        expect(codeOf(result)).toBe('translation_differs');
        expect(result.ok ? undefined : result.offset).toBeDefined();
        sites++;
      }
    expect(sites).toBeGreaterThan(0);
  });

  it('is refused where two functions or two versions of one are exchanged', () => {
    for (const program of programs) {
      const bodies = bodiesOf(program.wasm);
      for (
        let index = bodies.length - 2 * program.claims.functions.length;
        index + 1 < bodies.length;
        index++
      ) {
        const [one, other] = bodies.slice(index, index + 2);
        if (one === undefined || other === undefined) continue;
        const bytes = withBodies(program.wasm, bodies.with(index, other).with(index + 1, one));
        expect(codeOf(check(program, bytes))).toBe('translation_differs');
      }
    }
  });

  it('is refused with the instruction of the source and the byte', () => {
    const [program] = programs;
    if (program === undefined) throw new Error('no program');
    const bodies = bodiesOf(program.wasm);
    const last = bodies.at(-1)?.slice() ?? new Uint8Array();
    last[last.length - 2] = 7;
    const bytes = withBodies(program.wasm, bodies.with(bodies.length - 1, last));
    const result = check(program, bytes);
    expect(result).toMatchObject({
      ok: false,
      code: 'translation_differs',
      function: program.claims.functions.length - 1,
    });
    expect(result.ok ? '' : result.message).toMatch(
      /, proven: byte \d+ is not what instruction \d+, `halt`, is to come to$/,
    );
  });
});
