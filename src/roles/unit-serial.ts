/** A unit's serial as people and messages have it. */
import type { UnitSerial } from '../store/store.ts';

/** `epoch.sequence.index` */
export function describeSerial({ epoch, sequence, index }: UnitSerial): string {
  return `${epoch}.${sequence}.${index}`;
}
