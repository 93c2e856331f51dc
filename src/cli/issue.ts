/** `ringmint issue`: sends a request, tells the six steps, and writes the records and the currency. */
import { join } from 'node:path';
import { toHex } from '../kit/bytes.ts';
import { assert } from '../kit/result.ts';
import { formatAmount } from '../records/amount.ts';
import { decodeControlBit } from '../records/control-bit.ts';
import { decodeCurrencyFile, describeUnits } from '../records/currency-file.ts';
import { type Draft, decodeDraft, draftSizeLimit } from '../records/draft.ts';
import type { IssuanceStep } from '../roles/issuance.ts';
import { explainReason } from '../rules/denial-reason.ts';
import { confirmAmount } from './amount-confirmation.ts';
import type { Appliance, IssuanceAnswer } from './appliance.ts';
import { type ExitCode, exitCode } from './exit-code.ts';
import { makeFolder, readInput, writeOutput } from './file.ts';
import type { Terminal } from './terminal.ts';
import type { StandardInput } from './vm/standard-input.ts';

/** File names by what the answer calls them. */
const fileNames: Readonly<Record<string, string>> = {
  request: 'request.cose',
  controlBit: 'control-bit.cose',
  currency: 'currency.cbor',
  denial: 'denial.cose',
};

export async function runIssue(
  appliance: Pick<Appliance, 'connect'>,
  terminal: Terminal,
  stdin: StandardInput,
  given: { home: string; file: string; out: string; confirmed: string | undefined },
): Promise<ExitCode> {
  const bytes = await readInput(given.file, draftSizeLimit);
  if (!bytes.ok) return terminal.refuse(bytes);
  // The same check as issuance makes, before anything is sent.
  const draft = decodeDraft(bytes.value);
  if (!draft.ok) return terminal.refuse(draft);
  // Before anything is sent: what is issued should have a place to go.
  const folder = await makeFolder(given.out);
  if (!folder.ok) return terminal.refuse(folder);
  const operator = await appliance.connect(given.home);
  let answer: Awaited<ReturnType<typeof operator.issue>>;
  try {
    const positions = await operator.quotaPositions();
    const confirmed = await confirmAmount(terminal, stdin, {
      draft: draft.value,
      positions: positions.ok ? positions.value : [],
      confirmed: given.confirmed,
    });
    if (!confirmed.ok) return terminal.refuse(confirmed);
    answer = await operator.issue(bytes.value);
  } finally {
    await operator.close();
  }
  if (!answer.ok) return terminal.refuse(answer);
  for (const line of describeSteps(answer.value.steps)) terminal.say(line);
  const written: Record<string, string> = {};
  for (const [name, data] of Object.entries(answer.value.files)) {
    const path = join(given.out, fileNames[name] ?? `${name}.bin`);
    const wrote = await writeOutput(path, data);
    if (!wrote.ok) return terminal.refuse(wrote);
    written[name] = path;
  }
  return answer.value.kind === 'issued'
    ? tellIssued(terminal, draft.value, answer.value, written)
    : tellDenied(terminal, draft.value, answer.value, written);
}

function describeSteps(steps: readonly IssuanceStep[]): string[] {
  const lines = steps.map((step) => {
    const key = step.signedBy === null ? '' : ` (key ${step.signedBy.slice(0, 16)})`;
    const by = step.signedBy === null ? `by ${step.by}` : `signed by ${step.by}${key}`;
    return `  ${step.step}  ${step.name.padEnd(12)} ${by}: ${step.detail}  [${step.ms} ms]`;
  });
  return ['', ...lines, ''];
}

function tellIssued(
  terminal: Terminal,
  draft: Draft,
  answer: IssuanceAnswer,
  files: Record<string, string>,
): ExitCode {
  const controlBit = decodeControlBit(answer.files['controlBit'] ?? new Uint8Array());
  const currencyFile = decodeCurrencyFile(answer.files['currency'] ?? new Uint8Array());
  if (!controlBit.ok || !currencyFile.ok) {
    return terminal.refuse({
      code: 'peer_fault',
      message: 'the issuance system answered with records that cannot be read: `ringmint inspect` tells more',
    });
  }
  const { record } = controlBit.value;
  const { first, leaves } = currencyFile.value;
  const units = leaves.length;
  // Of the draft: the control bit may be for a batch that holds other orders too.
  const total = formatAmount(draft.total, draft.currency);
  return terminal.result(
    {
      kind: 'issued',
      issuer: record.issuer,
      currency: record.currency.code,
      total,
      units,
      first,
      batchUnits: record.count,
      epoch: record.epoch,
      sequence: record.sequence,
      root: toHex(record.root),
      files,
      steps: answer.steps,
    },
    [
      `issued: ${total} ${record.currency.code} in ${units} units`,
      ...(units === record.count
        ? []
        : [`  part      ${describeUnits(first, units)} of a batch of ${record.count}`]),
      `  serial    epoch ${record.epoch}, sequence ${record.sequence}`,
      `  root      ${toHex(record.root)}`,
      `  currency  ${files['currency'] ?? ''}`,
    ],
  );
}

function tellDenied(
  terminal: Terminal,
  { currency }: Draft,
  answer: IssuanceAnswer,
  files: Record<string, string>,
): ExitCode {
  assert(answer.denied !== null, 'issuance answers with the reasons of a denial');
  const { reasons, wouldPass } = answer.denied;
  const would = wouldPass === null ? null : formatAmount(wouldPass, currency);
  for (const reason of reasons) terminal.say(`  ${reason}: ${explainReason(reason)}`);
  if (would !== null)
    terminal.say(`  an amount up to ${would} ${currency.code} would pass the limits that are no secret`);
  return terminal.refuse(
    {
      code: reasons[0] ?? 'denied',
      message: `denied: ${reasons.join(', ')}; nothing was consumed: adjust the request and send it under a new id`,
    },
    { kind: 'denied', reasons, wouldPass: would, currency: currency.code, files, steps: answer.steps },
    exitCode.refused,
  );
}
