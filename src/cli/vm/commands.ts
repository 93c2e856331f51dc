/** `ringmint vm …`: the commands of the label machine, with their options. */

import type { Command, Option } from 'commander';
import type { Clock } from '../../kit/clock.ts';
import type { Appliance } from '../appliance.ts';
import type { ExitCode } from '../exit-code.ts';
import { collect } from '../subcommands.ts';
import type { Streams, Terminal } from '../terminal.ts';
import { runAsm, runCheck, runDisasm } from './assembly.ts';
import { runCover } from './cover.ts';
import { runDebug } from './debug.ts';
import type { ProgramArguments } from './program-file.ts';
import type { RecordedArguments } from './recorded-run.ts';
import { runRun } from './run.ts';
import { runSign, runVmVerify } from './signature.ts';
import type { StandardInput } from './standard-input.ts';
import { runTrace } from './trace.ts';
import { runCheckTranslation, runTranslate } from './translation.ts';
import { runWhy } from './why.ts';

export interface VmCommandOptions {
  readonly appliance: Appliance;
  readonly terminal: Terminal;
  readonly streams: Streams;
  readonly stdin: StandardInput;
  readonly clock: Clock;
  readonly home: () => Option;
  readonly done: (code: ExitCode) => void;
}

/** What all of them may be given. */
interface Given {
  readonly key?: string[];
  readonly trust?: string;
  readonly root?: string;
  readonly out?: string;
}

interface RunGiven extends Given {
  readonly input?: string[];
  readonly fuel?: string;
  readonly steps: string;
  readonly trace?: string;
}

const program = 'source text, a module or a signed module; `-` for standard input';
const source = 'of a translated module: the module that it is of, with which it is checked';

/** Adds the commands to `vm`, which is `ringmint vm`. */
export function addVmCommands(vm: Command, options: VmCommandOptions): void {
  const { appliance, terminal, streams, stdin, clock, home, done } = options;
  vm.addHelpText(
    'after',
    '\nExit codes: 0 done, 2 bad input, 3 refused by the loader, `check` or `cover --least`, 4 not authentic, or no translation of its module, 5 HSM, 7 trapped (`run` alone).',
  );
  const command = (name: string, description: string, file: string, ...examples: string[]): Command =>
    vm
      .command(name)
      .description(description)
      .argument('<file>', file)
      .option('--json', 'print one JSON document')
      .exitOverride()
      .addHelpText('after', `\nExamples:\n${examples.map((line) => `  $ ringmint vm ${line}\n`).join('')}`);

  const withTrust = (made: Command): Command =>
    made
      .option('--key <file>', 'take only a module that this public key signed; may be given again', collect)
      .option('--trust <file>', 'take only a module that central management of this trust bundle signed')
      .option('--root <id>', 'id of the root key that must have signed the trust bundle');
  const withInputs = (made: Command): Command =>
    withTrust(made)
      .option(
        '--input <words>',
        "SEGMENT[INDEX]=VALUE, a number or a symbol such as 'USD'; more values fill the words after it; may be given again",
        collect,
      )
      .option('--fuel <amount>', 'what the run may use; the dearest run where nothing is said');
  const withRecording = (made: Command): Command =>
    withInputs(made)
      .option('--trace <file>', 'look at a trace of the program instead of running it')
      .option('--steps <count>', 'end the recording after so many', '100000');

  const programOf = (file: string, { key = [], trust, root }: Given): ProgramArguments => ({
    file,
    stdin,
    key,
    trust,
    root,
    nowSeconds: clock.nowSeconds(),
  });
  const recordingOf = (file: string, given: RunGiven): RecordedArguments => ({
    ...programOf(file, given),
    input: given.input ?? [],
    fuel: given.fuel,
    steps: given.steps,
    trace: given.trace,
  });

  command(
    'asm',
    'assemble source text into a module that the loader takes',
    'source text; `-` for standard input',
    'asm samples/vm/payment.rasm --out payment.rmvm',
  )
    .option('--out <file>', 'where to write the module', 'module.rmvm')
    .option('--no-names', 'leave out names and line numbers')
    .action(async (file: string, given: { out: string; names: boolean }) => {
      done(await runAsm(terminal, { ...programOf(file, {}), ...given }));
    });

  withTrust(
    command(
      'disasm',
      'print the text of a module, which assembles to the same bytes',
      program,
      'disasm payment.rmvm',
    ),
  )
    .option('--out <file>', 'where to write it, instead of standard output')
    .action(async (file: string, given: Given) => {
      done(await runDisasm(terminal, { ...programOf(file, given), out: given.out }));
    });

  withTrust(
    command(
      'check',
      'find instructions that always trap by their labels, before anything runs',
      program,
      'check samples/vm/leak.rasm',
    ),
  ).action(async (file: string, given: Given) => {
    done(await runCheck(terminal, programOf(file, given)));
  });

  withInputs(
    command(
      'run',
      'run a program, and tell what its reader is cleared for',
      'source text, a module, or a translated one, signed or not; `-` for standard input',
      "run samples/vm/payment.rasm --input 'amount[0]=250' --input 'limit[0]=1000'",
      "run samples/vm/payment.rasm --input 'amount[0]=250' --clearance 'C4 A6 {1}'",
    ),
  )
    .option('--clearance <label>', 'of the reader, or `all`; the public where nothing is said')
    .option('--source <file>', source)
    .action(
      async (file: string, given: RunGiven & { readonly clearance?: string; readonly source?: string }) => {
        const { input = [], fuel, clearance, source: module } = given;
        const options = { input, fuel, clearance, source: module };
        done(await runRun(terminal, { ...programOf(file, given), ...options }));
      },
    );

  withRecording(
    command(
      'trace',
      'write what each instruction did, as JSON lines',
      program,
      "trace samples/vm/sum.rasm --input 'amounts[0]=5 7' --out sum.jsonl",
    ),
  )
    .option('--out <file>', 'where to write it, instead of standard output')
    .action(async (file: string, given: RunGiven) => {
      done(await runTrace(terminal, streams, { ...recordingOf(file, given), out: given.out }));
    });

  withRecording(
    command(
      'debug',
      'step through a run, forwards and backwards, with commands from standard input',
      program,
      "debug samples/vm/payment.rasm --input 'amount[0]=250'",
      'debug samples/vm/sum.rasm --trace sum.jsonl',
    ),
  ).action(async (file: string, given: RunGiven) => {
    done(await runDebug(terminal, streams, recordingOf(file, given)));
  });

  withInputs(
    command(
      'cover',
      'tell which instructions and arms were run',
      program,
      'cover samples/vm/payment.rasm --runs samples/vm/payment-runs.json --least 90',
    ),
  )
    .option('--runs <file>', 'JSON: for each run a list of inputs, besides those of `--input`')
    .option('--least <percent>', 'refuse where less is covered')
    .option('--steps <count>', 'end a run after so many', '10000000')
    .action(async (file: string, given: RunGiven & { readonly runs?: string; readonly least?: string }) => {
      const { input = [], fuel, steps, runs, least } = given;
      done(await runCover(terminal, { ...programOf(file, given), input, fuel, steps, runs, least }));
    });

  withRecording(
    command(
      'why',
      'tell where a label comes from',
      program,
      "why samples/vm/payment.rasm r5 --input 'amount[0]=250'",
      'why samples/vm/leak.rasm trap',
    ),
  )
    .argument('<what>', 'a register such as r3, pc, SEGMENT[INDEX], a port, or `trap`')
    .option('--at <step>', 'after this step, instead of at the end')
    .option('--all', 'every source, and not only the nearest', false)
    .action(
      async (
        file: string,
        what: string,
        given: RunGiven & { readonly at?: string; readonly all: boolean },
      ) => {
        const { at, all } = given;
        done(await runWhy(terminal, { ...recordingOf(file, given), what, at, all }));
      },
    );

  withTrust(
    command(
      'translate',
      'make WebAssembly of a module, check it, and tell which checks it leaves out',
      program,
      'translate samples/vm/payment.rasm --out payment.wasm',
      'translate samples/vm/leak.rasm --out leak.wasm --explain',
    ),
  )
    .option('--out <file>', 'where to write the translated module', 'module.wasm')
    .option('--explain', 'tell of each check that is left out where it was, and why it could not fail', false)
    .action(async (file: string, given: Given & { readonly out: string; readonly explain: boolean }) => {
      const { out, explain } = given;
      done(await runTranslate(terminal, { ...programOf(file, given), out, explain }));
    });

  withTrust(
    command(
      'check-translation',
      'tell whether a translated module is one of a module',
      program,
      'check-translation samples/vm/payment.rasm payment.wasm',
    ),
  )
    .argument('<translation>', 'a translated module, signed or not; `-` for standard input')
    .action(async (file: string, translation: string, given: Given) => {
      done(await runCheckTranslation(terminal, { ...programOf(file, given), translation }));
    });

  command(
    'sign',
    'sign a module or a translated one with the key of central management, in its HSM',
    'source text, a module or a translated one; `-` for standard input',
    'sign payment.rmvm --home .ringmint --out payment.cose',
    'sign payment.wasm --source payment.rmvm --home .ringmint --out payment.wasm.cose',
  )
    .addOption(home())
    .option('--out <file>', 'where to write it, signed', 'module.cose')
    .option('--no-names', 'leave out names and line numbers, which are not signed')
    .option('--source <file>', source)
    .action(async (file: string, given: { home: string; out: string; names: boolean; source?: string }) => {
      const { source: module, ...rest } = given;
      done(await runSign(appliance, terminal, { ...programOf(file, {}), ...rest, source: module }));
    });

  withTrust(
    command(
      'verify',
      'tell whether a module, or a translated one, is signed by a trusted key',
      'a signed module or translation; `-` for standard input',
      'verify payment.cose --trust .ringmint/trust.cbor',
      'verify payment.cose --key central.pem --out payment.rmvm',
    ),
  )
    .option('--out <file>', 'where to write it without its signature')
    .action(async (file: string, given: Given) => {
      done(await runVmVerify(terminal, { ...programOf(file, given), out: given.out }));
    });
}
