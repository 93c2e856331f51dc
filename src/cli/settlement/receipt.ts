/** `ringmint receipt`: the receipt of what was settled, by its id; verified before it is written. */
import { refuse } from '../../kit/result.ts';
import { formatUuid, parseUuid } from '../../records/request-id.ts';
import { makeNodeVerifySignature } from '../../verifier/signature-node.ts';
import { verifySettlement } from '../../verifier/verify-settlement.ts';
import type { Appliance } from '../appliance.ts';
import type { ExitCode } from '../exit-code.ts';
import { readInput, writeOutput } from '../file.ts';
import type { Terminal } from '../terminal.ts';
import { readRootOption } from '../verification.ts';
import { describeSettlement, type SendingArguments, settlementJson } from './sending.ts';

export interface ReceiptArguments extends SendingArguments {
  readonly id: string;
  readonly kind: 'retirement' | 'transfer';
  readonly out: string | undefined;
}

export async function runReceipt(
  appliance: Pick<Appliance, 'connect'>,
  terminal: Terminal,
  { id: text, kind, out, home, trust, root, nowSeconds }: ReceiptArguments,
): Promise<ExitCode> {
  const id = parseUuid(text);
  if (id === undefined)
    return terminal.refuse(
      refuse('usage', `\`${text}\`: the id of a ${kind}, 32 hex digits in five groups, is accepted`),
    );
  const pinned = readRootOption(root);
  if (!pinned.ok) return terminal.refuse(pinned);
  const bundle = await readInput(trust, 1024 * 1024);
  if (!bundle.ok) return terminal.refuse(bundle);
  const operator = await appliance.connect(home);
  let answer: Awaited<ReturnType<typeof operator.receipt>>;
  try {
    answer = await operator.receipt(kind, id);
  } finally {
    await operator.close();
  }
  if (!answer.ok) return terminal.refuse(answer);
  const verified = verifySettlement(answer.value, undefined, {
    bundle: bundle.value,
    ...pinned.value,
    at: nowSeconds,
    verifySignature: makeNodeVerifySignature(),
  });
  const isOfIt = verified.ok && formatUuid(verified.value.settlement.id) === formatUuid(id);
  if (!isOfIt)
    return terminal.refuse(
      refuse(
        'peer_fault',
        `quota control's answer is no receipt of ${formatUuid(id)}${verified.ok ? '' : `: ${verified.message} [${verified.code}]`}; is ${trust} its trust bundle?`,
      ),
    );
  const { settlement } = verified.value;
  const receipt = out ?? `${formatUuid(id)}.settlement.cose`;
  const written = await writeOutput(receipt, answer.value);
  if (!written.ok) return terminal.refuse(written);
  return terminal.result(
    { ...settlementJson(settlement), receipt },
    describeSettlement(settlement, `  receipt  ${receipt}`),
  );
}
