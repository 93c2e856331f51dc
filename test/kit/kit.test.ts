import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js';
import { buildSync } from 'esbuild';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  concatBytes,
  equalBytes,
  fromHex,
  mapKey,
  sha256,
  sha256Into,
  toHex,
  utf8,
} from '../../src/kit/bytes.ts';
import { fixedClock, systemClock, systemRandom } from '../../src/kit/clock.ts';
import { assert, quote, refuse, succeed } from '../../src/kit/result.ts';

describe('bytes', () => {
  it('go to hex and back, in either case', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(fromHex(toHex(bytes).toUpperCase())).toEqual(bytes);
      }),
    );
    for (const text of ['0', 'zz', '0x', ' 00', '00 ']) expect(fromHex(text)).toBeUndefined();
  });

  it('are joined and compared', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), (a, b) => {
        expect(concatBytes(a, b)).toEqual(Uint8Array.from([...a, ...b]));
        expect(equalBytes(a, b)).toBe(toHex(a) === toHex(b));
      }),
    );
  });

  it('as keys of a map are told apart, and only where they differ', () => {
    const bytes = fc.uint8Array({ maxLength: 4 }).map((one) => concatBytes(one, one));
    fc.assert(
      fc.property(bytes, bytes, (a, b) => {
        expect(mapKey(a) === mapKey(b)).toBe(toHex(a) === toHex(b));
      }),
    );
    expect(mapKey(Uint8Array.of(1, 2))).not.toBe(mapKey(Uint8Array.of(2, 1)));
    expect(() => mapKey(new Uint8Array(3))).toThrow('invariant broken');
  });

  it('are hashed as FIPS 180-4 says of `abc`', () => {
    expect(toHex(sha256(utf8('abc')))).toBe(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    );
  });
});

describe('SHA-256', () => {
  it('is the same of Node and of @noble, for every length up to 300 and for random bytes', () => {
    for (let length = 0; length <= 300; length++) {
      const bytes = Uint8Array.from({ length }, (_, index) => (index * 7 + length) % 256);
      expect(toHex(sha256(bytes))).toBe(toHex(nobleSha256(bytes)));
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5_000 }), fc.nat(100), (bytes, skip) => {
        expect(toHex(sha256(bytes))).toBe(toHex(nobleSha256(bytes)));
        // A view into a larger buffer, as records are cut out of files.
        const view = bytes.subarray(Math.min(skip, bytes.length));
        expect(toHex(sha256(view))).toBe(toHex(nobleSha256(view)));
      }),
    );
  });

  it('is put where it is asked for, as much of it as is asked for, and nowhere else', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 80 }),
        fc.nat(8),
        fc.integer({ min: 1, max: 32 }),
        (bytes, at, length) => {
          const into = new Uint8Array(48).fill(0xee);
          sha256Into(bytes, into, at, length);
          const expected = new Uint8Array(48).fill(0xee);
          expected.set(nobleSha256(bytes).subarray(0, length), at);
          expect(into).toEqual(expected);
        },
      ),
    );
  });

  it('gives a plain array of its own each time, and leaves its input as it was', () => {
    const input = utf8('abc');
    const first = sha256(input);
    const second = sha256(input);
    expect(first).toEqual(new Uint8Array(nobleSha256(input)));
    expect(first.constructor).toBe(Uint8Array);
    expect(first.buffer).not.toBe(second.buffer);
    expect([first.byteOffset, first.buffer.byteLength]).toEqual([0, 32]);
    first.fill(0);
    expect(toHex(second)).toBe(toHex(nobleSha256(input)));
    expect(input).toEqual(utf8('abc'));
  });

  const fips180 = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
  const folder = mkdtempSync(join(tmpdir(), 'ringmint-kit-'));
  const bundle = join(folder, 'bytes.mjs');
  beforeAll(() => {
    buildSync({
      entryPoints: [join(import.meta.dirname, '../../src/kit/bytes.ts')],
      bundle: true,
      format: 'esm',
      platform: 'browser',
      outfile: bundle,
    });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const hashAbc = `const { sha256, toHex } = await import(${JSON.stringify(pathToFileURL(bundle).href)}); const abc = sha256(new TextEncoder().encode('abc'));`;

  /** What `script` logs in a process of its own, with what a bundler makes of the kit for a browser. */
  function inBundle(script: string): string {
    return execFileSync(
      process.execPath,
      ['--input-type=module', '-e', `const { log } = console; ${script}`],
      { encoding: 'utf8' },
    ).trim();
  }

  it.each([
    ['a browser, which has no `process`', 'delete globalThis.process'],
    ['a page whose bundler puts an empty `process` there', 'globalThis.process = { env: {} }'],
    ['a runtime without a one-shot hash', 'globalThis.process = { getBuiltinModule: () => ({}) }'],
    [
      'a runtime whose hash is of another encoding',
      "globalThis.process = { getBuiltinModule: () => ({ hash: () => 'ba7816bf8f01cfea414140de5dae2223' }) }",
    ],
    [
      'a runtime that knows no such encoding',
      "globalThis.process = { getBuiltinModule: () => ({ hash: () => { throw new TypeError('encoding') } }) }",
    ],
  ])('is of @noble, and right, in %s', (_where, set) => {
    expect(inBundle(`${set}; ${hashAbc} log(toHex(abc))`)).toBe(fips180);
  });

  it('is of Node in Node: each hash is one call', () => {
    const count =
      "const node = process.getBuiltinModule('node:crypto'); const { hash } = node; let calls = 0; node.hash = (...given) => (calls++, hash(...given))";
    expect(
      inBundle(`${count}; ${hashAbc} const made = calls; sha256(abc); log(toHex(abc), calls - made)`),
    ).toBe(`${fips180} 1`);
  });

  it('is asked of Node in src/kit/bytes.ts only, and only key agreement and encryption ask for anything else', () => {
    const sources = execFileSync('git', ['grep', '-l', 'getBuiltinModule', '--', 'src', 'vm'], {
      cwd: join(import.meta.dirname, '../..'),
      encoding: 'utf8',
    });
    expect(sources.trim().split('\n')).toEqual([
      'src/kit/bytes.ts',
      'src/records/aes-gcm.ts',
      'src/records/key-agreement.ts',
    ]);
  });
});

describe('a clock', () => {
  it('stands still until it is moved, and tells whole seconds', () => {
    const clock = fixedClock(1_999);
    expect([clock.nowMs(), clock.nowSeconds()]).toEqual([1_999, 1]);
    clock.advanceMs(1);
    expect([clock.nowMs(), clock.nowSeconds()]).toEqual([2_000, 2]);
  });

  it('of the system tells the time, and its randomness does not repeat', () => {
    expect(Math.abs(systemClock.nowMs() - Date.now())).toBeLessThan(1_000);
    expect(systemClock.nowSeconds()).toBe(Math.trunc(systemClock.nowSeconds()));
    expect(systemRandom(16)).toHaveLength(16);
    expect(equalBytes(systemRandom(16), systemRandom(16))).toBe(false);
  });
});

describe('a result', () => {
  it('is a value or a refusal with its code', () => {
    expect(succeed(1)).toEqual({ ok: true, value: 1 });
    expect(refuse('some_code', 'why')).toEqual({ ok: false, code: 'some_code', message: 'why' });
    expect(refuse('some_code', 'why', 'a.b')).toMatchObject({ field: 'a.b' });
  });

  it('stops the program where an invariant is broken', () => {
    expect(() => assert(true, 'holds')).not.toThrow();
    expect(() => assert(false, 'one is one')).toThrow('invariant broken: one is one');
  });

  it('shows input on one short line, in backticks that the input cannot close', () => {
    expect(quote('a')).toBe('`a`');
    expect(quote('a`\n\u001b[31mb')).toBe('`a???[31mb`');
    expect(quote('x'.repeat(81))).toHaveLength(82);
    expect(quote(7n)).toBe('`7`');
    expect(quote(undefined)).toBe('`undefined`');
  });
});
