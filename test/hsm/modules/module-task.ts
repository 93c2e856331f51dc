/** Runs one task against a module in a process of its own, so that a crash or a hang is an answer and not an accident. */
import { fork } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ModuleAddress } from './started-module.ts';

/** What a module said to one call. */
export interface Answer {
  readonly call: string;
  readonly when: string;
  /** A CKR code's name; `no code: …` for an error of pkcs11js itself; `hung` or `crashed: …` where none came. */
  readonly answer: string;
  /** What the call gave, where that is worth a word. */
  readonly note?: string;
}

/** `finished`, `threw: …`, `hung` (killed at the limit), or `crashed: SIGNAL`. */
export interface TaskOutcome {
  readonly end: string;
  readonly answers: readonly Answer[];
  readonly result: unknown;
}

export type ToTask =
  | { readonly address: ModuleAddress; readonly task: string; readonly argument: unknown }
  | 'go on';
export type FromTask =
  | { readonly kind: 'asking'; readonly call: string; readonly when: string }
  | { readonly kind: 'answer'; readonly answer: Answer }
  | { readonly kind: 'pause'; readonly name: string }
  | { readonly kind: 'result'; readonly result: unknown }
  | { readonly kind: 'threw'; readonly message: string };

const entry = join(import.meta.dirname, 'task-process.ts');
const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;

/** Runs `task` of task-process.ts. `onPause` is called each time that the task waits for something to be done to it. */
export function runTask(
  address: ModuleAddress,
  task: string,
  argument: unknown,
  limitMs: number,
  onPause: (name: string) => Promise<void> = async () => undefined,
): Promise<TaskOutcome> {
  const { name, modulePath, environment, initParameters, execPath, tokenLabel, pin, soPin } = address;
  const child = fork(entry, [], {
    execPath: execPath ?? process.execPath,
    execArgv: ['--import', loader],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      RINGMINT_NODE: process.execPath,
      ...environment,
    },
  });
  const answers: Answer[] = [];
  const asked: { readonly call: string; readonly when: string }[] = [];
  let result: unknown;
  let thrown: string | undefined;
  let hung = false;
  let complaint = '';
  child.stderr?.on('data', (data: Buffer) => {
    complaint = (complaint + String(data)).slice(-2_000);
  });
  const limit = setTimeout(() => {
    hung = true;
    child.kill('SIGKILL');
  }, limitMs);
  child.on('message', (message: FromTask) => {
    if (message.kind === 'asking') asked.push(message);
    else if (message.kind === 'answer') {
      const { call, when } = message.answer;
      asked.splice(
        asked.findIndex((one) => one.call === call && one.when === when),
        1,
      );
      answers.push(message.answer);
    } else if (message.kind === 'result') result = message.result;
    else if (message.kind === 'threw') thrown = message.message;
    else {
      onPause(message.name).then(
        () => child.connected && child.send('go on' satisfies ToTask),
        (error: unknown) => {
          thrown = `while paused for ${message.name}: ${String(error)}`;
          child.kill('SIGKILL');
        },
      );
    }
  });
  child.send({
    address: {
      name,
      modulePath,
      environment,
      tokenLabel,
      pin,
      ...(initParameters === undefined ? {} : { initParameters }),
      ...(soPin === undefined ? {} : { soPin }),
    },
    task,
    argument,
  } satisfies ToTask);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status, signal) => {
      clearTimeout(limit);
      const end = hung
        ? 'hung'
        : signal !== null
          ? `crashed: ${signal}`
          : thrown !== undefined
            ? `threw: ${thrown}`
            : status === 0
              ? 'finished'
              : `crashed: status ${status} ${complaint.trim().split('\n').at(-1) ?? ''}`.trim();
      if (end === 'hung' || end.startsWith('crashed'))
        for (const { call, when } of asked) answers.push({ call, when, answer: end });
      resolve({ end, answers, result });
    });
  });
}
