/** Verifies what a chunk came to: the currency file is authentic, and has one unit for each row, of its amount and its owner. */
import { equalBytes } from '../../kit/bytes.ts';
import { type Result, refuse, succeed } from '../../kit/result.ts';
import { decodeCurrencyFile, fileSizeLimit } from '../../records/currency-file.ts';
import { decodeUnit } from '../../records/unit.ts';
import { makeNodeVerifySignature } from '../../verifier/signature-node.ts';
import { verifyFile } from '../../verifier/verify.ts';
import { readInput } from '../file.ts';
import type { CommittedLot } from './chunk-order.ts';

export async function verifyChunk(
  path: string,
  lots: readonly CommittedLot[],
  trust: { readonly bundle: Uint8Array; readonly at: number },
): Promise<Result<null>> {
  const bytes = await readInput(path, fileSizeLimit);
  if (!bytes.ok) return bytes;
  const verified = verifyFile(bytes.value, { ...trust, verifySignature: makeNodeVerifySignature() });
  if (!verified.ok) return refuse(verified.code, `not authentic: ${path}: ${verified.message}`);
  const file = decodeCurrencyFile(bytes.value);
  if (!file.ok) return file;
  const { leaves } = file.value;
  for (let i = 0; i < Math.max(leaves.length, lots.length); i++) {
    const [leaf, lot] = [leaves[i], lots[i]];
    const unit = leaf === undefined ? undefined : decodeUnit(leaf);
    const fits =
      unit?.ok === true &&
      lot?.value === unit.value.value &&
      equalBytes(lot.owner.commitment, unit.value.owner);
    if (!fits)
      return refuse('unit_mismatch', `not what was asked for: unit ${i} of ${path} is not that of its payee`);
  }
  return succeed(null);
}
