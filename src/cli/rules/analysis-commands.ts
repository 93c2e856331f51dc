/** Commands that look into a rule set before it goes live. */
import type { Command } from 'commander';
import type { Clock } from '../../kit/clock.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Terminal } from '../terminal.ts';
import type { StandardInput } from '../vm/standard-input.ts';

export interface AnalysisCommandOptions {
  readonly terminal: Terminal;
  readonly stdin: StandardInput;
  readonly clock: Clock;
  readonly done: (code: ExitCode) => void;
}

interface Given {
  readonly at?: string;
  readonly questionSeconds?: string;
  readonly totalSeconds?: string;
  readonly steps?: string;
}

interface DifferenceGiven {
  readonly ranges: boolean;
  readonly refuseLaxer: boolean;
  readonly facts?: string;
}

/** `command` makes one of `ringmint rules`. */
export function addAnalysisCommands(
  command: (name: string, description: string, ...examples: string[]) => Command,
  { terminal, stdin, clock, done }: AnalysisCommandOptions,
): void {
  const withLimits = (made: Command): Command =>
    made
      .option(
        '--at <day>',
        'YYYY-MM-DD: as of that day, and for transactions from then on; today where nothing is said',
      )
      .option('--question-seconds <count>', 'the most that one question to the solver may take')
      .option('--total-seconds <count>', 'the most that all of them together may take')
      .option(
        '--steps <count>',
        "the most of the solver's own steps for one question, the same on every machine",
      );
  const argumentsOf = ({ at, questionSeconds, totalSeconds, steps }: Given) => ({
    stdin,
    at,
    nowSeconds: clock.nowSeconds(),
    questionSeconds,
    totalSeconds,
    steps,
  });
  const set = 'a folder with a rule set, a bundle, or a module';

  withLimits(
    command(
      'check',
      'everything that a rule set has to pass before it goes live: tests, coverage, analysis',
      'check samples/rules',
      'check samples/rules/us-payments.rules --at 2027-01-01',
    ),
  )
    .argument('<set>', set)
    .action(async (path: string, given: Given) => {
      const { runCheck } = await import('./checking.ts');
      done(await runCheck(terminal, { path, ...argumentsOf(given) }));
    });

  withLimits(
    command(
      'cover',
      'tell what the tests of modules do not show, with tests that would',
      'cover samples/rules/us-payments.rules',
    ),
  )
    .argument('<set>', set)
    .action(async (path: string, given: Given) => {
      const { runRulesCover } = await import('./checking.ts');
      done(await runRulesCover(terminal, { path, ...argumentsOf(given) }));
    });

  withLimits(
    command(
      'diff',
      'tell for which transactions another rule set is laxer or stricter: for all that there can be',
      'diff samples/rules candidate.rulebundle',
      'diff samples/rules candidate.rulebundle --ranges',
      'diff samples/rules candidate.rulebundle --facts samples/rules/facts.jsonl',
    ),
  )
    .argument('<old>', 'the set in force: a folder or a bundle')
    .argument('<new>', 'the other one')
    .option('--ranges', 'wherever parameters may be moved to, and not only as the sets have them', false)
    .option('--refuse-laxer', 'refuse where the new one is laxer for any transaction', false)
    .option('--facts <file>', 'for recorded facts, one decision a line, instead: as `ringmint rules replay`')
    .action(async (path: string, other: string, given: Given & DifferenceGiven) => {
      if (given.facts !== undefined) {
        const { runReplay } = await import('./replay.ts');
        done(await runReplay(terminal, { facts: given.facts, live: path, candidate: other, stdin }));
        return;
      }
      const { runDiff } = await import('./difference.ts');
      const { ranges, refuseLaxer } = given;
      done(await runDiff(terminal, { path, other, ranges, refuseLaxer, ...argumentsOf(given) }));
    });
}
