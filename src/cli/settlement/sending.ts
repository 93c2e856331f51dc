/** How an owner's record goes to quota control, and its receipt comes back: verified before it is believed, and kept beside the record. */
import { toHex } from '../../kit/bytes.ts';
import { type Result, refuse, succeed } from '../../kit/result.ts';
import { formatAmount, formatMoney } from '../../records/amount.ts';
import { isoTime } from '../../records/key-ring.ts';
import { ownerOfKey } from '../../records/owner.ts';
import { formatUuid } from '../../records/request-id.ts';
import type { SettlementRecord } from '../../records/settlement.ts';
import { makeNodeVerifySignature } from '../../verifier/signature-node.ts';
import { verifySettlement } from '../../verifier/verify-settlement.ts';
import type { Appliance, Operator } from '../appliance.ts';
import type { ExitCode } from '../exit-code.ts';
import { readInput, writeOutput } from '../file.ts';
import type { Terminal } from '../terminal.ts';
import { readRootOption } from '../verification.ts';

export interface SendingArguments {
  readonly home: string;
  /** Path of the trust bundle. */
  readonly trust: string;
  /** Id of the root key, hex. */
  readonly root: string | undefined;
  readonly nowSeconds: number;
}

export interface SentRecord {
  /** Path of the record, which is on the disk already: whatever becomes of this process, the same bytes can be sent again. */
  readonly path: string;
  readonly bytes: Uint8Array;
  /** The command that sends the same file again. */
  readonly again: string;
  readonly send: (operator: Operator) => Promise<Result<Uint8Array>>;
}

/** Sends it, verifies the receipt and tells of it; a refusal says how to send the same again. */
export async function sendRecord(
  appliance: Pick<Appliance, 'connect'>,
  terminal: Terminal,
  given: SendingArguments,
  record: SentRecord,
): Promise<ExitCode> {
  const settled = await settle(appliance, given, record);
  if (!settled.ok) return terminal.refuse(settled, { file: record.path });
  const { settlement, receipt } = settled.value;
  return terminal.result(
    { ...settlementJson(settlement), file: record.path, receipt },
    describeSettlement(
      settlement,
      `  receipt  ${receipt}: \`ringmint verify ${receipt} --of ${record.path}\``,
    ),
  );
}

async function settle(
  appliance: Pick<Appliance, 'connect'>,
  { home, trust, root, nowSeconds }: SendingArguments,
  { path, bytes, again, send }: SentRecord,
): Promise<Result<{ settlement: SettlementRecord; receipt: string }>> {
  const pinned = readRootOption(root);
  if (!pinned.ok) return pinned;
  const bundle = await readInput(trust, 1024 * 1024);
  if (!bundle.ok) return bundle;
  const operator = await appliance.connect(home);
  let answer: Result<Uint8Array>;
  try {
    answer = await send(operator);
  } finally {
    await operator.close();
  }
  if (!answer.ok)
    return answer.code === 'peer_unavailable'
      ? {
          ...answer,
          message: `${answer.message}; whether it arrived is not known: \`${again}\` sends the same`,
        }
      : answer;
  const verified = verifySettlement(answer.value, bytes, {
    bundle: bundle.value,
    ...pinned.value,
    at: nowSeconds,
    verifySignature: makeNodeVerifySignature(),
  });
  if (!verified.ok)
    return refuse(
      'peer_fault',
      `quota control's receipt is none of this record: ${verified.message} [${verified.code}]; is ${trust} its trust bundle? \`${again}\` asks for the receipt again`,
    );
  const receipt = `${path}.settlement.cose`;
  const written = await writeOutput(receipt, answer.value);
  if (!written.ok)
    return { ...written, message: `${written.message}; it was settled: \`${again}\` gives the receipt` };
  return succeed({ settlement: verified.value.settlement, receipt });
}

export function settlementJson(settlement: SettlementRecord) {
  const { id, issuer, issuedAt, currency, total, count, creditTo, returned } = settlement;
  return {
    id: formatUuid(id),
    issuer,
    issuedAt,
    currency: currency.code,
    total: formatAmount(total, currency),
    units: count,
    creditTo: creditTo === null ? null : ownerOfKey(creditTo),
    returned: formatAmount(returned, currency),
    settledHash: toHex(settlement.settledHash),
  };
}

export function describeSettlement(settlement: SettlementRecord, ...more: readonly string[]): string[] {
  const { currency, total, count, creditTo, returned } = settlement;
  const what = count === 0 ? 'from the account' : `in ${count} ${count === 1 ? 'unit' : 'units'}`;
  return [
    `settled: ${formatMoney(total, currency)} of ${settlement.issuer} ${what}, ${creditTo === null ? 'retired for good' : `credited to ${ownerOfKey(creditTo)}`}`,
    `  id       ${formatUuid(settlement.id)}, at ${isoTime(settlement.issuedAt)}`,
    ...(creditTo === null
      ? [
          `  quota    ${returned === 0n ? 'nothing came back' : `${formatMoney(returned, currency)} came back`}`,
        ]
      : []),
    ...more,
  ];
}
