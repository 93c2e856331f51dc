/** What a set's hash is over: all that it means, and nothing of how it was written. docs/FORMATS.md has the bytes. */
import { sha256 } from '../../kit/bytes.ts';
import { encodeCbor } from '../../kit/encoding.ts';
import { compareText } from './groups.ts';
import type { RuleSet } from './rule-set.ts';

const version = 1;

/** SHA-256 over modules (so their lists, by the hashes in their texts), unions, issuers and parameters; not over name and version. */
export function hashSet({
  modules,
  unions,
  issuers,
  parameters,
}: Pick<RuleSet, 'modules' | 'unions' | 'issuers' | 'parameters'>): Uint8Array {
  return sha256(
    encodeCbor([
      version,
      [...modules]
        .sort((a, b) => compareText(a.name, b.name))
        .map((module) => [module.name, module.version, module.hash]),
      new Map([...unions].map(([union, members]) => [union, [...members].sort(compareText)])),
      issuers,
      parameters,
    ]),
  );
}
