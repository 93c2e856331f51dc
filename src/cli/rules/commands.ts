/** `ringmint rules …`: the commands of the rule language, with their options. Each loads what it alone needs when it is called. */
import type { Command } from 'commander';
import type { Streams } from '../terminal.ts';
import { addActivationCommands } from './activation-commands.ts';
import { addAnalysisCommands } from './analysis-commands.ts';
import { addQuestionCommands } from './question-commands.ts';
import { addSetCommands, type SetCommandOptions } from './set-commands.ts';

export interface RulesCommandOptions extends SetCommandOptions {
  readonly streams: Streams;
}

/** Adds the commands to `rules`, which is `ringmint rules`. */
export function addRulesCommands(rules: Command, options: RulesCommandOptions): void {
  const { terminal, streams, stdin, done } = options;
  rules.addHelpText(
    'after',
    '\nExit codes: 0 done, 2 bad input, 3 refused, 4 not authentic, 5 HSM. docs/RULE-TOOLS.md has more of each.',
  );
  const command = (name: string, description: string, ...examples: string[]): Command =>
    rules
      .command(name)
      .description(description)
      .option('--json', 'print one JSON document')
      .exitOverride()
      .addHelpText(
        'after',
        `\nExamples:\n${examples.map((line) => `  $ ringmint rules ${line}\n`).join('')}`,
      );

  command(
    'fmt',
    'write modules in their canonical form; comments stay',
    'fmt samples/rules/us-payments.rules',
    'fmt --check samples/rules',
  )
    .argument('<file...>', 'modules, folders of modules, or `-` for standard input to standard output')
    .option('--check', 'only tell which are not in canonical form (exit code 3)', false)
    .action(async (files: string[], given: { check: boolean }) => {
      const { runFormat } = await import('./formatting.ts');
      done(await runFormat(terminal, streams, { files, check: given.check, stdin }));
    });

  addSetCommands(command, options);
  addAnalysisCommands(command, options);

  addActivationCommands(command, options);

  addQuestionCommands(command, options);

  command(
    'language-server',
    'serve editors by the Language Server Protocol on standard input and output',
    'language-server --stdio',
  )
    .option('--stdio', 'what editors say for standard input and output, which is what it does anyway')
    .action(async () => {
      const { runLanguageServer } = await import('./language-server.ts');
      done(await runLanguageServer(streams, stdin));
    });
}
