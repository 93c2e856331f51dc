/** Where two trust bundles differ: field by field, so that whoever compares them can say which. */
import { equalBytes } from '../kit/bytes.ts';
import { type CborValue, encodeCbor } from '../kit/encoding.ts';
import { encodePolicy } from './approval-policy.ts';
import type { TrustBundle } from './trust-bundle.ts';

/** The path of the first field that is not the same in both, such as `keys[2].notAfter`; `undefined` where all are. */
export function findDifference(expected: TrustBundle, actual: TrustBundle): string | undefined {
  const others = new Map(fieldsOf(actual));
  return fieldsOf(expected).find(([name, value]) => !isSame(value, others.get(name)))?.[0];
}

function isSame(value: CborValue, other: CborValue | undefined): boolean {
  return other !== undefined && equalBytes(encodeCbor(value), encodeCbor(other));
}

/** The number of keys is a field of its own: without it a bundle with one more key would be the same. */
function fieldsOf(bundle: TrustBundle): [string, CborValue][] {
  return [
    ['issuedAt', bundle.issuedAt],
    ['expiresAt', bundle.expiresAt],
    ['revocationEpoch', bundle.revocationEpoch],
    ['rootKey', bundle.rootKey.point],
    ['approval', encodePolicy(bundle.approval)],
    ['keys.length', bundle.keys.length],
    ...bundle.keys.flatMap(({ role, name, key, notBefore, notAfter, revokedAt }, index) => {
      const at = `keys[${index}]`;
      const fields: [string, CborValue][] = [
        [`${at}.role`, role],
        [`${at}.name`, name],
        [`${at}.key`, key.point],
        [`${at}.notBefore`, notBefore],
        [`${at}.notAfter`, notAfter],
        [`${at}.revokedAt`, revokedAt],
      ];
      return fields;
    }),
  ];
}
