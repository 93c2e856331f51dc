/** The commands of `ringmint rules` that are about central management's own rules. */
import type { Command, Option } from 'commander';
import type { Appliance } from '../appliance.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Terminal } from '../terminal.ts';

export interface ActivationCommandOptions {
  readonly appliance: Appliance;
  readonly terminal: Terminal;
  readonly home: () => Option;
  readonly done: (code: ExitCode) => void;
}

export type MakeRulesCommand = (name: string, description: string, ...examples: string[]) => Command;

export function addActivationCommands(
  command: MakeRulesCommand,
  { appliance, terminal, home, done }: ActivationCommandOptions,
): void {
  const { rules } = appliance;
  interface Given {
    readonly home: string;
  }

  command(
    'stage',
    "check a rule bundle and its signatures, and keep it in central management's folder; it is not in force by that",
    'stage example-2.rulebundle',
  )
    .argument('<bundle>', 'what `ringmint rules build` wrote, signed')
    .addOption(home())
    .action(async (file: string, given: Given) => {
      const { runStage } = await import('./activation.ts');
      done(await runStage(rules, terminal, { ...given, file }));
    });

  command('activate', 'put the staged rule set in force, under the next version', 'activate')
    .addOption(home())
    .action(async (given: Given) => {
      const { runActivate } = await import('./activation.ts');
      done(await runActivate(rules, terminal, given.home));
    });

  command('revert', 'put the rule set in force that was before, under the next version', 'revert')
    .addOption(home())
    .action(async (given: Given) => {
      const { runRevert } = await import('./activation.ts');
      done(await runRevert(rules, terminal, given.home));
    });

  command(
    'shadow',
    'have the staged rule set decide in the shadow: no answer changes by it',
    'shadow',
    'shadow --report',
    'shadow --off',
  )
    .addOption(home())
    .option('--off', 'nothing decides in the shadow any more', false)
    .option('--report', 'what it would have decided otherwise, with examples', false)
    .action(async (given: Given & { off: boolean; report: boolean }) => {
      const { runShadow } = await import('./activation.ts');
      done(await runShadow(rules, terminal, given));
    });

  command('status', 'which rule set is in force, and which were', 'status')
    .addOption(home())
    .action(async (given: Given) => {
      const { runRuleStatus } = await import('./activation.ts');
      done(await runRuleStatus(rules, terminal, given.home));
    });

  command(
    'rerun',
    'make recorded decisions again and compare them bit for bit; exit code 4 where one differs',
    'rerun 0193e2a4-7c00-7000-8000-000000000001',
    'rerun --all',
  )
    .argument('[request]', 'id of a request')
    .addOption(home())
    .option('--all', 'every decision of the ledger', false)
    .action(async (id: string | undefined, given: Given & { all: boolean }) => {
      const { runRerun } = await import('./activation.ts');
      done(await runRerun(rules, terminal, { ...given, id }));
    });
}
