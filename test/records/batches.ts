/** Whole batches for tests: units derived from lots, signed by both authorities, each part open to a change. */
import { sha256 } from '../../src/kit/bytes.ts';
import { type ControlBit, encodeControlBit } from '../../src/records/control-bit.ts';
import { type CurrencyRecord, encodeCurrencyRecord } from '../../src/records/currency.ts';
import { type CurrencyFile, wholeBatch } from '../../src/records/currency-file.ts';
import { buildTree, merkleRoot } from '../../src/records/merkle.ts';
import { type Lot, sumLots } from '../../src/records/request.ts';
import { encodeTrustBundle, keySetId, type TrustBundle } from '../../src/records/trust-bundle.ts';
import { type BatchTerms, deriveLeaves } from '../../src/records/unit.ts';
import { encodeUnitFile } from '../../src/records/unit-file.ts';
import {
  controlBit,
  currencyRecord,
  euro,
  fill,
  keys,
  now,
  redeemUntil,
  lots as sampleLots,
  signed,
  type TestKey,
  trustBundle,
} from './samples.ts';

/** What a test may change; each change is made before the signatures, so that only the rule in question refuses. */
export interface BatchChanges {
  readonly lots?: readonly Lot[];
  readonly terms?: Partial<BatchTerms>;
  /** Instead of the units that follow from the lots. */
  readonly leaves?: (leaves: readonly Uint8Array[]) => readonly Uint8Array[];
  readonly controlBit?: Partial<ControlBit>;
  readonly currencyRecord?: Partial<CurrencyRecord>;
  readonly quotaSigner?: TestKey;
  readonly issuanceSigner?: TestKey;
}

export const batchTerms: BatchTerms = {
  currency: euro,
  lots: sampleLots,
  epoch: controlBit.epoch,
  sequence: controlBit.sequence,
  reservation: controlBit.reservation,
  keySet: keySetId(trustBundle),
  notBefore: now,
  redeemUntil,
  seed: fill(32, 77),
};

export function makeBatch(changes: BatchChanges = {}): CurrencyFile {
  const lots = changes.lots ?? sampleLots;
  const derived = deriveLeaves({ ...batchTerms, lots, ...changes.terms });
  const leaves = changes.leaves?.(derived) ?? derived;
  const { total } = sumLots(lots);
  const shared = { root: merkleRoot(leaves), count: leaves.length, total };
  const quotaSigner = changes.quotaSigner ?? keys.quota;
  const issuanceSigner = changes.issuanceSigner ?? keys.issuance;
  const bit = signed(
    encodeControlBit(
      { ...controlBit, ...shared, keySet: batchTerms.keySet, ...changes.controlBit },
      quotaSigner.key.keyId,
    ),
    quotaSigner,
  );
  const record = signed(
    encodeCurrencyRecord(
      { ...currencyRecord, ...shared, controlBitHash: sha256(bit), ...changes.currencyRecord },
      issuanceSigner.key.keyId,
    ),
    issuanceSigner,
  );
  return wholeBatch({ currencyRecord: record, controlBit: bit, leaves });
}

/** The unit file of one unit of a whole batch, whatever its records say: `unitExtractor` refuses some that a verifier must. */
export function unitOf(batch: CurrencyFile, index: number): Uint8Array {
  return encodeUnitFile(batch, batch.leaves[index] ?? fill(0, 0), index, buildTree(batch.leaves));
}

export function signBundle(bundle: TrustBundle, signer: TestKey = keys.root): Uint8Array {
  return signed(encodeTrustBundle(bundle, signer.key.keyId), signer);
}

/** A draft of the lots of the samples, as a person writes it. */
export const draftText = JSON.stringify({
  currency: 'EUR',
  total: '250.00',
  denominations: [
    { value: '100.00', count: 2 },
    { value: '5.00', count: 10 },
  ],
  owner: 'Treasury',
  purpose: 'payroll',
  origin: 'DE',
  destination: 'CH',
});
