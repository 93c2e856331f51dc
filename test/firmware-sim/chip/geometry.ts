/** A memory small enough to look at every bit of it. */
import type { Geometry } from '../../../firmware-sim/chip/memory.ts';

export const geometry: Geometry = {
  sectorBytes: 256,
  sectors: 4,
  wordBytes: 4,
  pageBytes: 64,
  fuseSectors: 1,
  endurance: 10,
};
