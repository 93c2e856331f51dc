import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeHello,
  encodeHello,
  encodeMessage,
  readAnswer,
  readMessage,
  readRequest,
} from '../../../firmware-sim/codec.ts';
import { FrameReader, frameOf } from '../../../firmware-sim/frame.ts';
import { Channel } from '../../../firmware-sim/sealed-channel.ts';
import { concatBytes } from '../../../src/kit/bytes.ts';

const key = new Uint8Array(32).fill(9);

function pairOf(secured = true): { client: Channel; device: Channel } {
  const ends = { client: new Channel('client'), device: new Channel('device') };
  if (secured) for (const end of [ends.client, ends.device]) end.secure(key);
  return ends;
}

function sealed(from: Channel, sequence: number): Uint8Array {
  return from.seal(sequence, encodeMessage({ sequence, items: ['info', new Map()] }));
}

describe('frames', () => {
  it('come out as they went in, however the bytes are cut up', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1 }),
        (bodies, cuts) => {
          const stream = concatBytes(...bodies.map(frameOf));
          const reader = new FrameReader(300);
          const read: Uint8Array[] = [];
          for (let at = 0, turn = 0; at < stream.length; turn++) {
            const length = cuts[turn % cuts.length] ?? 1;
            reader.push(stream.subarray(at, at + length));
            at += length;
            for (let next = reader.next(); next.ok && next.value !== undefined; next = reader.next())
              read.push(next.value);
          }
          expect(read).toEqual(bodies.map((body) => new Uint8Array(body)));
          expect(reader.begun).toBe(false);
        },
      ),
    );
  });

  it('of one byte more than the limit are refused as their length is read, and of the limit are taken', () => {
    const reader = new FrameReader(1_000);
    reader.push(frameOf(new Uint8Array(1_000)));
    expect(reader.next()).toMatchObject({ ok: true, value: { length: 1_000 } });
    reader.push(Uint8Array.of(0, 0, 3));
    expect(reader.next()).toEqual({ ok: true, value: undefined });
    reader.push(Uint8Array.of(0xe9));
    expect(reader.next()).toMatchObject({ ok: false, code: 'frame_too_large' });
    const most = new FrameReader(1_000);
    most.push(Uint8Array.of(0xff, 0xff, 0xff, 0xff));
    expect(most.next()).toMatchObject({ ok: false, code: 'frame_too_large' });
  });

  it('are read whatever the bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, secured) => {
        for (const end of Object.values(pairOf(secured))) {
          const opened = end.open(new Uint8Array(bytes));
          if (!opened.ok) {
            expect(opened.code).toMatch(/^frame_(malformed|replayed|forged)$/);
            continue;
          }
          readRequest(opened.value);
          readAnswer(opened.value);
        }
        decodeHello(new Uint8Array(bytes));
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('a hello', () => {
  it('is read as it was written, and is refused for each item that is of another kind', () => {
    const hello = {
      nonce: new Uint8Array(16).fill(1),
      pin: { salt: new Uint8Array(16).fill(2), iterations: 1_000 },
      profile: 'aster-1',
      frameBytes: 65_536,
    };
    for (const one of [hello, { ...hello, pin: null }])
      expect(decodeHello(encodeHello(one))).toEqual({ ok: true, value: one });
    const wrong = [
      { ...hello, nonce: new Uint8Array(15) },
      { ...hello, pin: { ...hello.pin, salt: new Uint8Array(17) } },
      { ...hello, pin: { ...hello.pin, iterations: 0 } },
      { ...hello, pin: { ...hello.pin, iterations: 10_000_001 } },
      { ...hello, frameBytes: 0 },
      { ...hello, frameBytes: -1 },
    ];
    for (const one of wrong)
      expect(decodeHello(encodeHello(one)), JSON.stringify(one)).toMatchObject({ ok: false });
  });
});

describe('a channel', () => {
  it('takes frames in their order, each once', () => {
    const { client, device } = pairOf();
    const [first, second, third] = [1, 2, 3].map((sequence) => sealed(client, sequence)) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    expect(device.open(second)).toMatchObject({ code: 'frame_replayed' });
    expect(device.open(first)).toMatchObject({
      ok: true,
      value: { sequence: 1, items: ['info', new Map()] },
    });
    expect(device.open(first)).toMatchObject({ code: 'frame_replayed' });
    expect(device.open(third)).toMatchObject({ code: 'frame_replayed' });
    expect(device.open(second)).toMatchObject({ ok: true });
  });

  it('takes no frame that is sent back to whoever sealed it', () => {
    const { client, device } = pairOf();
    expect(client.open(sealed(client, 1))).toMatchObject({ code: 'frame_forged' });
    expect(device.open(sealed(device, 1))).toMatchObject({ code: 'frame_forged' });
  });

  it('takes no frame under another number, with another number inside, of another key, or open', () => {
    const other = new Channel('client');
    other.secure(new Uint8Array(32).fill(8));
    const plain = encodeMessage({ sequence: 1, items: ['info', new Map()] });
    const { client } = pairOf();
    const second = readMessage(sealed(client, 2));
    if (!second.ok) throw new Error('a sealed frame is read');
    const renumbered = encodeMessage({ sequence: 1, items: second.value.items });
    for (const forged of [sealed(other, 1), plain, renumbered])
      expect(pairOf().device.open(forged)).toMatchObject({ code: 'frame_forged' });
    const inside = client.seal(1, encodeMessage({ sequence: 2, items: ['info', new Map()] }));
    expect(pairOf().device.open(inside)).toMatchObject({ code: 'frame_malformed' });
    expect(pairOf(false).device.open(sealed(client, 1))).toMatchObject({ code: 'frame_forged' });
  });

  it('takes no sealed frame of which a bit was changed', () => {
    const frame = sealed(pairOf().client, 1);
    for (let bit = 0; bit < 8 * frame.length; bit++) {
      const changed = frame.slice();
      changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(pairOf().device.open(changed).ok, `bit ${bit}`).toBe(false);
    }
  });

  it('gives a client frames about the connection besides those that it waits for, and a device none', () => {
    const { client, device } = pairOf();
    expect(client.open(sealed(device, 0))).toMatchObject({ ok: true, value: { sequence: 0 } });
    expect(client.open(sealed(device, 1))).toMatchObject({ ok: true, value: { sequence: 1 } });
    expect(device.open(sealed(client, 0))).toMatchObject({ code: 'frame_replayed' });
  });
});
