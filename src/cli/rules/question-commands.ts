/** Commands that ask rules: whether their tests hold, why a decision is as it is, and what a rule looks at. */
import type { Command } from 'commander';
import { collect } from '../subcommands.ts';
import type { ExplainArguments } from './explaining.ts';
import type { SetCommandOptions } from './set-commands.ts';

/** `command` makes one of `ringmint rules`. */
export function addQuestionCommands(
  command: (name: string, description: string, ...examples: string[]) => Command,
  options: SetCommandOptions,
): void {
  const { terminal, stdin, clock, done } = options;

  command(
    'test',
    'run the tests that modules carry, on the machine and on the evaluator',
    'test samples/rules',
    'test samples/rules/us-payments.rules',
  )
    .argument(
      '<path...>',
      'folders of modules or of a rule set, bundles, or modules, each in the set of its folder',
    )
    .action(async (paths: string[]) => {
      const { runRuleTests } = await import('./testing.ts');
      done(await runRuleTests(terminal, { paths, stdin }));
    });

  command(
    'explain',
    'tell why a decision is as it is, or which rules meet an amount from one country to another',
    'explain --set samples/rules --facts samples/rules/facts.jsonl --id us-at-travel-rule',
    'explain --set samples/rules --facts samples/rules/facts.jsonl --id on-the-list --cleared-for US',
    'explain --set samples/rules --amount 12000 --currency USD --from US --to FR',
  )
    .option('--set <path>', 'a folder with a rule set, or a bundle', '.')
    .option('--facts <file>', 'a transaction as a line of JSON, or several; `-` for standard input')
    .option('--id <id>', 'of the line that is asked about; the first where nothing is said')
    .option('--amount <amount>', 'such as 12000 or 12000.00, instead of a file')
    .option('--currency <code>', 'its currency, ISO 4217')
    .option('--from <country>', 'where it comes from, ISO 3166-1')
    .option('--to <country>', 'where it goes to, ISO 3166-1')
    .option('--kind <kind>', '`transfer` or `issuance`', 'transfer')
    .option('--at <time>', 'such as 2026-11-22T12:00:00Z; now where nothing is said')
    .option('--fact <field=value>', 'another fact, such as `tx.tier=basic`; may be repeated', collect, [])
    .option(
      '--cleared-for <owner>',
      'whose secrets the reader may see, such as US; may be repeated',
      collect,
      [],
    )
    .option('--all', 'also of rules that do not apply, what their clauses came to', false)
    .action(async (given: ExplainArguments) => {
      const { runExplain } = await import('./explaining.ts');
      done(await runExplain(terminal, { stdin, clock }, given));
    });

  command(
    'why',
    'tell what a rule looks at, what may beat it, and why it is whose secret',
    'why us.payments/sanctions --set samples/rules',
    'why jp.payments/report --set samples/rules',
  )
    .argument('<rule...>', '`MODULE/RULE`, or `RULE` where one module has it')
    .option('--set <path>', 'a folder with a rule set, or a bundle', '.')
    .action(async (names: string[], given: { set: string }) => {
      const { runRuleWhy } = await import('./rule-reasons.ts');
      done(await runRuleWhy(terminal, { rules: names, set: given.set }));
    });
}
