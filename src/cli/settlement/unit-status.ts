/** `ringmint unit status`: whether units are authentic, which is told offline, and unspent, which only the register can tell. */
import { equalBytes, toHex } from '../../kit/bytes.ts';
import { type Result, refuse, succeed } from '../../kit/result.ts';
import { formatAmount, formatMoney } from '../../records/amount.ts';
import { fileSizeLimit } from '../../records/currency-file.ts';
import { formatUuid } from '../../records/request-id.ts';
import { retiredUnitLimit } from '../../records/retirement.ts';
import { makeNodeVerifySignature } from '../../verifier/signature-node.ts';
import { type Verification, verifyFile } from '../../verifier/verify.ts';
import type { Appliance, Operator } from '../appliance.ts';
import { type ExitCode, exitCode } from '../exit-code.ts';
import { readInput } from '../file.ts';
import type { Terminal } from '../terminal.ts';
import { readRootOption, refuseAsNotAuthentic } from '../verification.ts';
import type { SendingArguments } from './sending.ts';

const shownSpent = 8;

type Spent = readonly { readonly index: number; readonly by: string }[];

export async function runUnitStatus(
  appliance: Pick<Appliance, 'connect'>,
  terminal: Terminal,
  given: SendingArguments & { readonly file: string },
): Promise<ExitCode> {
  const pinned = readRootOption(given.root);
  if (!pinned.ok) return terminal.refuse(pinned);
  const file = await readInput(given.file, fileSizeLimit);
  if (!file.ok) return terminal.refuse(file);
  const bundle = await readInput(given.trust, 1024 * 1024);
  if (!bundle.ok) return terminal.refuse(bundle);
  const verified = verifyFile(file.value, {
    bundle: bundle.value,
    ...pinned.value,
    at: given.nowSeconds,
    verifySignature: makeNodeVerifySignature(),
  });
  if (!verified.ok) return refuseAsNotAuthentic(terminal, verified);
  const operator = await appliance.connect(given.home);
  let asked: Result<Spent>;
  try {
    asked = await askSpent(operator, verified.value);
  } finally {
    await operator.close();
  }
  if (!asked.ok) return terminal.refuse(asked, { authentic: true });
  return tell(terminal, given.file, verified.value, asked.value);
}

/** In calls of as many units as the register tells of at once. */
async function askSpent(operator: Operator, verified: Verification): Promise<Result<Spent>> {
  const { epoch, sequence, root, first, count } = verified;
  const spent: { index: number; by: string }[] = [];
  for (let done = 0; done < count; done += retiredUnitLimit) {
    const range = { epoch, sequence, first: first + done, count: Math.min(retiredUnitLimit, count - done) };
    const standing = await operator.units(range);
    if (!standing.ok) return standing;
    // Two batches under one serial: the file's is not the one that quota was taken for.
    if (!equalBytes(standing.value.root, root))
      return refuse(
        'unit_unknown',
        `the register knows another batch as (${epoch}, ${sequence}), with the root ${toHex(standing.value.root)}: these units were signed without quota, and are worth nothing there`,
      );
    spent.push(...standing.value.spent.map(({ index, by }) => ({ index, by: formatUuid(by) })));
  }
  return succeed(spent);
}

function tell(terminal: Terminal, file: string, verified: Verification, spent: Spent): ExitCode {
  const { issuer, currency, total, count } = verified;
  const facts = {
    authentic: true,
    file,
    issuer,
    currency: currency.code,
    total: formatAmount(total, currency),
    units: count,
    unspent: count - spent.length,
    spent,
  };
  const what = `${formatMoney(total, currency)} of ${issuer} in ${count} ${count === 1 ? 'unit' : 'units'}`;
  if (spent.length === 0)
    return terminal.result(facts, [
      `authentic and unspent: ${what}`,
      '  as the register is at this moment: whoever else has the key of the owner can spend them in the next',
    ]);
  for (const { index, by } of spent.slice(0, shownSpent)) terminal.say(`  unit ${index}  spent by ${by}`);
  if (spent.length > shownSpent) terminal.say(`  and ${spent.length - shownSpent} more`);
  terminal.say(`  its receipt: \`ringmint receipt ${spent[0]?.by ?? 'ID'}\``);
  return terminal.refuse(
    {
      code: 'unit_spent',
      message: `authentic, and spent: ${spent.length} of ${count} units of ${file}, by the retirements that are named`,
    },
    facts,
    exitCode.refused,
  );
}
