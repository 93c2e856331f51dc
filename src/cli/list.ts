/** Lists of any length: printed as they come, so that neither end keeps them. */
import { InvalidArgumentError, Option } from 'commander';
import type { Result } from '../kit/result.ts';
import { type ExitCode, exitCode } from './exit-code.ts';
import type { Terminal } from './terminal.ts';

export function listOption(): Option {
  return new Option('--most <count>', 'end after so many').argParser((text) => {
    if (!/^[1-9][0-9]{0,8}$/.test(text))
      throw new InvalidArgumentError('a whole number from 1 to 999999999 is accepted');
    return Number(text);
  });
}

export interface Printing<T> {
  readonly most: number | undefined;
  /** With --json. */
  readonly item: (one: T) => Readonly<Record<string, unknown>>;
  readonly line: (one: T) => string;
}

export async function printList<T>(
  terminal: Terminal,
  list: AsyncIterable<Result<T>>,
  { most = Number.POSITIVE_INFINITY, item, line }: Printing<T>,
): Promise<ExitCode> {
  terminal.startLines();
  let printed = 0;
  for await (const one of list) {
    if (!one.ok) return terminal.refuse(one);
    terminal.item(
      () => item(one.value),
      () => line(one.value),
    );
    if (++printed >= most) break;
  }
  return exitCode.ok;
}
