/** `ringmint verify`: tells offline whether a file is authentic; needs the trust bundle and nothing else. */
import { toHex } from '../kit/bytes.ts';
import { quote, refuse } from '../kit/result.ts';
import { formatAmount } from '../records/amount.ts';
import { isSign1 } from '../records/cose.ts';
import { describeUnits, fileSizeLimit } from '../records/currency-file.ts';
import { ownerOfKey } from '../records/owner.ts';
import { retirementFileSizeLimit } from '../records/retirement-file.ts';
import { makeNodeVerifySignature } from '../verifier/signature-node.ts';
import { type VerificationOptions, verifyFile } from '../verifier/verify.ts';
import { verifySettlement } from '../verifier/verify-settlement.ts';
import type { ExitCode } from './exit-code.ts';
import { readInput } from './file.ts';
import { describeSettlement, settlementJson } from './settlement/sending.ts';
import type { Terminal } from './terminal.ts';
import { readRootOption, refuseAsNotAuthentic } from './verification.ts';

export interface VerifyArguments {
  readonly file: string;
  readonly trust: string;
  readonly root: string | undefined;
  readonly revocationEpoch: string | undefined;
  readonly at: string | undefined;
  /** Of a settlement: the file of the retirement or transfer that it is to be of. */
  readonly of: string | undefined;
  readonly nowSeconds: number;
}

export async function runVerify(terminal: Terminal, given: VerifyArguments): Promise<ExitCode> {
  const at = given.at === undefined ? given.nowSeconds : Date.parse(given.at) / 1000;
  if (!Number.isFinite(at))
    return terminal.refuse(
      refuse('usage', `--at ${quote(given.at)}: a time such as \`2026-11-20T12:00:00Z\` is accepted`),
    );
  const root = readRootOption(given.root);
  if (!root.ok) return terminal.refuse(root);
  const { revocationEpoch } = given;
  if (revocationEpoch !== undefined && !/^\d{1,15}$/.test(revocationEpoch))
    return terminal.refuse(
      refuse('usage', `--revocation-epoch ${quote(revocationEpoch)}: a whole number is accepted`),
    );
  const file = await readInput(given.file, fileSizeLimit);
  if (!file.ok) return terminal.refuse(file);
  const bundle = await readInput(given.trust, 1024 * 1024);
  if (!bundle.ok) return terminal.refuse(bundle);
  const options = {
    bundle: bundle.value,
    ...root.value,
    ...(revocationEpoch === undefined ? {} : { minimumEpoch: Number(revocationEpoch) }),
    at,
    verifySignature: makeNodeVerifySignature(),
  };
  if (isSign1(file.value)) return tellSettlement(terminal, file.value, given, options);
  if (given.of !== undefined)
    return terminal.refuse(refuse('usage', '`--of` goes with a settlement, and this is none'));
  const verified = verifyFile(file.value, options);
  if (!verified.ok) return refuseAsNotAuthentic(terminal, verified);
  const {
    checks,
    currency,
    total,
    batchTotal,
    root: merkleRoot,
    rootKeyId: trusted,
    ...rest
  } = verified.value;
  const { count, first, batchCount, whole } = rest;
  const amount = formatAmount(total, currency);
  const batchAmount = formatAmount(batchTotal, currency);
  return terminal.result(
    {
      authentic: true,
      ...rest,
      currency: currency.code,
      total: amount,
      batchTotal: batchAmount,
      root: toHex(merkleRoot),
      rootKeyId: toHex(trusted),
      pinned: given.root !== undefined,
      checks,
    },
    [
      `authentic: ${amount} ${currency.code} in ${count} ${count === 1 ? 'unit' : 'units'}, issued by ${rest.issuer}`,
      ...(whole
        ? []
        : [
            `  a part of a batch: ${describeUnits(first, count)} of ${batchCount}, ${amount} of ${batchAmount} ${currency.code}`,
          ]),
      ...checks.map((check) => `  - ${check}`),
      ...(given.root === undefined
        ? [
            `  the root key was not pinned: give \`--root\` the id that you had from the issuer (here ${toHex(trusted).slice(0, 16)}…)`,
          ]
        : []),
      '  authentic is not unspent: that only the register can tell',
    ],
  );
}

async function tellSettlement(
  terminal: Terminal,
  bytes: Uint8Array,
  { of, root }: VerifyArguments,
  options: VerificationOptions,
): Promise<ExitCode> {
  const settled = of === undefined ? undefined : await readInput(of, retirementFileSizeLimit);
  if (settled?.ok === false) return terminal.refuse(settled);
  const verified = verifySettlement(bytes, settled?.value, options);
  if (!verified.ok) return refuseAsNotAuthentic(terminal, verified);
  const { settlement, ownerKeyId, rootKeyId, revocationEpoch, checks } = verified.value;
  const owner = ownerKeyId === undefined ? null : ownerOfKey(ownerKeyId);
  return terminal.result(
    {
      authentic: true,
      kind: 'settlement',
      ...settlementJson(settlement),
      owner,
      rootKeyId: toHex(rootKeyId),
      revocationEpoch,
      pinned: root !== undefined,
      checks,
    },
    [
      'authentic: a receipt of quota control',
      ...describeSettlement(settlement),
      ...checks.map((check) => `  - ${check}`),
      ...(owner === null
        ? ['  of what it is the receipt was not checked: give `--of` the retirement file or the transfer']
        : []),
    ],
  );
}
