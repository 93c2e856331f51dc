/** A chip of the first vendor with little memory: slots and counter are full after some dozens of steps, and a sweep need not wait for that. */
import type { Profile } from '../../firmware-sim/profile.ts';
import { findProfile } from '../../firmware-sim/profiles.ts';
import { assert } from '../../src/kit/result.ts';

const model = findProfile('aster-1');
assert(model !== undefined, 'the first vendor has a chip');

const sectors = { certificate: 1, image: 20, slot: 4 };

export const miniature: Profile = {
  ...model,
  name: 'aster-miniature',
  // One: each is tried at power-on, which takes most of its time.
  algorithms: ['ES256'],
  flash: {
    sectorBytes: 1_024,
    wordBytes: 4,
    pageBytes: 256,
    endurance: 100_000,
    sectors: sectors.certificate + sectors.image + 2 * sectors.slot,
    fuseSectors: 0,
  },
  die: { sectorBytes: 512, wordBytes: 4, pageBytes: 256, endurance: 100_000, sectors: 3, fuseSectors: 1 },
  layout: sectors,
};
