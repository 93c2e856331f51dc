import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, equalBytes, fromHex, sha256, toHex, utf8 } from '../../src/kit/bytes.ts';
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

  it('are hashed as FIPS 180-4 says of `abc`', () => {
    expect(toHex(sha256(utf8('abc')))).toBe(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    );
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
