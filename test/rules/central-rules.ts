/** The rules that ship, for a central management in a test: sealed with a key that the test has. */
import { randomBytes } from 'node:crypto';
import { seal, sealingKey } from '../../src/records/sealing.ts';
import type { CentralRules } from '../../src/roles/central.ts';
import { decisionRecordType } from '../../src/roles/decision-context.ts';
import type { RulesInForce } from '../../src/rules/in-force.ts';

export const testSealingKey = sealingKey(new Uint8Array(32).fill(0x5e));

export function centralRules(
  inForce: RulesInForce,
  random = (length: number): Uint8Array => new Uint8Array(randomBytes(length)),
): CentralRules {
  return {
    inForce: () => inForce,
    feeds: () => new Map(),
    seal: (record) => seal(testSealingKey, record, decisionRecordType, random),
    decided: () => undefined,
  };
}
