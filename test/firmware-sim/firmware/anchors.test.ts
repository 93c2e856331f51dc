import { describe, expect, it } from 'vitest';
import { profiles } from '../../../firmware-sim/profiles.ts';
import type { Head } from '../../../firmware-sim/protocol.ts';
import { sha256, toHex, utf8 } from '../../../src/kit/bytes.ts';
import { headAt, journal, rightPin } from '../fixtures.ts';
import type { Bench } from '../workbench.ts';
import { codeOf, refusalOf, servingBench } from './serving.ts';

const { name } = journal;
const at = (sequence: number): Head => headAt(journal, sequence);
const other = (sequence: number): Head => ({ sequence, hash: sha256(utf8(`other ${sequence}`)) });

function headOf(bench: Bench): Head | null {
  return bench.tell('read-anchor', { name }).head;
}

describe('an anchor', () => {
  it('goes up from where it is, and the same again changes nothing and writes nothing', () => {
    const bench = servingBench();
    expect(codeOf(bench, 'advance', { name, from: at(3), to: at(5) })).toBe('accepted');
    const { version } = bench.tell('counters', {});
    expect(codeOf(bench, 'advance', { name, from: at(3), to: at(5) })).toBe('accepted');
    expect(codeOf(bench, 'advance', { name, from: null, to: at(5) })).toBe('accepted');
    expect(bench.tell('counters', {}).version).toBe(version);
    expect(headOf(bench)).toEqual(at(5));
    bench.powerOff();
    bench.powerOn();
    bench.login(rightPin);
    expect(headOf(bench)).toEqual(at(5));
  });

  it.each<[string, Head | null, Head]>([
    ['back', at(3), at(2)],
    ['aside', at(3), other(3)],
    ['from elsewhere', other(3), at(4)],
    ['from below', at(2), at(4)],
    ['from above', at(4), at(5)],
    ['from nothing', null, at(4)],
    ['from nothing to below', null, at(2)],
    ['from the same number of another journal', other(3), other(4)],
  ])('does not go %s', (_what, from, to) => {
    const bench = servingBench();
    const refusal = refusalOf(bench, 'advance', { name, from, to });
    expect(refusal.code).toBe('anchor_moved');
    // Whoever looks for where the journal was left finds it in the message.
    expect(refusal.message).toContain(`entry 3 (${toHex(at(3).hash)})`);
    expect(headOf(bench)).toEqual(at(3));
    expect(codeOf(bench, 'advance', { name, from: at(3), to: at(4) })).toBe('accepted');
  });

  it('begins from nothing, with whatever number', () => {
    const bench = servingBench();
    expect(refusalOf(bench, 'advance', { name: 'new', from: at(0), to: at(1) }).message).toContain(
      'nothing is anchored',
    );
    expect(bench.tell('read-anchor', { name: 'new' })).toEqual({ head: null });
    expect(codeOf(bench, 'advance', { name: 'new', from: null, to: at(0) })).toBe('accepted');
    expect(codeOf(bench, 'advance', { name: 'newer', from: null, to: at(7) })).toBe('accepted');
  });

  it('of two who race is moved by one, and the other hears where it is', () => {
    const bench = servingBench();
    bench.login(rightPin, 1);
    expect(codeOf(bench, 'advance', { name, from: at(3), to: at(4) }, 0)).toBe('accepted');
    expect(refusalOf(bench, 'advance', { name, from: at(3), to: other(4) }, 1).message).toContain(
      toHex(at(4).hash),
    );
    expect(codeOf(bench, 'advance', { name, from: at(3), to: at(4) }, 1)).toBe('accepted');
  });

  it('does not change with the arrays of whoever asked', () => {
    const bench = servingBench();
    const to = { sequence: 4, hash: Uint8Array.from(at(4).hash) };
    bench.tell('advance', { name, from: at(3), to });
    to.hash.fill(0);
    headOf(bench)?.hash.fill(1);
    expect(headOf(bench)).toEqual(at(4));
  });

  it.each(profiles.map((profile) => profile.name))('of %s is one of as many as fit', (profile) => {
    const bench = servingBench(profile);
    const { limits } = bench.profile;
    for (let count = 1; count < limits.anchors; count++)
      expect(codeOf(bench, 'advance', { name: `j${count}`.padEnd(32, 'x'), from: null, to: at(1) })).toBe(
        'accepted',
      );
    expect(codeOf(bench, 'advance', { name: 'one-more', from: null, to: at(1) })).toBe('anchors_full');
    expect(codeOf(bench, 'advance', { name, from: at(3), to: at(4) })).toBe('accepted');
    bench.powerOff();
    expect(bench.powerOn().state).toBe('ready');
  });

  it('goes up to the last number there is', () => {
    const bench = servingBench();
    const last = other(Number.MAX_SAFE_INTEGER);
    expect(codeOf(bench, 'advance', { name, from: at(3), to: last })).toBe('accepted');
    expect(headOf(bench)).toEqual(last);
    expect(codeOf(bench, 'advance', { name, from: last, to: at(4) })).toBe('anchor_moved');
  });
});
