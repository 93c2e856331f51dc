/**
 * The decision of the versions before the rule language, by a program that was written by hand: what the rules that ship are held against, and
 * what thefts of the ceiling are tried on.
 */

import { sha256 } from '../../src/kit/bytes.ts';
import { CborWriter } from '../../src/kit/encoding.ts';
import { assert, type Refusal, type Result, refuse, succeed } from '../../src/kit/result.ts';
import type { RuleSet } from '../../src/records/claims.ts';
import { type Assembled, assemble } from '../../vm/assembler.ts';
import type { Machine } from '../../vm/host.ts';
import { issuanceProgram, issuanceProgramVersion } from './older-program.ts';

/** Why a request is denied, in the order in which they are told. */
export const denialReasons = [
  'quota_exceeded',
  'daily_limit',
  'frequency_cap',
  'request_maximum',
  'issuer_ceiling',
] as const;
export type DenialReason = (typeof denialReasons)[number];

/** Amounts in minor units. */
export interface DecisionInput {
  readonly amount: bigint;
  /** Of the quota, now. */
  readonly available: bigint;
  readonly dayRemaining: bigint;
  readonly requestsInWindow: bigint;
  readonly frequencyCap: bigint;
  readonly requestMaximum: bigint;
  /** Confidential: a request above it is denied, and of it only that is told. */
  readonly ceiling: bigint;
}

export interface Decision {
  readonly approved: boolean;
  readonly reasons: readonly DenialReason[];
  /** The largest amount that the limits that are no secret would let pass; null where they did not deny, or would let nothing pass. */
  readonly wouldPass: bigint | null;
  readonly fuelUsed: bigint;
  /** SHA-256 over rule set, inputs that are no secret, outputs and fuel, as deterministic CBOR. */
  readonly traceHash: Uint8Array;
}

export interface IssuanceDecision {
  /** The program's version and the SHA-256 of its module. */
  readonly ruleSet: RuleSet;
  /** `rule_trapped` where the program was stopped: then nothing is approved, and nothing is told of why. */
  decide(input: DecisionInput): Result<Decision, 'rule_trapped'>;
}

/** Loads the decision program, or another `text` with the same segments and ports; throws where it is malformed, which is a bug. */
export function loadIssuanceDecision(machine: Machine, text: string = issuanceProgram): IssuanceDecision {
  const assembled = assemble(text);
  if (!assembled.ok) throw new Error(assembled.message);
  const loaded = machine.load(assembled.bytes);
  if (!loaded.ok) throw new Error(loaded.message);
  const ruleSet = { version: issuanceProgramVersion, hash: loaded.program.hash };
  const { segment, port } = finder(assembled);
  const segments = { request: segment('request'), limits: segment('limits'), secret: segment('secret') };
  const ports = {
    approved: port('approved'),
    reasons: denialReasons.map((reason) => port(reason)),
    wouldPass: port('would_pass'),
  };

  const trace = new CborWriter();

  return {
    ruleSet,
    decide(input) {
      const { amount, available, dayRemaining, requestsInWindow, frequencyCap, requestMaximum, ceiling } =
        input;
      const limits = [available, dayRemaining, requestsInWindow, frequencyCap, requestMaximum];
      const inputs = limits.map((value, index) => ({ segment: segments.limits, index, value }));
      inputs.push({ segment: segments.request, index: 0, value: amount });
      inputs.push({ segment: segments.secret, index: 0, value: ceiling });
      const ran = loaded.program.run({ inputs });
      if (!ran.ok) return trapped();
      const read = (number: number): bigint => ran.ports.get(number) ?? 0n;
      const given = ports.reasons.map(read);
      const reasons = denialReasons.filter((_, index) => given[index] !== 0n);
      const approved = read(ports.approved);
      const wouldPass = read(ports.wouldPass);
      assert(
        (approved === 1n) === (reasons.length === 0),
        'the program approves just when it gives no reason',
      );
      return succeed({
        approved: approved === 1n,
        reasons,
        wouldPass: wouldPass > 0n ? wouldPass : null,
        fuelUsed: ran.fuelUsed,
        traceHash: sha256(
          trace
            .array(5)
            .integer(ruleSet.version)
            .byteString(ruleSet.hash)
            .integers([amount, ...limits])
            .integers([approved, ...given, wouldPass])
            .integer(ran.fuelUsed)
            .finish(),
        ),
      });
    },
  };
}

function trapped(): Refusal<'rule_trapped'> {
  return refuse(
    'rule_trapped',
    'the rules were stopped before they decided: nothing is approved; central management has the details',
  );
}

function finder(assembled: Assembled & { ok: true }): Record<'segment' | 'port', (name: string) => number> {
  const find = (table: readonly string[]) => (name: string) => {
    const number = table.indexOf(name);
    assert(number !== -1, `the program declares ${name}`);
    return number;
  };
  return { segment: find(assembled.names.segments), port: find(assembled.names.ports) };
}
