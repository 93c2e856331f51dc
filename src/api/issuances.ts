/** Issuance's resource: a draft in; the signed records, the currency file and the story of the six steps out. */
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { type CborValue, decodeCbor, encodeCbor } from '../kit/encoding.ts';
import { quote, type Result, refuse, succeed } from '../kit/result.ts';
import { fileSizeLimit } from '../records/currency-file.ts';
import { decodeDraft, draftSizeLimit } from '../records/draft.ts';
import { formatUuid } from '../records/request-id.ts';
import type { Issuance, IssuanceOutcome } from '../roles/issuance.ts';
import { credentialsRoute } from './credentials.ts';
import { reasonSchema } from './field-schemas.ts';
import { messageLimit } from './message.ts';
import { draftProblems } from './problem-code.ts';
import { requestsRoute } from './requests.ts';
import { defineRoute } from './route.ts';
import type { Server } from './server.ts';
import { addRoute } from './serving-route.ts';

export const issuancesRoute = defineRoute({
  method: 'POST',
  path: '/issuances',
  operationId: 'issue',
  summary: 'issues what a draft asks for, or gives the denial',
  description:
    "The draft's id, a UUIDv7, is the idempotency key: the same draft gets the same currency for ever, after any crash, and another draft with the id is refused for ever (request_id_conflict). The id is in the draft, and not in a header, since whoever keeps the draft then has the key, and issuance stores, signs and finds the order by it. The header Idempotency-Key (draft-ietf-httpapi-idempotency-key-header) is not needed; where it is sent it has to be that id.",
  peers: ['operator'],
  headers: Type.Object({
    'idempotency-key': Type.Optional(
      Type.String({
        maxLength: 100,
        description: "the draft's id in its UUID text form, with or without the quotes of a structured field",
      }),
    ),
  }),
  body: {
    types: ['application/cbor', 'application/json'],
    limit: draftSizeLimit,
    description: 'a draft with an id, whose owners are commitments',
  },
  answer: {
    type: 'application/cbor',
    description:
      'a map: kind (issued or denied), steps ([[step, name, by, signedBy, detail, ms], …]), denied ([[reason, …], what would pass] or null) and files by name',
    // The currency file, with the request and what is said of the steps.
    limit: fileSizeLimit + messageLimit,
  },
  problems: [
    'draft_empty',
    ...draftProblems,
    'id_missing',
    'idempotency_key_mismatch',
    'owner_not_committed',
    'decision_incomplete',
    'denial_request_mismatch',
    'control_bit_request_mismatch',
    'control_bit_order_denied',
    'control_bit_serial_used',
    'control_bit_root_mismatch',
    'control_bit_key_mismatch',
    'request_closed',
    // The others' refusals are passed on as they are.
    ...requestsRoute.problems,
    ...credentialsRoute.problems,
  ],
});

const text = Type.String({ maxLength: 4_000 });

const stepSchema = Type.Object({
  step: Type.Union(([1, 2, 3, 4, 5, 6] as const).map((step) => Type.Literal(step))),
  name: Type.Union(
    (['request', 'validation', 'credential', 'forwarding', 'control bit', 'currency'] as const).map((name) =>
      Type.Literal(name),
    ),
  ),
  by: Type.Union((['issuance', 'central', 'quota'] as const).map((role) => Type.Literal(role))),
  signedBy: Type.Union([Type.String({ pattern: '^[0-9a-f]{64}$' }), Type.Null()]),
  detail: text,
  ms: Type.Integer({ minimum: 0 }),
});

/** What the caller of `POST /issuances` gets: CBOR, a map with text keys. */
export interface IssuanceAnswer {
  readonly kind: IssuanceOutcome['kind'];
  readonly steps: readonly Static<typeof stepSchema>[];
  /** Of a denied order: why, and the largest amount in minor units that would pass, where that is known. */
  readonly denied: { readonly reasons: readonly string[]; readonly wouldPass: bigint | null } | null;
  /** By name: `controlBit` and `currency`, or what shows the denial; `request` where it has no order of another caller. */
  readonly files: Readonly<Record<string, Uint8Array>>;
}

const reasonsSchema = Type.Array(reasonSchema, { minItems: 1, maxItems: 64 });

const fileNames = ['request', 'controlBit', 'currency', 'denial'] as const;

export function addIssuances(server: Server, issuance: Issuance): void {
  addRoute(server, issuancesRoute, async ({ body, headers }) => {
    const key = checkKey(headers['idempotency-key'], body);
    if (!key.ok) return key;
    const outcome = await issuance.issue(body);
    return outcome.ok ? succeed({ bytes: encodeAnswer(outcome.value) }) : outcome;
  });
}

/** Holds the header, where it is sent, against the id that counts: one issue has one key. */
function checkKey(header: string | undefined, body: Uint8Array): Result<null> {
  if (header === undefined) return succeed(null);
  const draft = decodeDraft(body);
  if (!draft.ok) return draft;
  const id = draft.value.id === undefined ? undefined : formatUuid(draft.value.id);
  // What has no id is refused by issuance, which says how to get one.
  if (id === undefined || /^("?)(.*)\1$/.exec(header)?.[2]?.toLowerCase() === id) return succeed(null);
  return refuse(
    'idempotency_key_mismatch',
    `Idempotency-Key ${quote(header)}: the draft's id, ${id}, is accepted, or no such header`,
    'idempotency-key',
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

/** Reads an answer back; refuses as `peer_fault` whatever `encodeAnswer` does not make. */
export function decodeAnswer(bytes: Uint8Array): Result<IssuanceAnswer, 'peer_fault'> {
  const decoded = decodeCbor(bytes);
  if (!decoded.ok || !(decoded.value instanceof Map)) return notAnAnswer('a CBOR map');
  const answer: ReadonlyMap<number | string, CborValue> = decoded.value;
  const kind = answer.get('kind');
  if (answer.size !== 4 || (kind !== 'issued' && kind !== 'denied'))
    return notAnAnswer('kind, steps, denied and files');
  const steps = decodeSteps(answer.get('steps'));
  if (steps === undefined) return notAnAnswer('at most six steps');
  const denied = decodeDenied(answer.get('denied'));
  if (denied === undefined || (denied === null) !== (kind === 'issued'))
    return notAnAnswer('reasons of a denial, and of nothing else');
  const files = decodeFiles(answer.get('files'));
  if (files === undefined || !isWhole(kind, files)) return notAnAnswer('the files of what it tells');
  return succeed({ kind, steps, denied, files });
}

/** Null where nothing was denied, `undefined` where it cannot be read. */
function decodeDenied(value: CborValue | undefined): IssuanceAnswer['denied'] | undefined {
  if (value === null) return null;
  if (!Array.isArray(value) || value.length !== 2) return undefined;
  const [reasons, wouldPass] = value as readonly CborValue[];
  if (!Value.Check(reasonsSchema, reasons)) return undefined;
  if (wouldPass === null) return { reasons, wouldPass };
  if (typeof wouldPass !== 'number' || wouldPass < 0) return undefined;
  return { reasons, wouldPass: BigInt(wouldPass) };
}

function decodeFiles(value: CborValue | undefined): Record<string, Uint8Array> | undefined {
  if (!(value instanceof Map)) return undefined;
  const files: Record<string, Uint8Array> = {};
  for (const [name, file] of value as ReadonlyMap<number | string, CborValue>) {
    // A name becomes the name of a file at the caller's.
    if (!fileNames.some((known) => known === name) || !(file instanceof Uint8Array)) return undefined;
    files[name] = file;
  }
  return files;
}

function isWhole(
  kind: IssuanceAnswer['kind'],
  { controlBit, currency, denial }: Record<string, Uint8Array>,
): boolean {
  return kind === 'issued'
    ? controlBit !== undefined && currency !== undefined && denial === undefined
    : currency === undefined && (denial === undefined) !== (controlBit === undefined);
}

function decodeSteps(value: CborValue | undefined): Static<typeof stepSchema>[] | undefined {
  if (!Array.isArray(value) || value.length > 6) return undefined;
  const steps: Static<typeof stepSchema>[] = [];
  for (const item of value as readonly CborValue[]) {
    if (!Array.isArray(item) || item.length !== 6) return undefined;
    const [step, name, by, signedBy, detail, ms] = item as readonly CborValue[];
    const read = { step, name, by, signedBy, detail, ms };
    if (!Value.Check(stepSchema, read)) return undefined;
    steps.push(read);
  }
  return steps;
}

function notAnAnswer(expected: string) {
  return refuse('peer_fault', `the issuance system's answer cannot be read: ${expected} is expected`);
}
