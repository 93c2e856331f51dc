/** Bytes that are hardly a signed object, for the tests of signed modules and translations. */
import fc from 'fast-check';

/** Whatever bytes there are, some behind the beginning of a COSE_Sign1. */
export const looseBytes: fc.Arbitrary<Uint8Array> = fc
  .tuple(fc.uint8Array({ maxLength: 300 }), fc.boolean())
  .map(([bytes, tagged]) => (tagged ? new Uint8Array([0xd2, 0x84, ...bytes]) : bytes));

/** The same cut, spliced and written over in up to four places. */
export function editsOf(signed: Uint8Array): fc.Arbitrary<Uint8Array> {
  const place = fc.tuple(fc.nat({ max: signed.length }), fc.nat({ max: 8 }), fc.uint8Array({ maxLength: 8 }));
  return fc.array(place, { minLength: 1, maxLength: 4 }).map((places) => {
    const bytes = [...signed];
    for (const [at, count, inserted] of places) bytes.splice(at, count, ...inserted);
    return new Uint8Array(bytes);
  });
}
