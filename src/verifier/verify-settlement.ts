/**
 * Offline verification of a receipt: did quota control sign this settlement, and is it of this retirement or transfer? It needs the
 * trust bundle and the files, no network and no HSM.
 *
 * May import records and kit. That the settlement is in the journal, only the register or an audit of the journal can tell.
 */
import { equalBytes, toHex } from '../kit/bytes.ts';
import { type Result, refuse, succeed } from '../kit/result.ts';
import { type Decoded, decodeSign1, isSign1, recordType, verifyRecord } from '../records/cose.ts';
import { type KeyRingCode, makeKeyRing } from '../records/key-ring.ts';
import { namesInstruction, type OwnerInstruction } from '../records/owner-instruction.ts';
import { decodeRetirement } from '../records/retirement.ts';
import { decodeRetirementFile } from '../records/retirement-file.ts';
import { decodeSettlement, type SettlementRecord } from '../records/settlement.ts';
import { decodeTransfer } from '../records/transfer.ts';
import { openBundle, type VerificationCode, type VerificationOptions } from './verify.ts';

export type SettlementVerificationCode = VerificationCode | KeyRingCode | 'settlement_mismatch';

export interface SettlementVerification {
  readonly settlement: SettlementRecord;
  /** Id of the owner's key, where the retirement or transfer was given. */
  readonly ownerKeyId: Uint8Array | undefined;
  readonly rootKeyId: Uint8Array;
  readonly revocationEpoch: number;
  /** What was checked, in words, in order. */
  readonly checks: readonly string[];
}

/**
 * Verifies a settlement; with `of`, a retirement file, a retirement or a transfer, also that it is the receipt of just that, and that the
 * owner signed that.
 *
 * A key of quota control that is revoked by `at` is not believed, whenever it says that it signed: nobody else has dated the receipt.
 */
export function verifySettlement(
  bytes: Uint8Array,
  of: Uint8Array | undefined,
  options: VerificationOptions,
): Result<SettlementVerification, SettlementVerificationCode> {
  const decoded = decodeSettlement(bytes);
  if (!decoded.ok) return decoded;
  const instruction = of === undefined ? undefined : readInstructed(of);
  if (instruction?.ok === false) return instruction;
  const bundle = openBundle(options);
  if (!bundle.ok) return bundle;
  const { rootKey, revocationEpoch } = bundle.value;
  const verified = makeKeyRing(bundle.value, options.verifySignature).verify(
    decoded.value,
    { role: 'quota', name: 'quota' },
    { madeAt: decoded.value.record.issuedAt, seenAt: options.at },
  );
  if (!verified.ok) return verified;
  const settlement = verified.value;
  const checks = [
    `trust bundle signed by root ${toHex(rootKey.keyId).slice(0, 16)} and valid`,
    'settlement signed by quota control',
  ];
  const rest = { settlement, rootKeyId: rootKey.keyId, revocationEpoch };
  if (instruction === undefined) return succeed({ ...rest, ownerKeyId: undefined, checks });
  const { record, count } = instruction.value;
  const owner = verifyRecord(record, record.record.ownerKey, options.verifySignature);
  if (!owner.ok) return owner;
  const same = checkSame(settlement, record, count);
  if (!same.ok) return same;
  return succeed({
    ...rest,
    ownerKeyId: record.keyId,
    checks: [
      ...checks,
      `${count === 0 ? 'transfer' : 'retirement'} signed by its owner's key ${toHex(record.keyId).slice(0, 16)}`,
      'the settlement names this very record by its hash, and says the same',
    ],
  });
}

interface Instructed {
  readonly record: Decoded<OwnerInstruction>;
  /** Units that it names; 0 of a transfer. */
  readonly count: number;
}

function readInstructed(bytes: Uint8Array): Result<Instructed, SettlementVerificationCode> {
  if (!isSign1(bytes)) {
    const file = decodeRetirementFile(bytes);
    if (!file.ok) return file;
    const { retirement } = file.value;
    return succeed({ record: retirement, count: retirement.record.units.length });
  }
  const envelope = decodeSign1(bytes);
  if (!envelope.ok) return envelope;
  if (envelope.value.type === recordType.transfer) {
    const transfer = decodeTransfer(bytes);
    return transfer.ok ? succeed({ record: transfer.value, count: 0 }) : transfer;
  }
  const retirement = decodeRetirement(bytes);
  if (!retirement.ok) return retirement;
  return succeed({ record: retirement.value, count: retirement.value.record.units.length });
}

function checkSame(
  settlement: SettlementRecord,
  decoded: Decoded<OwnerInstruction>,
  count: number,
): Result<null, 'settlement_mismatch'> {
  const { record } = decoded;
  const account = (creditTo: Uint8Array | null): string => (creditTo === null ? '' : toHex(creditTo));
  const different = [
    ['id', equalBytes(settlement.id, record.id)],
    ['hash', namesInstruction(settlement.settledHash, decoded)],
    ['issuer', settlement.issuer === record.issuer],
    ['currency', settlement.currency.code === record.currency.code],
    ['total', settlement.total === record.total],
    ['count', settlement.count === count],
    ['creditTo', account(settlement.creditTo) === account(record.creditTo)],
  ].find(([, same]) => same === false);
  if (different === undefined) return succeed(null);
  return refuse(
    'settlement_mismatch',
    `the settlement is of another retirement or transfer: its ${String(different[0])} is not that of the one given`,
    String(different[0]),
  );
}
