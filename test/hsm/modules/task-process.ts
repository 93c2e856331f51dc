/** The process that one task runs in; see module-task.ts. Its native crashes and hangs are its own. */
import { setTimeout as wait } from 'node:timers/promises';
import type { FromTask, ToTask } from './module-task.ts';
import { tasks } from './tasks.ts';
import { TokenSession } from './token-session.ts';

const tell = (message: FromTask): Promise<void> =>
  new Promise((resolve, reject) => {
    process.send?.(message, undefined, undefined, (error) => (error === null ? resolve() : reject(error)));
  });

let resume: (() => void) | undefined;
process.on('message', (message: ToTask) => {
  if (message === 'go on') {
    resume?.();
    return;
  }
  void run(message);
});
// Its parent has gone: nobody reads what it finds.
process.on('disconnect', () => process.exit(0));

async function run({ address, task, argument }: Exclude<ToTask, 'go on'>): Promise<void> {
  const pause = async (name: string): Promise<void> => {
    const resumed = new Promise<void>((resolve) => {
      resume = resolve;
    });
    await tell({ kind: 'pause', name });
    await resumed;
  };
  try {
    const work = tasks[task];
    if (work === undefined) throw new Error(`no task \`${task}\``);
    const token = new TokenSession(
      address,
      (answer) => void tell({ kind: 'answer', answer }),
      (call, when) => void tell({ kind: 'asking', call, when }),
    );
    const result = await work({ token, argument, pause });
    await tell({ kind: 'result', result });
  } catch (error) {
    await tell({ kind: 'threw', message: error instanceof Error ? error.message : String(error) });
  }
  // Lets what was sent reach the pipe; a module's own exit handlers may crash, and then that is an answer too.
  await wait(10);
  process.exit(0);
}
