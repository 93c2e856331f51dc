/** The rules that ship, for a central management in a test: sealed with a key that the test has. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { seal, sealingKey } from '../../src/records/sealing.ts';
import type { CentralRules } from '../../src/roles/central.ts';
import { decisionRecordType } from '../../src/roles/decision-context.ts';
import type { RulesInForce } from '../../src/rules/in-force.ts';
import { openIssuanceRules } from '../../src/rules/issuance-rules.ts';
import { shippedRuleSet } from '../../src/rules/policy/shipped-set.ts';

export const testSealingKey = sealingKey(new Uint8Array(32).fill(0x5e));

export const machineWasm = new Uint8Array(readFileSync(join(import.meta.dirname, '../../vm/machine.wasm')));

/** Opened once in a process: whoever decides by it decides at once, so that nobody meets another. */
export const shippedRules = await openIssuanceRules(shippedRuleSet(), machineWasm, 'test');

export function centralRules(
  inForce: RulesInForce = shippedRules,
  random = (length: number): Uint8Array => new Uint8Array(randomBytes(length)),
): CentralRules {
  return {
    inForce: () => inForce,
    feeds: () => new Map(),
    seal: (record) => seal(testSealingKey, record, decisionRecordType, random),
    decided: () => undefined,
  };
}
