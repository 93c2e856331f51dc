/** `ringmint vm debug`: steps through a run, both ways; commands come from standard input. */
import { Debugger } from '../../../vm/debugger.ts';
import { refuse } from '../../kit/result.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Streams, Terminal } from '../terminal.ts';
import { refuseProgram } from './program-file.ts';
import { openRecordedRun, type RecordedArguments } from './recorded-run.ts';
import { linesOf } from './standard-input.ts';

const prompt = '(vm) ';

export async function runDebug(
  terminal: Terminal,
  streams: Streams,
  given: RecordedArguments,
): Promise<ExitCode> {
  if (given.file === '-' || given.trace === '-')
    return terminal.refuse(
      refuse('usage', 'standard input has the commands of the debugger: program and trace are files'),
    );
  const opened = await openRecordedRun(given);
  if (!opened.ok) return refuseProgram(terminal, opened);
  const { timeline } = opened.value;
  const { isTerminal } = given.stdin;
  const session = new Debugger(timeline, (steps) => terminal.progress(`  ${steps} steps …`));
  const ask = (): void => {
    if (isTerminal && !terminal.json) streams.out(prompt);
  };
  const commands: { readonly command: string; readonly ok: boolean; readonly lines: readonly string[] }[] =
    [];
  for (const line of session.where()) terminal.say(line);
  if (isTerminal) terminal.say('`help` lists the commands');
  ask();
  for await (const line of linesOf(given.stdin)) {
    const command = line.trim();
    if (command === '' || command.startsWith('#')) {
      ask();
      continue;
    }
    // What is read from a file is shown, so that the answers can be told apart.
    if (!isTerminal) terminal.say(`${prompt}${command}`);
    const answer = session.execute(command);
    for (const shown of answer.lines) terminal.say(shown);
    if (terminal.json) commands.push({ command, ok: answer.ok, lines: answer.lines });
    if (!isTerminal && !answer.ok) {
      const message = answer.lines.join('; ');
      return terminal.refuse(
        refuse('command_unknown', `the debugger stopped at \`${command}\`: ${message}`),
        {
          commands,
        },
      );
    }
    if (answer.quits) break;
    ask();
  }
  return terminal.result({ steps: timeline.steps, commands }, []);
}
