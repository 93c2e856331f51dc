/** Quota control's resources for what owners do: units retired, amounts moved between accounts, and the register of both. */
import { type Static, Type } from 'typebox';
import { fromHex, toHex } from '../kit/bytes.ts';
import { assert, type Result, refuse, succeed } from '../kit/result.ts';
import { formatUuid, parseUuid } from '../records/request-id.ts';
import { retiredUnitLimit } from '../records/retirement.ts';
import { retirementFileSizeLimit } from '../records/retirement-file.ts';
import { decodeSettlement } from '../records/settlement.ts';
import type { Asking, Balance, Settlements, UnitRange, UnitStanding } from '../roles/settlements.ts';
import { hashSchema, minorUnitsSchema, uuidPattern } from './field-schemas.ts';
import { reportLimit } from './message.ts';
import type { Peer } from './peer.ts';
import { deviceProblems, recordProblems, storeProblems, witnessProblems } from './problem-code.ts';
import { defineRoute } from './route.ts';
import type { Server } from './server.ts';
import { addRoute } from './serving-route.ts';

/** A transfer has some 500 bytes, and a reason of 140 characters at most. */
const transferLimit = 16 * 1024;
/** A settlement has some 500 bytes. */
const settlementLimit = 16 * 1024;

const settlementProblems = [
  ...recordProblems,
  'issuer_mismatch',
  'request_id_conflict',
  'request_not_yet_valid',
  'request_expired',
  'quota_missing',
  ...deviceProblems,
  ...storeProblems,
  ...witnessProblems,
] as const;

const idempotent =
  'The id in the record is the idempotency key: the same bytes get the same settlement for ever, and other bytes under that id are refused. An issuer may bring what is of its own currency, an operator any.';

const settlementAnswer = {
  type: 'application/cose',
  description: 'the settlement, COSE_Sign1: a receipt that anybody can verify offline',
  limit: settlementLimit,
} as const;

export const retirementsRoute = defineRoute({
  method: 'POST',
  path: '/retirements',
  operationId: 'retireUnits',
  summary:
    'takes units out of circulation, by proof of their owner; for good, or to have an account credited',
  description: idempotent,
  peers: ['operator', 'issuance'],
  body: {
    types: ['application/cbor'],
    limit: retirementFileSizeLimit,
    description:
      'a retirement file: the signed retirement, the files that hold its units, and their blindings',
  },
  answer: settlementAnswer,
  problems: [
    ...settlementProblems,
    'file_empty',
    'file_not_verifiable',
    'bundle_not_yet_valid',
    'bundle_expired',
    'proof_mismatch',
    'merkle_root_mismatch',
    'control_bit_mismatch',
    'issuance_key_mismatch',
    'unit_mismatch',
    'unit_expired',
    'total_mismatch',
    'retirement_mismatch',
    'owner_mismatch',
    'unit_unknown',
    'unit_spent',
    'outstanding_exceeded',
  ],
});

export const transfersRoute = defineRoute({
  method: 'POST',
  path: '/transfers',
  operationId: 'transferAmount',
  summary: 'has an amount leave an account, by its key; to another account, or retired for good',
  description: idempotent,
  peers: ['operator', 'issuance'],
  body: {
    types: ['application/cose'],
    limit: transferLimit,
    description: 'a transfer, signed by the key of the account that is debited',
  },
  answer: settlementAnswer,
  problems: [...settlementProblems, 'balance_too_low'],
});

/** By the id of what was settled: whoever has lost the receipt, or was not the one who sent it. */
function receiptRoute<const Path extends '/retirements' | '/transfers'>(
  path: Path,
  operationId: string,
  what: string,
) {
  return defineRoute({
    method: 'GET',
    path,
    operationId,
    summary: `the settlement of a ${what}, by its id`,
    description:
      'The same bytes that whoever sent it got. An issuer may ask for what is of its own currency, an operator for any. Nothing is signed for it.',
    peers: ['operator', 'issuance'],
    query: Type.Object(
      { id: Type.String({ pattern: uuidPattern, description: `of the ${what}` }) },
      { additionalProperties: false },
    ),
    answer: settlementAnswer,
    problems: ['settlement_unknown', 'issuer_mismatch', ...storeProblems],
  });
}

export const retirementReceiptRoute = receiptRoute('/retirements', 'readRetirement', 'retirement');
export const transferReceiptRoute = receiptRoute('/transfers', 'readTransfer', 'transfer');

/** Of a query, where everything is text. */
const whole = (description: string) => Type.String({ pattern: '^[0-9]{1,10}$', description });

export const unitsRoute = defineRoute({
  method: 'GET',
  path: '/units',
  operationId: 'readUnits',
  summary: 'which units of a batch are spent, and by which retirement',
  description:
    'It says nothing of whether a unit is authentic: that is verified offline, with its file, whose root has to be the one that is answered here. An issuer may ask for its own.',
  peers: ['operator', 'issuance'],
  query: Type.Object(
    {
      epoch: whole('of the control bit'),
      sequence: whole('of the control bit'),
      first: whole('place of the first unit in the batch'),
      count: whole(`how many, from 1 to ${retiredUnitLimit}`),
    },
    { additionalProperties: false },
  ),
  answer: {
    type: 'application/json',
    description: 'the batch, and those units of the range that are spent',
    schema: Type.Object({
      issuer: Type.String({ pattern: '^[a-z0-9-]{1,64}$' }),
      currency: Type.String({ pattern: '^[A-Z]{3}$' }),
      root: hashSchema,
      spent: Type.Array(
        Type.Object({
          index: Type.Integer({ minimum: 0, description: 'place in the batch' }),
          by: Type.String({ pattern: '^[0-9a-f]{32}$', description: 'id of the retirement' }),
        }),
      ),
    }),
    limit: reportLimit,
  },
  problems: ['issuer_mismatch', 'unit_unknown', ...storeProblems],
});

export const accountsRoute = defineRoute({
  method: 'GET',
  path: '/accounts',
  operationId: 'readAccount',
  summary: 'what an account has, by issuer and currency; an issuer sees its own currency only',
  peers: ['operator', 'issuance'],
  query: Type.Object(
    {
      account: Type.String({ pattern: '^[0-9a-f]{64}$', description: 'id of its key, 64 small hex digits' }),
    },
    { additionalProperties: false },
  ),
  answer: {
    type: 'application/json',
    description: 'the balances above zero; an account that was never credited has none',
    schema: Type.Object({
      balances: Type.Array(
        Type.Object({
          issuer: Type.String({ pattern: '^[a-z0-9-]{1,64}$' }),
          currency: Type.String({ pattern: '^[A-Z]{3}$' }),
          amount: minorUnitsSchema,
        }),
      ),
    }),
    limit: reportLimit,
  },
  problems: storeProblems,
});

export function addSettlements(server: Server, settlements: Settlements): void {
  addRoute(server, retirementsRoute, async ({ body, peer }) => {
    return answerReceipt(await settlements.retire(body, askingOf(peer)));
  });
  addRoute(server, transfersRoute, async ({ body, peer }) => {
    return answerReceipt(await settlements.transfer(body, askingOf(peer)));
  });
  addRoute(server, retirementReceiptRoute, async ({ query, peer }) =>
    answerReceipt(await settlements.receipt('retirement', idOf(query), askingOf(peer))),
  );
  addRoute(server, transferReceiptRoute, async ({ query, peer }) =>
    answerReceipt(await settlements.receipt('transfer', idOf(query), askingOf(peer))),
  );
  addRoute(server, unitsRoute, async ({ query, peer }) => {
    const range = readRange(query);
    if (!range.ok) return range;
    const standing = await settlements.units(range.value, askingOf(peer));
    return standing.ok ? succeed({ json: standingJson(standing.value) }) : standing;
  });
  addRoute(server, accountsRoute, async ({ query, peer }) => {
    const account = fromHex(query.account);
    assert(account?.length === 32, 'the schema lets through 64 hex digits');
    const balances = await settlements.account(account, askingOf(peer));
    return succeed({ json: { balances: balances.map(balanceJson) } });
  });
}

function answerReceipt(settlement: Result<Uint8Array>): Result<{ readonly bytes: Uint8Array }> {
  return settlement.ok ? succeed({ bytes: settlement.value }) : settlement;
}

function idOf({ id }: { readonly id: string }): Uint8Array {
  const bytes = parseUuid(id);
  assert(bytes !== undefined, 'the schema lets through UUIDs only');
  return bytes;
}

function askingOf({ role, name }: Peer): Asking {
  return role === 'issuance' ? { issuer: name } : 'operator';
}

function readRange(query: Record<keyof UnitRange, string>): Result<UnitRange, 'parameter_invalid'> {
  const range = {
    epoch: Number(query.epoch),
    sequence: Number(query.sequence),
    first: Number(query.first),
    count: Number(query.count),
  };
  if (range.count >= 1 && range.count <= retiredUnitLimit) return succeed(range);
  return refuse(
    'parameter_invalid',
    `parameter \`count\`: a whole number from 1 to ${retiredUnitLimit} is accepted, not \`${range.count}\``,
    'count',
  );
}

export function unitsQuery({ epoch, sequence, first, count }: UnitRange): Record<keyof UnitRange, string> {
  return {
    epoch: String(epoch),
    sequence: String(sequence),
    first: String(first),
    count: String(count),
  };
}

export function receiptQuery(id: Uint8Array): { readonly id: string } {
  return { id: formatUuid(id) };
}

export function accountQuery(account: Uint8Array): { readonly account: string } {
  return { account: toHex(account) };
}

/** A settlement as quota control answered it; that it is the right one, its reader verifies. */
export function readSettlement(bytes: Uint8Array): Result<Uint8Array, 'peer_fault'> {
  const decoded = decodeSettlement(bytes);
  if (decoded.ok) return succeed(bytes);
  return refuse('peer_fault', `the quota system answered no settlement: ${decoded.message}`);
}

function standingJson({ root, spent, ...rest }: UnitStanding): Static<typeof unitsRoute.answer.schema> {
  return { ...rest, root: toHex(root), spent: spent.map(({ index, by }) => ({ index, by: toHex(by) })) };
}

function balanceJson({
  issuer,
  currency,
  amount,
}: Balance): Static<typeof accountsRoute.answer.schema>['balances'][number] {
  return { issuer, currency, amount: String(amount) };
}

/** Reads back what fits its schema. */
export function standingFromJson(json: Static<typeof unitsRoute.answer.schema>): UnitStanding {
  return {
    ...json,
    root: bytesOf(json.root),
    spent: json.spent.map(({ index, by }) => ({ index, by: bytesOf(by) })),
  };
}

export function balancesFromJson(json: Static<typeof accountsRoute.answer.schema>): readonly Balance[] {
  return json.balances.map((balance) => ({ ...balance, amount: BigInt(balance.amount) }));
}

function bytesOf(hex: string): Uint8Array {
  const bytes = fromHex(hex);
  assert(bytes !== undefined, 'the schema lets through hex only');
  return bytes;
}
