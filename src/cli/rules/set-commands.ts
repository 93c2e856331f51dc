/** Commands on whole rule sets: put together, signed, shown, tried out. */
import { type Command, Option } from 'commander';
import type { Clock } from '../../kit/clock.ts';
import { refuse } from '../../kit/result.ts';
import type { Appliance } from '../appliance.ts';
import type { ExitCode } from '../exit-code.ts';
import { collect } from '../subcommands.ts';
import type { Terminal } from '../terminal.ts';
import type { StandardInput } from '../vm/standard-input.ts';

export interface SetCommandOptions {
  readonly appliance: Appliance;
  readonly terminal: Terminal;
  readonly stdin: StandardInput;
  readonly clock: Clock;
  readonly home: () => Option;
  readonly done: (code: ExitCode) => void;
}

/** `command` makes one of `ringmint rules`. */
export function addSetCommands(
  command: (name: string, description: string, ...examples: string[]) => Command,
  options: SetCommandOptions,
): void {
  const { appliance, terminal, stdin, clock, home, done } = options;

  command(
    'build',
    'check a folder with a rule set and write it into one file, or programs of it as WebAssembly, the same bytes each time',
    'build samples/rules --out example.rulebundle',
    'build samples/rules --target wasm --corridor transfer:US:FR:USD --out us-fr',
  )
    .argument('<folder>', 'a folder with one *.ruleset, its modules, lists and signatures')
    .addOption(
      new Option('--target <form>', 'a bundle for `ringmint`, or WebAssembly for any host')
        .choices(['bundle', 'wasm'])
        .default('bundle'),
    )
    .option('--corridor <between>', 'of wasm: KIND:ORIGIN:DESTINATION:CURRENCY; may be given again', collect)
    .option('--out <path>', 'where to write; NAME-VERSION.rulebundle, or the folder NAME-VERSION.wasm')
    .option('--no-secret-lists', 'of a bundle: leave out the files of secret lists')
    .action(
      async (
        folder: string,
        given: { target: string; corridor?: string[]; out?: string; secretLists: boolean },
      ) => {
        const { target, corridor, out, secretLists } = given;
        if (target === 'wasm') {
          if (!secretLists)
            return done(terminal.refuse(refuse('usage', '--no-secret-lists: of a bundle it is accepted')));
          const { runBuildPrograms } = await import('./program-files.ts');
          return done(await runBuildPrograms(terminal, { folder, corridors: corridor ?? [], out }));
        }
        if (corridor !== undefined)
          return done(terminal.refuse(refuse('usage', '--corridor: with `--target wasm` it is accepted')));
        const { runBuild } = await import('./bundle-file.ts');
        done(await runBuild(terminal, { folder, out, secretLists }));
      },
    );

  command(
    'sign',
    'sign a module as a jurisdiction, or a bundle, or an index of programs, as its publisher',
    'sign rules/us-payments.rules --as US --key us.pem',
    'sign example-1.rulebundle --home .ringmint',
    'sign us-fr/index.json --key publisher.pem',
  )
    .argument('<file>', 'a module, a bundle, or what `build --target wasm` wrote')
    .option('--as <code>', 'of a module: the jurisdiction that signs it')
    .option('--key <file>', 'a private key on P-256 in PEM; else the key of central management, in its HSM')
    .addOption(home())
    .option(
      '--out <file>',
      'where to write; FILE.CODE.sig beside a module, the bundle itself, or FILE.sig beside an index',
    )
    .action(async (file: string, given: { as?: string; key?: string; home: string; out?: string }) => {
      const { runRulesSign } = await import('./signature.ts');
      const { as, key, out } = given;
      done(await runRulesSign(appliance, terminal, { file, as, key, out, home: given.home }));
    });

  command(
    'show',
    'tell what is in a rule set, and who signed what',
    'show example-1.rulebundle --trust .ringmint/trust.cbor',
  )
    .argument('<set>', 'a folder with a rule set, or a bundle')
    .option('--list <file>', 'a list that the bundle lacks; may be given again', collect)
    .option('--key <file>', 'take only a bundle that this public key signed; may be given again', collect)
    .option('--trust <file>', 'take only a bundle that central management of this trust bundle signed')
    .option('--root <id>', 'id of the root key that must have signed the trust bundle')
    .action(
      async (path: string, given: { list?: string[]; key?: string[]; trust?: string; root?: string }) => {
        const { runShow } = await import('./bundle-file.ts');
        const { list = [], key = [], trust, root } = given;
        done(
          await runShow(terminal, {
            path,
            lists: list,
            trust: { key, trust, root, nowSeconds: clock.nowSeconds() },
          }),
        );
      },
    );

  command(
    'replay',
    'decide recorded facts by a candidate beside the set in force, and tell what would change',
    'replay --facts samples/rules/facts.jsonl --live samples/rules --candidate candidate.rulebundle',
  )
    .requiredOption('--facts <file>', 'facts as JSON, one decision a line; `-` for standard input')
    .requiredOption('--live <set>', 'the set in force: a folder or a bundle')
    .requiredOption('--candidate <set>', 'the other one')
    .option('--list <file>', 'a list that a bundle lacks; may be given again', collect)
    .option(
      '--cleared-for <code>',
      'whose secrets may be looked at; may be given again; all where nothing is said',
      collect,
    )
    .option('--check', 'have the reference evaluator decide, too, and tell where it differs', false)
    .option('--examples <count>', 'of each kind of change', '3')
    .option('--skip <lines>', 'pass over so many, to go on where an earlier run ended', '0')
    .option('--limit <lines>', 'end after so many')
    .action(
      async (given: {
        facts: string;
        live: string;
        candidate: string;
        list?: string[];
        clearedFor?: string[];
        check: boolean;
        examples: string;
        skip: string;
        limit?: string;
      }) => {
        const { runReplay } = await import('./replay.ts');
        const { list = [], clearedFor, limit, ...rest } = given;
        done(
          await runReplay(terminal, {
            ...rest,
            lists: list,
            stdin,
            ...(clearedFor === undefined ? {} : { clearedFor }),
            ...(limit === undefined ? {} : { limit }),
          }),
        );
      },
    );
}
