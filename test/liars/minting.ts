/** Currency as a lying issuance signs it over control bits that it has, in every way that it can think of: what a verifier takes for authentic is counted. */
import { sha256 } from '../../src/kit/bytes.ts';
import { claim } from '../../src/records/claims.ts';
import { type ControlBit, decodeControlBit, encodeControlBit } from '../../src/records/control-bit.ts';
import { encodeCurrencyRecord } from '../../src/records/currency.ts';
import { encodeCurrencyFile, partExtractor, wholeBatch } from '../../src/records/currency-file.ts';
import { buildTree, leafHash } from '../../src/records/merkle.ts';
import { encodeCurrency, type Lot, lotsOf, type Request } from '../../src/records/request.ts';
import { select } from '../../src/records/selection.ts';
import { decodeUnit, deriveLeaves, encodeUnit } from '../../src/records/unit.ts';
import { encodeUnitFile } from '../../src/records/unit-file.ts';
import type { Draw } from '../crash/draw.ts';
import { flipped, signAs, withClaims } from './forgery.ts';
import type { LiarKeys } from './keys.ts';

/** A control bit with all that its units follow from. */
export interface Grant {
  readonly bytes: Uint8Array;
  readonly bit: ControlBit;
  readonly request: Request;
  readonly seed: Uint8Array;
}

export function grantOf(bytes: Uint8Array, request: Request, seed: Uint8Array): Grant {
  const decoded = decodeControlBit(bytes);
  if (!decoded.ok) throw new Error(decoded.message);
  return { bytes, bit: decoded.value.record, request, seed };
}

function lotsUnder({ bit, request }: Grant): Lot[] {
  return lotsOf(select(request.orders, bit.orders) ?? []);
}

function leavesOf(grant: Grant, lots = lotsUnder(grant), changed: Partial<ControlBit> = {}): Uint8Array[] {
  const { request, seed } = grant;
  const bit = { ...grant.bit, ...changed };
  return deriveLeaves({ ...bit, lots, notBefore: bit.issuedAt, seed, currency: request.currency });
}

/** The bytes to be signed of the currency as an honest issuance has them. */
function recordOf({ bit, bytes }: Grant, root: Uint8Array, keyId: Uint8Array): Uint8Array {
  const { requestId, issuer, issuedAt, epoch, sequence, count, total, currency } = bit;
  const record = { requestId, issuer, issuedAt, epoch, sequence, root, count, total, currency };
  return encodeCurrencyRecord({ ...record, controlBitHash: sha256(bytes) }, keyId);
}

/** Every unit of the grant, as an honest issuance makes them. */
export async function mintHonestly(grant: Grant, keys: LiarKeys): Promise<Uint8Array> {
  const signer = keys.of.issuance;
  const leaves = leavesOf(grant);
  const tree = buildTree(leaves);
  const currencyRecord = await signAs(signer, recordOf(grant, tree.root, signer.publicKey.keyId));
  return encodeCurrencyFile(wholeBatch({ currencyRecord, controlBit: grant.bytes, leaves }));
}

type Mint = (of: { grant: Grant; other: Grant; keys: LiarKeys; draw: Draw }) => Promise<Uint8Array>;

/** The group order of P-256 (SEC 2 §2.4.2). */
const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** (r, n − s) is a signature over the same bytes: whoever sees a control bit can make a second one of the same content. */
function secondSignature(record: Uint8Array): Uint8Array {
  const twin = Uint8Array.from(record);
  const s = BigInt(`0x${Buffer.from(record.slice(-32)).toString('hex')}`);
  twin.set(Buffer.from((order - s).toString(16).padStart(64, '0'), 'hex'), twin.length - 32);
  return twin;
}

/** A batch of `leaves` with a record of any claims. */
async function forged(
  grant: Grant,
  keys: LiarKeys,
  changed: {
    leaves?: Uint8Array[];
    claims?: Parameters<typeof withClaims>[1];
    first?: number;
    bit?: Uint8Array;
    by?: 'issuance' | 'revoked' | 'other';
  },
): Promise<Uint8Array> {
  const signer = keys.of[changed.by ?? 'issuance'];
  const leaves = changed.leaves ?? leavesOf(grant);
  const controlBit = changed.bit ?? grant.bytes;
  const honest = recordOf({ ...grant, bytes: controlBit }, buildTree(leaves).root, signer.publicKey.keyId);
  const currencyRecord = await signAs(signer, withClaims(honest, changed.claims ?? []));
  return encodeCurrencyFile({
    ...wholeBatch({ currencyRecord, controlBit, leaves }),
    first: changed.first ?? 0,
  });
}

/** Where the first unit is worth more. */
function raised(leaves: readonly Uint8Array[], by: bigint): Uint8Array[] {
  return leaves.map((leaf, place) => {
    const unit = decodeUnit(leaf);
    if (!unit.ok || place > 0) return leaf;
    return encodeUnit({ ...unit.value, value: unit.value.value + by });
  });
}

const doubled = (grant: Grant): Lot[] => lotsUnder(grant).map((lot) => ({ ...lot, value: lot.value * 2n }));

export const mints: Readonly<Record<string, Mint>> = {
  honestly: ({ grant, keys }) => mintHonestly(grant, keys),
  'other lots': ({ grant, keys }) => forged(grant, keys, { leaves: leavesOf(grant, doubled(grant)) }),
  'lots of another order': ({ grant, keys, other }) =>
    forged(grant, keys, { leaves: leavesOf(grant, lotsUnder(other)) }),
  'a raised unit': ({ grant, keys }) => forged(grant, keys, { leaves: raised(leavesOf(grant), 1n) }),
  'units of all orders, denied ones too': ({ grant, keys }) =>
    forged(grant, keys, { leaves: leavesOf(grant, lotsOf(grant.request.orders)) }),
  'another seed': ({ grant, keys, draw }) =>
    forged(grant, keys, { leaves: leavesOf({ ...grant, seed: draw.bytes(32) }) }),
  'another serial': ({ grant, keys }) =>
    forged(grant, keys, {
      leaves: leavesOf(grant, undefined, { sequence: grant.bit.sequence + 1 }),
      claims: [[claim.sequence, grant.bit.sequence + 1]],
    }),
  'one unit more': ({ grant, keys }) => {
    const leaves = leavesOf(grant);
    return forged(grant, keys, { leaves: [...leaves, ...leaves.slice(0, 1)] });
  },
  'a wrong count': ({ grant, keys }) => forged(grant, keys, { claims: [[claim.count, grant.bit.count + 1]] }),
  'a wrong total': ({ grant, keys }) =>
    forged(grant, keys, { claims: [[claim.total, grant.bit.total * 10n]] }),
  'another currency': ({ grant, keys }) =>
    forged(grant, keys, { claims: [[claim.currency, encodeCurrency({ code: 'JPY', exponent: 0 })]] }),
  'dated ahead': ({ grant, keys }) =>
    forged(grant, keys, { claims: [[claim.issuedAt, grant.bit.issuedAt + 300 * 86_400]] }),
  'dated back': ({ grant, keys }) =>
    forged(grant, keys, { claims: [[claim.issuedAt, grant.bit.issuedAt - 86_000]] }),
  'with a revoked key, dated back': ({ grant, keys }) =>
    forged(grant, keys, { by: 'revoked', claims: [[claim.issuedAt, grant.bit.issuedAt - 80_000]] }),
  "another issuer's name": ({ grant, keys }) =>
    forged(grant, keys, { claims: [[claim.issuer, 'other-issuer']] }),
  "another's control bit": ({ other, keys }) => forged(other, keys, {}),
  'the units of one under the control bit of another': ({ grant, other, keys }) =>
    forged(other, keys, { leaves: leavesOf(grant) }),
  'a second signature of the control bit': ({ grant, keys }) =>
    forged(grant, keys, { bit: secondSignature(grant.bytes) }),
  'a control bit with a bit flipped': ({ grant, keys, draw }) =>
    forged(grant, keys, { bit: flipped(grant.bytes, draw) }),
  'a control bit of its own': async ({ grant, keys }) => {
    const signer = keys.of.issuance;
    const leaves = leavesOf(grant, doubled(grant));
    const more = { ...grant.bit, root: buildTree(leaves).root, total: grant.bit.total * 2n };
    return forged(grant, keys, {
      leaves,
      bit: await signAs(signer, encodeControlBit(more, signer.publicKey.keyId)),
      claims: [[claim.total, more.total]],
    });
  },
  'a part at another place': async ({ grant, keys, draw }) => {
    const part = await partOf(grant, keys, draw);
    return encodeCurrencyFile({ ...part, first: part.first + 1 });
  },
  'a part': async ({ grant, keys, draw }) => encodeCurrencyFile(await partOf(grant, keys, draw)),
  'a part for the whole': async ({ grant, keys, draw }) => {
    const part = await partOf(grant, keys, draw);
    return encodeCurrencyFile({ ...part, first: 0, proof: { left: [], right: [] } });
  },
  'a part with a raised unit': async ({ grant, keys, draw }) => {
    const part = await partOf(grant, keys, draw);
    return encodeCurrencyFile({ ...part, leaves: raised(part.leaves, 1n) });
  },
  'a unit': ({ grant, keys, draw }) => unitOf(grant, keys, draw, (leaf) => leaf),
  'a raised unit with its proof': ({ grant, keys, draw }) =>
    unitOf(grant, keys, draw, (leaf) => raised([leaf], 5n)[0] ?? leaf),
  'an inner node for a unit': ({ grant, keys, draw }) => unitOf(grant, keys, draw, (leaf) => leafHash(leaf)),
  'a unit for another place': ({ grant, keys, draw }) =>
    unitOf(grant, keys, draw, (leaf) => {
      const unit = decodeUnit(leaf);
      return unit.ok ? encodeUnit({ ...unit.value, index: unit.value.index + 1 }) : leaf;
    }),
};

async function partOf(grant: Grant, keys: LiarKeys, draw: Draw) {
  const signer = keys.of.issuance;
  const leaves = leavesOf(grant);
  const tree = buildTree(leaves);
  const currencyRecord = await signAs(signer, recordOf(grant, tree.root, signer.publicKey.keyId));
  const first = draw.below(leaves.length);
  const part = partExtractor({ currencyRecord, controlBit: grant.bytes, leaves }, tree);
  return part(first, 1 + draw.below(leaves.length - first));
}

async function unitOf(
  grant: Grant,
  keys: LiarKeys,
  draw: Draw,
  change: (leaf: Uint8Array) => Uint8Array,
): Promise<Uint8Array> {
  const signer = keys.of.issuance;
  const leaves = leavesOf(grant);
  const tree = buildTree(leaves);
  const currencyRecord = await signAs(signer, recordOf(grant, tree.root, signer.publicKey.keyId));
  const index = draw.below(leaves.length);
  return encodeUnitFile(
    { currencyRecord, controlBit: grant.bytes },
    change(leaves[index] ?? new Uint8Array()),
    index,
    tree,
  );
}
