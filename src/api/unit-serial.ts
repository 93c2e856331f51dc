/** Serials of units as messages between systems have them: [ [ epoch, sequence, index ], … ]. */
import type { CborValue } from '../kit/encoding.ts';
import type { UnitSerial } from '../roles/settlements.ts';

type Triple = readonly [epoch: number, sequence: number, index: number];

export function encodeSerials(units: readonly UnitSerial[]): readonly Triple[] {
  return units.map(({ epoch, sequence, index }) => [epoch, sequence, index]);
}

export function isSerials(value: CborValue | undefined): value is readonly Triple[] {
  return Array.isArray(value) && value.every(isTriple);
}

function isTriple(value: CborValue): boolean {
  const [epoch, sequence, index, ...rest] = Array.isArray(value) ? (value as readonly CborValue[]) : [];
  return (
    [epoch, sequence, index].every(
      (one) => typeof one === 'number' && Number.isSafeInteger(one) && one >= 0,
    ) &&
    (index as number) < 2 ** 32 &&
    rest.length === 0
  );
}

export function serialsOf(triples: readonly Triple[]): readonly UnitSerial[] {
  return triples.map(([epoch, sequence, index]) => ({ epoch, sequence, index }));
}
