/**
 * Whether the units of a retirement are what it says: authentic as any verifier would have it, in this quota control's own journal, and
 * their owner's who signs.
 *
 * Authentic is not enough. A control bit that is not in the journal was signed with a stolen key: its units verify, and no quota was ever
 * taken for them.
 */
import { equalBytes, toHex } from '../kit/bytes.ts';
import { assert, quote, type Refusal, type Result, refuse, succeed } from '../kit/result.ts';
import { formatMoney } from '../records/amount.ts';
import { decodeControlBit } from '../records/control-bit.ts';
import { decodeCurrencyFile } from '../records/currency-file.ts';
import { leafHash } from '../records/merkle.ts';
import { ownerOfKey } from '../records/owner.ts';
import type { Retirement } from '../records/retirement.ts';
import type { RetirementFile } from '../records/retirement-file.ts';
import type { TrustBundle } from '../records/trust-bundle.ts';
import { commitOwner, decodeUnit, serialName, type Unit } from '../records/unit.ts';
import { decodeUnitFile } from '../records/unit-file.ts';
import type { Store, UnitSerial } from '../store/store.ts';
import { type VerificationOptions, verifyWith } from '../verifier/verify.ts';

export interface UnitChecks extends Pick<VerificationOptions, 'at' | 'verifySignature'> {
  readonly bundle: TrustBundle;
  readonly store: Pick<Store, 'findSerial'>;
}

/** The serials of the units, in the order of the retirement's; the first thing that is wrong is the refusal. */
export async function checkRetiredUnits(
  { retirement: { record }, files, blindings }: RetirementFile,
  checks: UnitChecks,
): Promise<Result<readonly UnitSerial[]>> {
  const places = new Map(record.units.map((unit, place) => [toHex(unit), place]));
  const serials: UnitSerial[] = [];
  let held = 0;
  let total = 0n;
  for (const [number, file] of files.entries()) {
    const field = `files[${number}]`;
    const leaves = await authenticLeaves(file, field, record, checks);
    if (!leaves.ok) return leaves;
    for (const leaf of leaves.value) {
      const unit = decodedUnit(leaf);
      const place = places.get(toHex(leafHash(leaf)));
      if (place === undefined || serials[place] !== undefined)
        return refuse(
          'retirement_mismatch',
          `${field}: unit ${serialName(unit)} is ${place === undefined ? 'none that the retirement names' : 'there twice'}: files with just the units that it names, each once, are accepted`,
          field,
        );
      const opens = checkOwner(unit, record, blindings[place], place);
      if (!opens.ok) return opens;
      serials[place] = { epoch: unit.epoch, sequence: unit.sequence, index: unit.index };
      held++;
      total += unit.value;
    }
  }
  if (held < record.units.length) {
    const missing = record.units.findIndex((_, place) => serials[place] === undefined);
    return refuse(
      'retirement_mismatch',
      `units[${missing}]: no file holds this unit: files with all units that the retirement names are accepted`,
      `units[${missing}]`,
    );
  }
  if (total === record.total) return succeed(serials);
  const { currency } = record;
  return refuse(
    'retirement_mismatch',
    `total: the retirement says ${formatMoney(record.total, currency)}, and its units are worth ${formatMoney(total, currency)}: a retirement of that is accepted`,
    'total',
  );
}

/** The units of a file that verifies, of the retirement's issuer and currency, and of a control bit of the journal. */
async function authenticLeaves(
  file: Uint8Array,
  field: string,
  { issuer, currency, units }: Retirement,
  { bundle, store, ...options }: UnitChecks,
): Promise<Result<readonly Uint8Array[]>> {
  // Before the work of verifying them: a file of this size may have five times as many units as a retirement.
  const held = decodeCurrencyFile(file);
  if (held.ok && held.value.leaves.length > units.length)
    return refuse(
      'retirement_mismatch',
      `${field}: ${held.value.leaves.length} units, and the retirement names ${units.length}: a file with units that it names is accepted`,
      field,
    );
  const verified = verifyWith(file, bundle, options);
  if (!verified.ok) return { ...verified, message: `${field}: ${verified.message}`, field };
  const found = verified.value;
  if (found.issuer !== issuer || found.currency.code !== currency.code)
    return refuse(
      'retirement_mismatch',
      `${field}: units of ${quote(found.issuer)} in ${found.currency.code}, and the retirement is of ${quote(issuer)} in ${currency.code}: one retirement for each issuer and currency is accepted`,
      field,
    );
  const { controlBit, leaves } = contentOf(file, found.kind);
  const decoded = decodeControlBit(controlBit);
  assert(decoded.ok, 'the control bit of a file that verifies can be decoded');
  const known = await store.findSerial(found.epoch, found.sequence);
  // What is handed out is what is stored, so a signature that is not stored has left nobody's hands. The signature itself is not compared:
  // (r, n - s) verifies wherever (r, s) does.
  if (known === undefined || known.signed === null || !equalBytes(known.toBeSigned, decoded.value.toBeSigned))
    return refuse(
      'unit_unknown',
      `${field}: the control bit (${found.epoch}, ${found.sequence}) is not in the journal of this quota control: units for which it took quota are accepted`,
      field,
    );
  return succeed(leaves);
}

function contentOf(
  file: Uint8Array,
  kind: 'currency' | 'unit',
): { readonly controlBit: Uint8Array; readonly leaves: readonly Uint8Array[] } {
  if (kind === 'currency') {
    const decoded = decodeCurrencyFile(file);
    assert(decoded.ok, 'a currency file that verifies can be decoded');
    return decoded.value;
  }
  const decoded = decodeUnitFile(file);
  assert(decoded.ok, 'a unit file that verifies can be decoded');
  return { controlBit: decoded.value.controlBit, leaves: [decoded.value.leaf] };
}

function decodedUnit(leaf: Uint8Array): Unit {
  const decoded = decodeUnit(leaf);
  assert(decoded.ok, 'a unit that verifies can be decoded');
  return decoded.value;
}

function checkOwner(
  unit: Unit,
  { ownerKey }: Retirement,
  blinding: Uint8Array | undefined,
  place: number,
): Result<null> | Refusal<'owner_mismatch'> {
  assert(blinding !== undefined, 'a retirement file has a blinding for each unit');
  const owner = ownerOfKey(ownerKey.keyId);
  if (equalBytes(commitOwner(owner, blinding), unit.owner)) return succeed(null);
  return refuse(
    'owner_mismatch',
    `blindings[${place}]: the owner of unit ${serialName(unit)} is not \`${owner}\` with this blinding: the key and the blinding of its owner are accepted; a unit of a plain name cannot be retired by proof`,
    `blindings[${place}]`,
  );
}
