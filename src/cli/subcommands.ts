/** What groups of commands, such as `ringmint keys`, are made with. */
import { type Command, Option } from 'commander';
import type { Clock } from '../kit/clock.ts';
import type { Appliance } from './appliance.ts';
import type { ExitCode } from './exit-code.ts';
import type { Terminal } from './terminal.ts';

export interface CommandContext {
  readonly appliance: Appliance;
  readonly terminal: Terminal;
  readonly clock: Clock;
  readonly home: () => Option;
  /** Where the trust bundle is, unless told otherwise. */
  readonly trustFile: string;
  readonly done: (code: ExitCode) => void;
}

export type MakeCommand = (name: string, description: string, example: string) => Command;

/** Makes commands of `group`, each with an example of what to type. */
export function subcommandsOf(group: Command): MakeCommand {
  return (name, description, example) =>
    group
      .command(name)
      .description(description)
      .option('--json', 'print one JSON document')
      .exitOverride()
      .addHelpText('after', `\nExample:\n  $ ringmint ${group.name()} ${example}\n`);
}

export function rootFolderOption(): Option {
  return new Option('--root-folder <folder>', "the root's folder, where it is not in the appliance's");
}

/** Of an option that may be given again. */
export function collect(value: string, earlier: string[] | undefined): string[] {
  return [...(earlier ?? []), value];
}
