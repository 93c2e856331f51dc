/**
 * The anchor of a journal in the secure element: a compare-and-swap that is durable when the device answers, and that it makes once however
 * often it is asked for (docs/DEVICE.md, `advance`).
 */
import type { Head } from '../../firmware-sim/protocol.ts';
import type { Anchor } from '../journal/anchor.ts';
import type { RoleDevice } from './role-device.ts';

export function makeDeviceAnchor(device: RoleDevice, name: string): Anchor {
  return {
    async read() {
      const { head } = await device.call('read-anchor', { name });
      return head ?? undefined;
    },
    async advance(from, to) {
      await device.call('advance', {
        name,
        from: from === undefined ? null : copyHead(from),
        to: copyHead(to),
      });
    },
  };
}

/** The caller may reuse its arrays while this waits for its turn. */
function copyHead({ sequence, hash }: Head): Head {
  return { sequence, hash: Uint8Array.from(hash) };
}
