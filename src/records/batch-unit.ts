/** Single units of a batch, by their numbers, without deriving the others. */
import type { Lot } from './request.ts';
import { type BatchTerms, deriveSalt, type Unit } from './unit.ts';

/** Gives the unit at an index of the batch, or undefined where it has no such unit. */
export function unitFinder(terms: BatchTerms): (index: number) => Unit | undefined {
  const { currency, epoch, sequence, reservation, keySet, notBefore, redeemUntil, seed } = terms;
  const places = placesOf(terms.lots);
  return (index) => {
    const lot = lotAt(places, index);
    if (lot === undefined) return undefined;
    const { value, owner } = lot;
    const salt = deriveSalt(seed, index);
    return {
      currency,
      value,
      epoch,
      sequence,
      index,
      owner,
      reservation,
      keySet,
      notBefore,
      redeemUntil,
      salt,
    };
  };
}

interface Place {
  readonly first: number;
  readonly lot: Lot;
}

/** By halves: a batch may have as many lots as units. */
function lotAt(places: readonly Place[], index: number): Lot | undefined {
  let [from, to] = [0, places.length];
  while (to - from > 1) {
    const middle = Math.floor((from + to) / 2);
    if ((places[middle]?.first ?? 0) <= index) from = middle;
    else to = middle;
  }
  const found = places[from];
  return found !== undefined && index < found.first + found.lot.count ? found.lot : undefined;
}

function placesOf(lots: readonly Lot[]): readonly Place[] {
  let next = 0;
  return lots.map((lot) => {
    const first = next;
    next += lot.count;
    return { first, lot };
  });
}
