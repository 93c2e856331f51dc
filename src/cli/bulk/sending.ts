/** Sends one order until it has an answer that stands: currency, or a refusal. The same bytes may go any number of times. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../../kit/clock.ts';
import type { Refusal } from '../../kit/result.ts';
import type { IssuanceAnswer, Operator } from '../appliance.ts';

export type Answer =
  | { readonly kind: 'issued'; readonly currency: Uint8Array }
  /** This id will never be issued. */
  | {
      readonly kind: 'refused';
      readonly code: string;
      readonly message: string;
      readonly denied: IssuanceAnswer['denied'];
      readonly denial: Uint8Array | undefined;
    }
  /** It may be issued yet, or be already: only the same id may be sent again. */
  | { readonly kind: 'failed'; readonly refusal: Refusal };

/** After these an id has no way to be issued: the first try was too long ago, or the key that signed the request counts no more. */
const finalCodes: readonly string[] = [
  'request_expired',
  'credential_expired',
  'request_abandoned',
  'key_revoked',
  'key_expired',
];
/** After these the same may be sent again a little later. */
const passingCodes: readonly string[] = [
  'peer_unavailable',
  'in_progress',
  'server_stopping',
  'rate_limited',
  'frequency_limit',
];
const pauseMs = 500;

export interface SendingOptions {
  readonly operator: Operator;
  readonly clock: Clock;
  /** How long a system may be away or busy before the command ends. */
  readonly patienceMs: number;
  /** Whether another order has failed: then nothing is waited for. */
  readonly isStopped: () => boolean;
  /** Told each time that the same order is about to be sent again. */
  readonly waiting: () => void;
}

export async function sendOrder(draft: Uint8Array, options: SendingOptions): Promise<Answer> {
  const { operator, clock, patienceMs, isStopped, waiting } = options;
  const deadlineMs = clock.nowMs() + patienceMs;
  for (;;) {
    const answer = await operator.issue(draft);
    if (answer.ok) return read(answer.value);
    if (finalCodes.includes(answer.code))
      return { kind: 'refused', code: answer.code, message: answer.message, denied: null, denial: undefined };
    const passes = passingCodes.includes(answer.code) && !isStopped() && clock.nowMs() < deadlineMs;
    if (!passes) return { kind: 'failed', refusal: answer };
    waiting();
    await sleep(pauseMs);
  }
}

function read({ kind, files, denied }: IssuanceAnswer): Answer {
  const { currency } = files;
  if (kind === 'issued' && currency !== undefined) return { kind: 'issued', currency };
  if (kind === 'denied' && denied !== null) {
    return {
      kind: 'refused',
      code: denied.reasons[0] ?? 'denied',
      message: `denied: ${denied.reasons.join(', ')}; nothing was consumed`,
      denied,
      denial: files['denial'] ?? files['controlBit'],
    };
  }
  return {
    kind: 'failed',
    refusal: {
      ok: false,
      code: 'peer_fault',
      message: 'the issuance system answered neither currency nor a denial',
    },
  };
}
