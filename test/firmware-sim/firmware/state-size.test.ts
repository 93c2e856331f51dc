import { describe, expect, it } from 'vitest';
import { sealRsaKey } from '../../../firmware-sim/firmware/rsa.ts';
import { placeOf } from '../../../firmware-sim/firmware/slot.ts';
import { blankMemory, encodeSnapshot, keepPin } from '../../../firmware-sim/firmware/state.ts';
import { profiles } from '../../../firmware-sim/profiles.ts';
import { toHex } from '../../../src/kit/bytes.ts';

const label = (index: number): string => `${index}`.padEnd(64, 'x');
const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(0xff);

describe('the state of a device', () => {
  it.each(profiles.map((profile) => [profile.name, profile] as const))(
    'fits in a slot of %s, however much it is made to keep',
    (_name, { limits, algorithms, flash, layout }) => {
      const memory = blankMemory(limits.pinTries);
      memory.pin = keepPin(bytes(16), bytes(32));
      const hasRsa = algorithms.includes('PS256');
      for (let index = 0; index < limits.keys; index++)
        memory.keys.set(label(index), {
          label: label(index),
          algorithm: hasRsa ? 'PS256' : 'ES384',
          use: 'agree',
          anchored: true,
          // key-commands.ts: at most 8 types of 127 characters.
          free: Array.from({ length: 8 }, (_, type) => `${type}`.padEnd(127, 'x')),
          point: bytes(hasRsa ? 294 : 97),
          seed: bytes(32),
          // PKCS #8 of 2048 bits has 1,219 bytes at most.
          sealed: hasRsa ? sealRsaKey(bytes(1_219), bytes(32)) : new Uint8Array(),
        });
      for (let index = 0; index < limits.anchors; index++)
        memory.anchors.set(label(index), { sequence: Number.MAX_SAFE_INTEGER, hash: bytes(32) });
      for (let index = 0; index < limits.ballots; index++) {
        const proposal = bytes(32);
        new DataView(proposal.buffer).setUint32(0, index);
        memory.ballots.set(toHex(proposal), { proposal, label: label(0), choice: 'approve' });
      }
      // modules.ts: at most 16.
      memory.trusted = Array.from({ length: 16 }, () => bytes(65));
      const place = placeOf(encodeSnapshot(memory).length, flash.wordBytes);
      expect(place).toBeLessThan(layout.slot * flash.sectorBytes);
    },
  );
});
