/**
 * The issuance decision: runs the program in the label machine and reads its ports. Nothing is decided
 * here. src/rules/ may import kit, records and vm.
 */

import { type Assembled, assemble } from '../../vm/assembler.ts';
import type { Machine } from '../../vm/host.ts';
import { sha256 } from '../kit/bytes.ts';
import { encodeCbor } from '../kit/encoding.ts';
import { assert, type Refusal, type Result, refuse, succeed } from '../kit/result.ts';
import type { RuleSet } from '../records/claims.ts';
import { issuanceProgram, issuanceProgramVersion } from './issuance-program.ts';

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

  return {
    ruleSet,
    decide(input) {
      const { amount, available, dayRemaining, requestsInWindow, frequencyCap, requestMaximum, ceiling } =
        input;
      const limits = [available, dayRemaining, requestsInWindow, frequencyCap, requestMaximum];
      const ran = loaded.program.run({
        inputs: [
          { segment: segments.request, index: 0, value: amount },
          ...limits.map((value, index) => ({ segment: segments.limits, index, value })),
          { segment: segments.secret, index: 0, value: ceiling },
        ],
      });
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
          encodeCbor([
            ruleSet.version,
            ruleSet.hash,
            [amount, ...limits],
            [approved, ...given, wouldPass],
            ran.fuelUsed,
          ]),
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

/** What a person can do about a denial; made of the reason alone. */
export function explainReason(reason: string): string {
  switch (reason) {
    case 'quota_exceeded':
      return 'the amount is above what is left of the quota: ask for less, or for a larger quota';
    case 'daily_limit':
      return "the amount is above what is left of today's limit: ask for less, or again tomorrow";
    case 'frequency_cap':
      return 'there were too many requests in a short time: wait, and ask again under a new id';
    case 'request_maximum':
      return 'the amount is above the most of one request: split it';
    case 'issuer_ceiling':
      return 'the amount is above a confidential limit of this issuer: speak to central management';
    case 'reservation_exceeded':
      return 'the amount is above what is left of the reservation: ask for less, or without the reservation';
    case 'reservation_unknown':
      return 'quota control has no such reservation of this issuer in this currency: name another, or none';
    case 'reservation_expired':
      return 'the reservation has expired: make another, or ask without one';
    case 'reservation_released':
      return 'the reservation was released: make another, or ask without one';
    case 'quota_taken':
      return 'others took what was left of the quota before it came to this order: ask again under a new id';
    default:
      return 'central management can say more of it';
  }
}
