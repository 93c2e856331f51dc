/**
 * The command line. src/cli/ may import roles, verifier, records and kit; what touches an HSM, a store or
 * the network comes in through `Appliance`.
 */
import { Argument, Command, CommanderError, Option } from 'commander';
import type { Clock, RandomBytes } from '../kit/clock.ts';
import { type Appliance, type Role, roles } from './appliance.ts';
import { addAuditCommands } from './audit/commands.ts';
import { addBulkCommand } from './bulk/command.ts';
import { addCeremonyCommands } from './ceremony/commands.ts';
import { completionScript } from './completion.ts';
import { addContradictionCommands } from './contradiction.ts';
import { addDeviceCommands } from './device/commands.ts';
import { type ExitCode, exitCode } from './exit-code.ts';
import { runInit } from './init.ts';
import { initAnchors, initHsms, type PlaceArguments } from './init-places.ts';
import { runInspect } from './inspect.ts';
import { runIssue } from './issue.ts';
import { addJournalCommands } from './journal/show.ts';
import { addKeysCommands } from './keys/commands.ts';
import { addOrdersCommands } from './orders/list.ts';
import { addProcessCommands } from './process.ts';
import { addProposalOptions, addQuotaCommands } from './quota/commands.ts';
import { runRequest } from './request.ts';
import { addReservationCommands } from './reservation/commands.ts';
import { addRulesCommands } from './rules/commands.ts';
import {
  addAccountCommands,
  addOwnerCommands,
  addReceiptCommand,
  addRetireCommand,
  addUnitStatusCommand,
} from './settlement/commands.ts';
import { runStart } from './start.ts';
import { runStatus } from './status.ts';
import { runStop } from './stop.ts';
import { addStoreCommands } from './store.ts';
import { makeTerminal, type Streams, type Terminal } from './terminal.ts';
import { runUnit } from './unit.ts';
import { runVerify } from './verify.ts';
import { addVmCommands } from './vm/commands.ts';
import type { StandardInput } from './vm/standard-input.ts';
import { addWatchCommand } from './watch.ts';
import { addWitnessCommands } from './witness/commands.ts';

export interface ProgramOptions {
  readonly appliance: Appliance;
  readonly streams: Streams;
  readonly stdin: StandardInput;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly random: RandomBytes;
}

/** Runs one command line (without `node` and the script) and gives its exit code. */
export async function runProgram(words: readonly string[], options: ProgramOptions): Promise<ExitCode> {
  const { appliance, streams } = options;
  let code: ExitCode = exitCode.ok;
  const json = words.includes('--json');
  const terminal = makeTerminal(streams, json);
  const program = buildProgram(options, terminal, (result) => {
    code = result;
  });
  try {
    await program.parseAsync(words, { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.ok : exitCode.usage;
    const fault = appliance.describeFault(error);
    if (fault !== undefined) return terminal.refuse(fault);
    if (options.environment['RINGMINT_DEBUG'] !== undefined)
      streams.error(`${(error as Error).stack ?? String(error)}\n`);
    return terminal.refuse({
      code: 'internal_error',
      message: `a fault of this program: ${(error as Error).message}; RINGMINT_DEBUG=1 shows where`,
    });
  }
}

function buildProgram(options: ProgramOptions, terminal: Terminal, done: (code: ExitCode) => void): Command {
  const { appliance, streams, stdin, environment, clock, random } = options;
  const program = new Command('ringmint')
    .description('issues digital currency only under a quota: three authorities, three HSM keys')
    .version(appliance.version)
    .exitOverride()
    // Options belong to the command that they stand behind: `quota` has `--home`, and so has `quota propose`.
    .enablePositionalOptions()
    .configureOutput({ writeOut: (text) => streams.out(text), writeErr: (text) => streams.error(text) })
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 fault of this program, 2 bad input, 3 denied or refused, 4 not authentic, 5 HSM, 6 not reachable, 7 trapped.\nEvery command takes --json, for one JSON document on standard output.',
    );
  const home = (): Option =>
    new Option('--home <folder>', 'the folder of the appliance')
      .env('RINGMINT_HOME')
      .default(environment['RINGMINT_HOME'] ?? '.ringmint');
  const trustFile = `${environment['RINGMINT_HOME'] ?? '.ringmint'}/trust.cbor`;
  const command = (name: string, description: string): Command =>
    program.command(name).description(description).option('--json', 'print one JSON document').exitOverride();

  command('init', 'make an appliance: three tokens with keys, trust bundle, ledgers, quotas')
    .addOption(home())
    .requiredOption(
      '--quotas <file>',
      'JSON file of quotas, one object a currency; holds the confidential ceilings',
    )
    .option('--issuer <name>', 'name of the issuer', 'demo-issuer')
    .option('--time-zone <zone>', 'IANA time zone in which days of the daily limit begin', 'Etc/UTC')
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--ports <ports>', '`auto`, or the ports of central, issuance and quota', 'auto')
    .option('--module <path>', 'PKCS#11 module, or `auto` for SoftHSM', 'auto')
    .addOption(
      new Option(
        '--hsm <kind>',
        'where the keys are: SoftHSM tokens, or the simulated secure element, without PKCS#11',
      )
        .choices(initHsms)
        .default('softhsm'),
    )
    .addOption(
      new Option(
        '--anchor <kind>',
        'what knows the end of each journal: simulated secure element, PKCS#11 tokens, TPM 2.0',
      )
        .choices(initAnchors)
        .default('firmware-sim'),
    )
    .option('--tpm <tcti>', 'with --anchor tpm: how the TPM is reached, such as device:/dev/tpmrm0')
    .option('--tpm-index <handle>', 'with --anchor tpm: the first of 768 NV indices (default: 0x01800a00)')
    .option(
      '--tpm-owner-pin <source>',
      "with --anchor tpm: where the owner's authorisation is, such as file:PATH",
    )
    .action(
      async (
        given: Record<'home' | 'quotas' | 'issuer' | 'timeZone' | 'host' | 'ports' | 'module', string> &
          PlaceArguments,
      ) => {
        const { quotas, ...rest } = given;
        done(await runInit(appliance, terminal, { ...rest, quotaFile: quotas }));
      },
    );

  command('up', 'run the three systems until Ctrl-C: three processes, or more where quota control is several')
    .addOption(home())
    .action(async (given: { home: string }) => {
      await appliance.up({
        home: given.home,
        progress: (line) => terminal.progress(line),
        ready: (urls) =>
          terminal.result({ home: given.home, urls }, ['the three systems are up; stop them with Ctrl-C']),
      });
      done(exitCode.ok);
    });

  command('serve', 'run one system until Ctrl-C')
    .addArgument(new Argument('<role>', 'which one').choices(roles))
    .addOption(home())
    .option('--port <port>', 'instead of the configured one; 0 lets the system choose')
    .option(
      '--series <name>',
      'of quota control as several processes (`ringmint process`), which one; the first without it',
    )
    .action(async (role: Role, given: { home: string; port?: string; series?: string }) => {
      const { series } = given;
      if (series !== undefined && role !== 'quota') {
        done(
          terminal.refuse({
            code: 'usage',
            message: `--series \`${series}\`: it is of quota control only; \`serve quota\` is accepted`,
          }),
        );
        return;
      }
      const port = given.port === undefined ? undefined : Number(given.port);
      if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port < 65_536)) {
        done(terminal.refuse({ code: 'usage', message: `--port \`${given.port}\`: 0 to 65535 is accepted` }));
        return;
      }
      await appliance.serve({
        home: given.home,
        role,
        ...(series === undefined ? {} : { series }),
        ...(port === undefined ? {} : { port }),
        ready: (url, finished) =>
          terminal.result({ role, url, finished }, [`${role} serves at ${url}; stop it with Ctrl-C`]),
      });
      done(exitCode.ok);
    });

  command('request', 'make a request that can be sent, from JSON or a CSV of payees')
    .argument('<file>', 'JSON, CBOR, or a .csv with the header payee,amount')
    .option('--out <file>', 'where to write it', 'request.cbor')
    .option('--currency <code>', 'for a CSV: ISO 4217 code')
    .option('--purpose <text>', 'for a CSV: what it is for', '')
    .option('--origin <country>', 'for a CSV: ISO 3166 code')
    .option('--destination <country>', 'for a CSV: ISO 3166 code')
    .option('--owner <owner>', 'of all units of a draft that names none: a name, or `key:…`')
    .action(
      async (
        file: string,
        given: {
          out: string;
          currency?: string;
          purpose: string;
          origin?: string;
          destination?: string;
          owner?: string;
        },
      ) => {
        const { out, currency, purpose, origin, destination, owner } = given;
        done(
          await runRequest(
            terminal,
            { file, out, currency, purpose, origin, destination, owner },
            { clock, random },
          ),
        );
      },
    );

  command('issue', 'send a request through the six steps and write the currency')
    .argument('<file>', 'what `ringmint request` wrote')
    .addOption(home())
    .option('--out <folder>', 'where to write the records and the currency', 'issued')
    .option('--confirm-amount <amount>', 'the amount of the request once more: for one that is not as usual')
    .action(async (file: string, given: { home: string; out: string; confirmAmount?: string }) => {
      const { confirmAmount: confirmed, ...rest } = given;
      done(await runIssue(appliance, terminal, stdin, { ...rest, file, confirmed }));
    });

  addBulkCommand(command('bulk', 'issue to every payee of a CSV of any length; can be interrupted'), {
    appliance,
    terminal,
    stdin,
    clock,
    random,
    home,
    done,
  });

  command('verify', 'tell offline whether a currency file, a unit file or a settlement is authentic')
    .argument('<file>', 'the file')
    .option('--trust <file>', 'the trust bundle', trustFile)
    .option('--root <id>', 'id of the root key that must have signed the trust bundle')
    .option('--revocation-epoch <number>', 'refuse a trust bundle of a lower one: it lacks a revocation')
    .option('--at <time>', 'the moment to verify at, instead of now')
    .option('--of <file>', 'of a settlement: the retirement file or the transfer that it is to be of')
    .action(
      async (
        file: string,
        given: { trust: string; root?: string; revocationEpoch?: string; at?: string; of?: string },
      ) => {
        done(
          await runVerify(terminal, {
            file,
            trust: given.trust,
            root: given.root,
            revocationEpoch: given.revocationEpoch,
            at: given.at,
            of: given.of,
            nowSeconds: clock.nowSeconds(),
          }),
        );
      },
    );

  const unit = command('unit', 'take one unit out of a currency file, with its receipts');
  unit
    .argument('<file>', 'a currency file')
    .argument('<index>', 'which unit, by its place in the batch, from 0')
    .option('--out <file>', 'where to write it', 'unit.cbor')
    .action(async (file: string, index: string, given: { out: string }) => {
      done(await runUnit(terminal, { file, index, ...given }));
    });

  command('inspect', 'decode and explain any file of Ringmint')
    .argument(
      '<file>',
      'a record, a currency file, a unit file, a retirement file, a draft, a trust bundle or a file of a ceremony',
    )
    .action(async (file: string) => {
      done(await runInspect(terminal, { file }));
    });

  command('status', 'show whether each system answers and its token signs')
    .addOption(home())
    .action(async (given: { home: string }) => {
      done(await runStatus(appliance, terminal, { ...given, nowMs: clock.nowMs() }));
    });

  const context = { appliance, terminal, clock, random, home, trustFile, done };
  addUnitStatusCommand(unit, context);
  addOwnerCommands(command('owner', 'keys that own units and accounts'), context);
  addRetireCommand(
    command('retire', 'take units out of circulation, for good or to have an account credited'),
    context,
  );
  addReceiptCommand(
    command('receipt', 'get the signed settlement of a retirement or a transfer, by its id'),
    context,
  );
  addAccountCommands(command('account', 'show accounts, and transfer between them'), context);
  addQuotaCommands(
    command('quota', 'show what is allocated, issued and left, or change it by what two people approve'),
    context,
  );

  addWatchCommand(command('watch', 'show what happens in the systems, as it happens, until Ctrl-C'), context);
  addOrdersCommands(command('orders', 'list the orders that issuance has taken on'), context);
  addReservationCommands(command('reservation', 'keep a part of the quota for orders to come'), {
    ...context,
    random,
  });
  addJournalCommands(command('journal', 'show the journal of a running system'), context);

  command('stop', 'stop issuing at once: one person is enough')
    .addOption(home())
    .requiredOption('--reason <text>', 'why, for the journal')
    .option('--key <file>', "an approver's private key, instead of the operator's certificate")
    .option('--trust <file>', 'the trust bundle, which names the approvers', trustFile)
    .option('--root <id>', 'id of the root key that must have signed the trust bundle')
    .action(async (given: { home: string; reason: string; key?: string; trust: string; root?: string }) => {
      const { key, root, ...rest } = given;
      done(await runStop(appliance, terminal, { ...rest, key, root }, { clock, random }));
    });

  const start = command('start', 'write down that issuing is to start again, for two people to approve');
  addProposalOptions(start.addOption(home()), 'start.cbor').action(
    async (given: Record<'home' | 'reason' | 'valid' | 'out', string>) => {
      done(await runStart(appliance, terminal, given, clock));
    },
  );

  addKeysCommands(
    command('keys', 'list, rotate, revoke, audit and back up the keys of the three systems'),
    context,
  );

  addDeviceCommands(
    command('device', 'secure elements, simulated: make, look into, attest and end them'),
    context,
  );

  addStoreCommands(
    command('store', 'back ledgers up, verify, restore and move them, and go on after a loss'),
    context,
  );
  addProcessCommands(
    command('process', 'have quota control be several processes on one PostgreSQL ledger'),
    context,
  );
  addWitnessCommands(
    command('witness', 'journal heads that the systems hold of each other: keep, check and release them'),
    context,
  );

  addContradictionCommands(
    command('contradiction', 'what issuance holds against quota control: two control bits under one serial'),
    context,
  );

  addAuditCommands(
    command('audit', 'rebuild everything from the ledgers of the three systems, and sign what was found'),
    context,
  );

  addCeremonyCommands(command('ceremony', 'change keys by plans that several people approve'), context);

  addVmCommands(command('vm', 'the label machine: assemble, run, look into and sign its programs'), {
    appliance,
    terminal,
    streams,
    stdin,
    clock,
    home,
    done,
  });

  addRulesCommands(command('rules', 'rule modules: write, check, test and look into them'), {
    appliance,
    terminal,
    streams,
    stdin,
    clock,
    home,
    done,
  });

  command('completion', 'print a completion script for a shell')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh']))
    .action((shell: 'bash' | 'zsh') => {
      streams.out(completionScript(program, shell));
    });

  return program;
}
