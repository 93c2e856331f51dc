/** `ringmint owner`, `retire`, `account` and `unit status`: what owners of units do with a key of their own. */
import { join } from 'node:path';
import type { Command } from 'commander';
import type { RandomBytes } from '../../kit/clock.ts';
import { type CommandContext, collect, subcommandsOf } from '../subcommands.ts';
import { runAccountShow } from './account-show.ts';
import { runOwnerCreate, runOwnerShow } from './owner-key.ts';
import { runReceipt } from './receipt.ts';
import { runRetire } from './retire.ts';
import { runTransfer } from './transfer.ts';
import { runUnitStatus } from './unit-status.ts';

export interface SettlementContext extends CommandContext {
  readonly random: RandomBytes;
}

interface TrustGiven {
  readonly home: string;
  readonly trust?: string;
  readonly root?: string;
}

/** Adds the commands to `owner`, which is `ringmint owner`. */
export function addOwnerCommands(owner: Command, { terminal, done }: CommandContext): void {
  const command = subcommandsOf(owner);
  command('create', 'make a key that owns units, and an account', 'create --out owner.pem')
    .option('--out <file>', 'where to write the private key: a new file', 'owner.pem')
    .action(async (given: { out: string }) => done(await runOwnerCreate(terminal, given)));
  command('show', 'show the owner that a key is', 'show owner.pem')
    .argument('<key>', 'a private key on P-256, PEM, that nobody else can read')
    .action(async (key: string) => done(await runOwnerShow(terminal, { key })));
}

/** Adds arguments, options and action to `retire`, which is `ringmint retire`. */
export function addRetireCommand(retire: Command, context: SettlementContext): void {
  const { appliance, terminal, clock, random, done } = context;
  addRecordOptions(retire, context, 'retirement.cbor')
    .argument('<file...>', 'currency files and unit files; or one retirement file, which is sent as it is')
    .option('--owners <file>', 'what opens the owner commitments, .owners.json; may be given again', collect)
    .option(
      '--unit <place>',
      'units by their places in the batch, `3` or `0-99`; may be given again',
      collect,
    )
    .option('--credit-to <account>', 'an account, `key:…`; retired for good unless given')
    .addHelpText(
      'after',
      `
Of the files the units are taken that are the key's, and of those the ones that --unit names. What is to be
sent is written to --out first: after a fault, give that file alone, and it is settled once.

Examples:
  $ ringmint retire currency.cbor --key owner.pem --owners request.cbor.owners.json --reason "paid out"
  $ ringmint retire retirement.cbor
`,
    )
    .action(
      async (
        files: string[],
        given: RecordGiven & { owners?: string[]; unit?: string[]; creditTo?: string },
      ) => {
        const { key, reason, owners = [], unit: places = [], creditTo = null } = given;
        const { valid, out, offline } = given;
        const record = { ...trustOf(given), key, reason, valid, out, offline };
        done(
          await runRetire(
            appliance,
            terminal,
            { ...record, files, owners, places, creditTo },
            { clock, random },
          ),
        );
      },
    );
}

/** Adds the commands to `account`, which is `ringmint account`. */
export function addAccountCommands(account: Command, context: SettlementContext): void {
  const { appliance, terminal, clock, random, home, done } = context;
  const command = subcommandsOf(account);
  command('show', 'show what an account has, by issuer and currency', 'show key:5b0e…')
    .argument('<account>', '`key:…`, as `ringmint owner show` tells it')
    .addOption(home())
    .action(async (name: string, given: { home: string }) =>
      done(await runAccountShow(appliance, terminal, { ...given, account: name })),
    );
  addRecordOptions(
    command(
      'transfer',
      'have an amount leave an account, to another one or retired for good',
      'transfer --key owner.pem --to key:5b0e… --amount 12.50 --currency EUR --issuer demo-issuer --reason "invoice 12"',
    ),
    context,
    'transfer.cose',
  )
    .argument('[file]', 'a transfer that was written before, which is sent as it is')
    .option('--to <account>', 'the account that is credited, `key:…`')
    .option('--retire', 'retired for good, instead', false)
    .option('--amount <amount>', 'how much')
    .option('--currency <code>', 'ISO 4217 code')
    .option('--issuer <name>', 'whose currency it is')
    .action(
      async (
        file: string | undefined,
        given: RecordGiven & {
          to?: string;
          retire: boolean;
          amount?: string;
          currency?: string;
          issuer?: string;
        },
      ) => {
        const { key, reason, to, amount, currency, issuer, ...rest } = given;
        const record = { ...rest, ...trustOf(given), key, reason, to, amount, currency, issuer, file };
        done(await runTransfer(appliance, terminal, record, { clock, random }));
      },
    );
}

/** Adds arguments, options and action to `receipt`, which is `ringmint receipt`. */
export function addReceiptCommand(receipt: Command, context: CommandContext): void {
  const { appliance, terminal, clock, home, done } = context;
  receipt
    .argument('<id>', 'of the retirement, as `ringmint unit status` names it, or of the transfer')
    .option('--transfer', 'it is of a transfer', false)
    .option('--out <file>', 'where to write it, instead of ID.settlement.cose')
    .addOption(home())
    .option('--trust <file>', "the trust bundle; the appliance's unless given")
    .option('--root <id>', 'id of the root key that must have signed the trust bundle')
    .action(async (id: string, given: TrustGiven & { transfer: boolean; out?: string }) => {
      const kind = given.transfer ? 'transfer' : 'retirement';
      const nowSeconds = clock.nowSeconds();
      const asked = { ...trustOf(given), id, kind, out: given.out, nowSeconds } as const;
      done(await runReceipt(appliance, terminal, asked));
    });
}

/** Adds `status` to `unit`, which is `ringmint unit`. */
export function addUnitStatusCommand(unit: Command, context: CommandContext): void {
  const { appliance, terminal, clock, home, done } = context;
  subcommandsOf(unit)(
    'status',
    'tell whether units are authentic, offline, and ask the register whether they are unspent',
    'status unit.cbor',
  )
    .argument('<file>', 'a currency file or a unit file')
    .addOption(home())
    .option('--trust <file>', "the trust bundle; the appliance's unless given")
    .option('--root <id>', 'id of the root key that must have signed the trust bundle')
    .action(async (file: string, given: TrustGiven) => {
      const nowSeconds = clock.nowSeconds();
      done(await runUnitStatus(appliance, terminal, { ...trustOf(given), file, nowSeconds }));
    });
}

/** What the appliance's folder has, unless told otherwise. */
function trustOf({ home, trust, root }: TrustGiven): {
  readonly home: string;
  readonly trust: string;
  readonly root: string | undefined;
} {
  return { home, trust: trust ?? join(home, 'trust.cbor'), root };
}

interface RecordGiven extends TrustGiven {
  readonly key?: string;
  readonly reason?: string;
  readonly valid: string;
  readonly out: string;
  readonly offline: boolean;
}

/** Of what an owner signs. */
function addRecordOptions(command: Command, { home }: CommandContext, out: string): Command {
  return command
    .option('--key <file>', "the owner's private key on P-256, PEM, that nobody else can read")
    .option('--reason <text>', 'why, for the journal')
    .option('--valid <seconds>', 'how long it may be sent for the first time', '86400')
    .option('--out <file>', 'where to write what is signed: a new file', out)
    .option('--offline', 'write it, and send nothing', false)
    .addOption(home())
    .option(
      '--trust <file>',
      "the trust bundle, which the receipt is verified with; the appliance's unless given",
    )
    .option('--root <id>', 'id of the root key that must have signed the trust bundle');
}
