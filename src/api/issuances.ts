/** Issuance's resource: a draft in; the signed records, the currency file and the story of the six steps out. */
import { type CborValue, decodeCbor, encodeCbor } from '../kit/encoding.ts';
import { assert } from '../kit/result.ts';
import { draftSizeLimit } from '../records/draft.ts';
import type { Issuance, IssuanceOutcome, IssuanceStep } from '../roles/issuance.ts';
import { sendProblem } from './problem.ts';
import { bodyOf, onlyFor, type Server } from './server.ts';

/** What the caller of `POST /issuances` gets: CBOR, a map with text keys. */
export interface IssuanceAnswer {
  readonly kind: IssuanceOutcome['kind'];
  readonly steps: readonly IssuanceStep[];
  /** Of a denied order: why, and the largest amount in minor units that would pass, where that is known. */
  readonly denied: { readonly reasons: readonly string[]; readonly wouldPass: bigint | null } | null;
  /** By name: `controlBit` and `currency`, or what shows the denial; `request` where it has no order of another caller. */
  readonly files: Readonly<Record<string, Uint8Array>>;
}

export function addIssuances(server: Server, issuance: Issuance): void {
  server.post(
    '/issuances',
    { bodyLimit: draftSizeLimit },
    onlyFor(['operator'], async (request, reply) => {
      const outcome = await issuance.issue(bodyOf(request));
      if (!outcome.ok) return sendProblem(reply, outcome);
      return reply
        .code(200)
        .type('application/cbor')
        .send(Buffer.from(encodeAnswer(outcome.value)));
    }),
  );
}

function encodeAnswer(outcome: IssuanceOutcome): Uint8Array {
  const steps = outcome.steps.map(
    (step): CborValue => [step.step, step.name, step.by, step.signedBy, step.detail, step.ms],
  );
  return encodeCbor(
    new Map<string, CborValue>([
      ['kind', outcome.kind],
      ['steps', steps],
      ['denied', outcome.kind === 'issued' ? null : [outcome.denial.reasons, outcome.denial.wouldPass]],
      ['files', new Map<string, CborValue>(Object.entries(outcome.files))],
    ]),
  );
}

/** Reads an answer back; throws on a shape that `encodeAnswer` does not make, which is a broken peer. */
export function decodeAnswer(bytes: Uint8Array): IssuanceAnswer {
  const decoded = decodeCbor(bytes);
  assert(decoded.ok && decoded.value instanceof Map, 'an issuance answer is a CBOR map');
  const kind = decoded.value.get('kind');
  const steps = decoded.value.get('steps');
  const files = decoded.value.get('files');
  const denied = decoded.value.get('denied');
  assert(
    (kind === 'issued' || kind === 'denied') && Array.isArray(steps) && files instanceof Map,
    'an issuance answer has kind, steps and files',
  );
  return {
    kind,
    denied: Array.isArray(denied)
      ? { reasons: denied[0] as string[], wouldPass: denied[1] === null ? null : BigInt(denied[1] as number) }
      : null,
    steps: steps.map(
      ([step, name, by, signedBy, detail, ms]) => ({ step, name, by, signedBy, detail, ms }) as IssuanceStep,
    ),
    files: Object.fromEntries(files) as Record<string, Uint8Array>,
  };
}
