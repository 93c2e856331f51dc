/** Currency whose owners are keys, issued by the three authorities of a test, and what those owners sign. */
import { sha256, toHex, utf8 } from '../../src/kit/bytes.ts';
import type { Result } from '../../src/kit/result.ts';
import { encodeControlBit } from '../../src/records/control-bit.ts';
import { attachSignature } from '../../src/records/cose.ts';
import { encodeCurrencyRecord } from '../../src/records/currency.ts';
import {
  type CurrencyFile,
  decodeCurrencyFile,
  encodeCurrencyFile,
  wholeBatch,
} from '../../src/records/currency-file.ts';
import { encodeDraft } from '../../src/records/draft.ts';
import { buildRange, leafHash, merkleRoot } from '../../src/records/merkle.ts';
import { ownerOfKey } from '../../src/records/owner.ts';
import { encodeRetirement, type Retirement } from '../../src/records/retirement.ts';
import { encodeRetirementFile, type RetirementParts } from '../../src/records/retirement-file.ts';
import { encodeTransfer, type Transfer } from '../../src/records/transfer.ts';
import { keySetId } from '../../src/records/trust-bundle.ts';
import { commitOwner, decodeUnit, deriveLeaves } from '../../src/records/unit.ts';
import { unitExtractor } from '../../src/records/unit-file.ts';
import { accepted, fill, type TestKey, testKey } from '../records/samples.ts';
import { type Authorities, issuer, type Tokens } from './authorities.ts';

export const euro = { code: 'EUR', exponent: 2 } as const;
export const ann = testKey('ann');
export const ben = testKey('ben');

/** Of this owner's n-th lot. */
export function blindingOf(owner: TestKey, lot = 0): Uint8Array {
  return sha256(utf8(`blinding ${lot} of ${toHex(owner.key.keyId)}`));
}

export interface OwnedLot {
  readonly owner: TestKey;
  readonly value: bigint;
  readonly count: number;
}

/** A currency file as it was handed out; each lot has the blinding of its number. */
export interface OwnedCurrency {
  readonly file: CurrencyFile;
  readonly bytes: Uint8Array;
  readonly lots: readonly OwnedLot[];
}

export async function issueOwned(
  authorities: Authorities,
  lots: readonly OwnedLot[],
  redeemUntil?: number,
): Promise<OwnedCurrency> {
  const { clock, issuance } = authorities;
  const draft = encodeDraft({
    id: nextId(clock.nowMs()),
    currency: euro,
    total: lots.reduce((sum, { value, count }) => sum + value * BigInt(count), 0n),
    lots: lots.map(({ owner, value, count }, lot) => ({
      value,
      count,
      owner: { commitment: commitOwner(ownerOfKey(owner.key.keyId), blindingOf(owner, lot)) },
    })),
    purpose: 'test',
    origin: 'DE',
    destination: 'DE',
    ...(redeemUntil === undefined ? {} : { redeemUntil }),
  });
  const outcome = accepted(await issuance.issue(draft));
  if (outcome.kind !== 'issued') throw new Error('denied');
  const bytes = outcome.files.currency;
  return { file: accepted(decodeCurrencyFile(bytes)), bytes, lots };
}

/** A batch of two units of ann that both authorities signed, with stolen keys: quota control never took quota for it. */
export async function forgeOwned(
  tokens: Tokens,
  { clock }: Pick<Authorities, 'clock'>,
  serial: { readonly epoch: number; readonly sequence: number },
): Promise<OwnedCurrency> {
  const now = clock.nowSeconds();
  const owner = commitOwner(ownerOfKey(ann.key.keyId), blindingOf(ann));
  const keySet = keySetId(tokens.bundle);
  const shared = { ...serial, reservation: fill(16, 1), redeemUntil: now + 86_400 };
  const leaves = deriveLeaves({
    ...shared,
    currency: euro,
    lots: [{ value: 5_000n, count: 2, owner }],
    keySet,
    notBefore: now,
    seed: fill(32, 2),
  });
  const root = merkleRoot(leaves);
  const requestId = fill(16, 3);
  const common = { requestId, issuer, issuedAt: now, root, count: 2, total: 10_000n, currency: euro };
  const bit = encodeControlBit(
    {
      ...shared,
      ...common,
      keySet,
      requestHash: fill(32, 4),
      orders: [{ first: 0, count: 1 }],
      issuanceKey: tokens.of.issuance.publicKey.keyId,
    },
    tokens.of.quota.publicKey.keyId,
  );
  const controlBit = attachSignature(bit, await tokens.of.quota.sign(bit));
  const record = encodeCurrencyRecord(
    { ...serial, ...common, controlBitHash: sha256(controlBit) },
    tokens.of.issuance.publicKey.keyId,
  );
  const currencyRecord = attachSignature(record, await tokens.of.issuance.sign(record));
  const file = wholeBatch({ currencyRecord, controlBit, leaves });
  return { file, bytes: encodeCurrencyFile(file), lots: [{ owner: ann, value: 5_000n, count: 2 }] };
}

let drawn = 0;

/** UUIDs that are new in this process, and the same in each run. */
export function nextId(nowMs: number): Uint8Array {
  const id = sha256(utf8(`id ${nowMs} ${drawn++}`)).slice(0, 16);
  id[6] = 0x70 | ((id[6] ?? 0) & 0x0f);
  id[8] = 0x80 | ((id[8] ?? 0) & 0x3f);
  return id;
}

export interface RetirementChanges {
  readonly record?: Partial<Retirement>;
  /** Instead of the unit files of the places. */
  readonly files?: readonly Uint8Array[];
  readonly blinding?: Uint8Array;
  /** Instead of the owner's key, whose id the record has all the same. */
  readonly signer?: TestKey;
}

/** The retirement file by which `owner` retires the units at these places of the file. */
export function retirementOf(
  authorities: Authorities,
  owner: TestKey,
  { file, lots }: OwnedCurrency,
  places: readonly number[],
  changes: RetirementChanges = {},
): Uint8Array {
  return encodeRetirementFile(retirementParts(authorities, owner, { file, lots }, places, changes));
}

export function retirementParts(
  { clock }: Pick<Authorities, 'clock'>,
  owner: TestKey,
  { file, lots }: Pick<OwnedCurrency, 'file' | 'lots'>,
  places: readonly number[],
  { record: changed = {}, files, blinding, signer = owner }: RetirementChanges = {},
): RetirementParts {
  const extractor = accepted(unitExtractor(file));
  const lotOf = lots.flatMap(({ count }, lot) => Array.from({ length: count }, () => lot));
  const units = places
    .map((place) => {
      const leaf = file.leaves[place - file.first] ?? new Uint8Array();
      const { value } = accepted(decodeUnit(leaf));
      return { place, hash: leafHash(leaf), value, blinding: blindingOf(owner, lotOf[place] ?? 0) };
    })
    .sort((a, b) => (toHex(a.hash) < toHex(b.hash) ? -1 : 1));
  const now = clock.nowSeconds();
  const record: Retirement = {
    id: nextId(clock.nowMs()),
    issuer,
    issuedAt: now,
    expiresAt: now + 3_600,
    currency: euro,
    total: units.reduce((sum, { value }) => sum + value, 0n),
    ownerKey: owner.key,
    creditTo: null,
    reason: 'test',
    units: units.map(({ hash }) => hash),
    ...changed,
  };
  const toBeSigned = encodeRetirement(record);
  return {
    retirement: attachSignature(toBeSigned, signer.sign(toBeSigned)),
    files: files ?? units.map(({ place }) => extractor.extract(place)),
    blindings: record.units.map((_, index) => blinding ?? units[index]?.blinding ?? new Uint8Array(32)),
  };
}

/** The currency file of the units [first, first + count) of a file. */
export function partOf(
  { file }: OwnedCurrency,
  first: number,
  count: number,
  batchCount: number,
): Uint8Array {
  const tree = buildRange(file.leaves, file.first, batchCount, file.proof);
  if (tree === undefined) throw new Error('the file fits its batch');
  const from = first - file.first;
  const leaves = file.leaves.slice(from, from + count);
  return encodeCurrencyFile({ ...file, first, leaves, proof: tree.rangeProof(first, count) });
}

export function transferOf(
  { clock }: Pick<Authorities, 'clock'>,
  owner: TestKey,
  total: bigint,
  to: TestKey | null,
  changed: Partial<Transfer> = {},
  signer = owner,
): Uint8Array {
  const now = clock.nowSeconds();
  const record: Transfer = {
    id: nextId(clock.nowMs()),
    issuer,
    issuedAt: now,
    expiresAt: now + 3_600,
    currency: euro,
    total,
    ownerKey: owner.key,
    creditTo: to?.key.keyId ?? null,
    reason: 'test',
    ...changed,
  };
  const toBeSigned = encodeTransfer(record);
  return attachSignature(toBeSigned, signer.sign(toBeSigned));
}

/** The code of a refusal; throws where it was accepted. */
export function codeOf(result: Result<unknown>): string {
  if (result.ok) throw new Error('it was accepted');
  return result.code;
}
