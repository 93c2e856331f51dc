/** `ringmint store propose-anchor` and `anchor-anew`: a system goes on whose token, or whose newest ledger, is lost. */
import { type Command, Option } from 'commander';
import { quote, type Result, refuse, succeed } from '../kit/result.ts';
import { formatAmount, parseAmount } from '../records/amount.ts';
import { approvalSizeLimit } from '../records/ceremony-approval.ts';
import { currencyExponent, currencyShown } from '../records/iso4217.ts';
import { changeSizeLimit } from '../records/quota-change.ts';
import type { Role } from './appliance.ts';
import type { ExitCode } from './exit-code.ts';
import { readInput, readInputs } from './file.ts';
import { addProposalOptions } from './quota/commands.ts';
import { writeProposal } from './quota/proposal.ts';
import type { AnchoredJournal, AnchorProposal, AssumedIssue } from './store-administration.ts';
import { type CommandContext, collect, type MakeCommand } from './subcommands.ts';

interface ProposeArguments {
  readonly home: string;
  readonly role: Role;
  readonly writeOff?: readonly string[];
  readonly evidence?: readonly string[];
  readonly reason: string;
  readonly valid: string;
  readonly out: string;
}

/** Adds the commands by `command`, which makes a command of `ringmint store`. */
export function addAnchorCommands(command: MakeCommand, role: () => Option, context: CommandContext): void {
  const { appliance, terminal, home, done, clock } = context;
  const progress = (line: string): void => terminal.progress(line);

  async function runProposal(given: ProposeArguments): Promise<ExitCode> {
    const assumed = readAssumed(given.writeOff ?? []);
    if (!assumed.ok) return terminal.refuse(assumed);
    const { home: folder, role: of } = given;
    const proposed = await appliance.store.proposeAnchor({
      home: folder,
      role: of,
      assumed: assumed.value,
      evidence: given.evidence ?? [],
      progress,
    });
    if (!proposed.ok) return terminal.refuse(proposed);
    for (const line of describeIssued(proposed.value)) progress(line);
    return writeProposal(terminal, proposed.value.action, given, clock);
  }

  async function runAnew(
    file: string,
    approvals: readonly string[],
    given: { home: string; evidence?: readonly string[] },
  ): Promise<ExitCode> {
    const change = await readInput(file, changeSizeLimit);
    if (!change.ok) return terminal.refuse(change);
    const read = await readInputs(approvals, approvalSizeLimit);
    if (!read.ok) return terminal.refuse(read);
    const anchored = await appliance.store.anchorAnew({
      home: given.home,
      evidence: given.evidence ?? [],
      change: change.value,
      approvals: read.value,
      progress,
    });
    if (!anchored.ok) return terminal.refuse(anchored);
    const { role: of, sequence, journals, released, elsewhere } = anchored.value;
    return terminal.result({ ...anchored.value }, [
      ...journals.map(describeJournal(of)),
      `  what was approved is entry ${sequence}${journals.length > 1 ? ' of the first' : ''}`,
      ...released.map((witness) => `  ${witness} holds no head of what was given up any more`),
      ...elsewhere.map(
        (witness) =>
          `  then, on the machine of ${witness}, which stands still: \`ringmint witness release ${of} --at ${witness}\``,
      ),
      '  start the systems; heads that were kept elsewhere (`ringmint witness keep`) are to be kept anew',
    ]);
  }

  const propose: Command = command(
    'propose-anchor',
    'write down that a stopped system is to go on from the ledger that it has, for two people to approve',
    'propose-anchor --role quota --reason "the disk of 21 November is lost" --out anchor.cbor',
  )
    .addOption(home())
    .addOption(role())
    .addOption(
      new Option(
        '--write-off <CURRENCY=AMOUNT>',
        'assume that so much was issued since, of the whole, instead of what issuance has; `ISSUER/CURRENCY=AMOUNT` for another issuer; may be given again',
      ).argParser(collect),
    );
  propose.addOption(evidence());
  addProposalOptions(propose, 'anchor.cbor').action(async (given: ProposeArguments) =>
    done(await runProposal(given)),
  );

  command(
    'anchor-anew',
    'carry that out, once it is approved, while all three systems are stopped',
    'anchor-anew anchor.cbor alice.cose bob.cose',
  )
    .argument('<change>', 'what `ringmint store propose-anchor` wrote')
    .argument('<approval...>', 'what `ringmint quota approve` wrote, as many as are asked for')
    .addOption(home())
    .addOption(evidence())
    .action(async (file: string, approvals: string[], given: { home: string; evidence?: string[] }) => {
      done(await runAnew(file, approvals, given));
    });
}

function evidence(): Option {
  return new Option(
    '--evidence <extract>',
    'of a system whose ledger is on another machine: what `ringmint audit extract` wrote there, with all three stopped; may be given again',
  ).argParser(collect);
}

function readAssumed(texts: readonly string[]): Result<readonly AssumedIssue[]> {
  const assumed: AssumedIssue[] = [];
  for (const text of texts) {
    const [, issuer, code = '', amount = ''] = /^(?:([a-z0-9-]{1,64})\/)?([A-Z]{3})=(.+)$/.exec(text) ?? [];
    const exponent = currencyExponent(code);
    if (exponent === undefined)
      return refuse(
        'usage',
        `--write-off ${quote(text)}: CURRENCY=AMOUNT or ISSUER/CURRENCY=AMOUNT is accepted, such as \`EUR=5000.00\``,
      );
    const read = parseAmount(amount, { code, exponent }, '--write-off');
    if (!read.ok) return read;
    assumed.push({ issuer, currency: code, amount: read.value });
  }
  return succeed(assumed);
}

function describeJournal(role: Role): (journal: AnchoredJournal) => string {
  return ({ series, anchor, epoch }) =>
    `the journal of ${series ?? role} is anchored anew as \`${anchor}\`${epoch === null ? '' : `; its control bits are of epoch ${epoch} from now on`}`;
}

function describeIssued({ action, issuedSince }: AnchorProposal): string[] {
  if (action.role !== 'quota') return [];
  return issuedSince.map(({ quota, amount }) => {
    const code = quota.slice(quota.indexOf('/') + 1);
    return `  issuance has ${formatAmount(amount, currencyShown(code))} ${quota} that this ledger does not count`;
  });
}
