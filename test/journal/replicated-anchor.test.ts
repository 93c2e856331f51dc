import { describe, expect, it } from 'vitest';
import type { JournalHead } from '../../src/journal/chain.ts';
import { replicateAnchor } from '../../src/journal/replicated-anchor.ts';
import { makeMemoryAnchor } from './memory-anchor.ts';

const headAt = (sequence: number, fill = sequence): JournalHead => ({
  sequence,
  hash: new Uint8Array(32).fill(fill),
});
const away = { error: Object.assign(new Error('away'), { code: 'device_error' }), afterwards: false };
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('an anchor on several devices', () => {
  it('goes up on all of them', async () => {
    const devices = [makeMemoryAnchor(), makeMemoryAnchor()];
    const anchor = replicateAnchor(devices);
    expect(await anchor.read()).toBeUndefined();
    await anchor.advance(undefined, headAt(0));
    await anchor.advance(headAt(0), headAt(7));
    await turn();
    expect(devices.map(({ head }) => head)).toEqual([headAt(7), headAt(7)]);
  });

  it('goes on while one is away, and that one follows when it is back', async () => {
    const [first, second] = [makeMemoryAnchor(headAt(3)), makeMemoryAnchor(headAt(3))];
    const anchor = replicateAnchor([first, second]);
    await anchor.read();
    first.failure = away;
    await anchor.advance(headAt(3), headAt(4));
    await anchor.advance(headAt(4), headAt(5));
    expect([first.head, second.head]).toEqual([headAt(3), headAt(5)]);
    expect(await anchor.read()).toEqual(headAt(5));
    first.failure = undefined;
    second.failure = away;
    await anchor.advance(headAt(5), headAt(6));
    expect([first.head, second.head]).toEqual([headAt(6), headAt(5)]);
  });

  it('is as high as the highest that can be read', async () => {
    const [first, second] = [makeMemoryAnchor(headAt(3)), makeMemoryAnchor(headAt(9))];
    const anchor = replicateAnchor([first, second]);
    expect(await anchor.read()).toEqual(headAt(9));
    second.failure = away;
    expect(await anchor.read()).toEqual(headAt(3));
  });

  it('throws where no device can be read, and where none takes a step', async () => {
    const devices = [makeMemoryAnchor(headAt(1)), makeMemoryAnchor(headAt(1))];
    for (const device of devices) device.failure = away;
    const anchor = replicateAnchor(devices);
    await expect(anchor.read()).rejects.toBe(away.error);
    await expect(anchor.advance(headAt(1), headAt(2))).rejects.toBe(away.error);
  });

  it('takes the same step again after one whose answer was lost', async () => {
    const device = makeMemoryAnchor(headAt(1));
    const anchor = replicateAnchor([device]);
    await anchor.read();
    device.failure = { ...away, afterwards: true };
    await expect(anchor.advance(headAt(1), headAt(2))).rejects.toBe(away.error);
    device.failure = undefined;
    await anchor.advance(headAt(1), headAt(2));
    await anchor.advance(headAt(2), headAt(3));
    expect([device.head, device.advances]).toEqual([headAt(3), 2]);
  });

  it('stops for good where somebody else writes to one of them', async () => {
    const [first, second] = [makeMemoryAnchor(headAt(1)), makeMemoryAnchor(headAt(1))];
    const anchor = replicateAnchor([first, second]);
    await anchor.read();
    second.head = headAt(40);
    for (const to of [2, 3])
      await expect(anchor.advance(headAt(1), headAt(to))).rejects.toMatchObject({ code: 'anchor_moved' });
    expect(first.head).toEqual(headAt(2));
  });

  it('is not read past a device that answers with what cannot be read', async () => {
    const [first, second] = [makeMemoryAnchor(headAt(1)), makeMemoryAnchor(headAt(1))];
    const error = Object.assign(new Error('torn'), { code: 'anchor_unreadable' });
    second.failure = { error, afterwards: false };
    await expect(replicateAnchor([first, second]).read()).rejects.toBe(error);
  });

  it('gives the heads of all that can be reached: one that was away is known by its own', async () => {
    const devices = [
      makeMemoryAnchor(headAt(3)),
      makeMemoryAnchor(headAt(9)),
      makeMemoryAnchor(),
      makeMemoryAnchor(),
    ];
    const [, , , last] = devices;
    if (last !== undefined) last.failure = away;
    expect(await replicateAnchor(devices).readAll()).toEqual([headAt(3), headAt(9)]);
  });

  it('stops where two have different hashes of one entry', async () => {
    const anchor = replicateAnchor([makeMemoryAnchor(headAt(5, 1)), makeMemoryAnchor(headAt(5, 2))]);
    await expect(anchor.read()).rejects.toMatchObject({ code: 'anchor_moved' });
  });

  it('makes the steps that are asked for meanwhile as one', async () => {
    const device = makeMemoryAnchor(headAt(0));
    const anchor = replicateAnchor([device]);
    await anchor.read();
    await Promise.all([1, 2, 3, 4, 5].map((to) => anchor.advance(headAt(to - 1), headAt(to))));
    expect([device.head, device.advances]).toEqual([headAt(5), 2]);
  });
});
