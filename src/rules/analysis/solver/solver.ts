/**
 * A solver in a process of its own, which is ended for certain: z3's threads keep a process alive, and a question that z3 does not
 * come back from is ended with it.
 */
import { type ChildProcess, fork } from 'node:child_process';
import type { Answer, Solver } from '../solving.ts';
import type { Question, Reply } from './messages.ts';
import { solverProgram } from './solver-program.ts';

/** What z3 may take over its own deadline before its process is ended: reading a long script is not counted by z3. */
const graceMs = 3_000;
/** What starting it may take: 35 MB of WebAssembly are compiled. */
const startMs = 60_000;

interface Pending {
  readonly id: number;
  readonly settle: (answer: Answer) => void;
}

/** Asks one question after the other; a process that ended or hung is started anew for the next one. */
export class ProcessSolver implements Solver {
  private child: ChildProcess | undefined;
  private ready: Promise<boolean> | undefined;
  private pending: Pending | undefined;
  private turn: Promise<unknown> = Promise.resolve();
  private lastId = 0;
  private closed = false;

  /** Of the process that answers now, if one was started. */
  get processId(): number | undefined {
    return this.child?.pid;
  }

  /** Never rejects: a process that is killed, hangs or cannot be started gives `unknown`, with the reason. */
  solve(script: string, limits: { readonly timeoutMs: number; readonly steps: number }): Promise<Answer> {
    const answer = this.turn.then(() => this.ask(script, limits));
    this.turn = answer;
    return answer;
  }

  /** Ends the process; resolves when it has ended. */
  async close(): Promise<void> {
    this.closed = true;
    const { child } = this;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => {
      child.once('exit', () => resolve());
      if (child.pid === undefined) resolve();
    });
    child.kill('SIGKILL');
    await ended;
  }

  private async ask(
    script: string,
    { timeoutMs, steps }: { readonly timeoutMs: number; readonly steps: number },
  ): Promise<Answer> {
    if (this.closed) return unknown('the solver was closed');
    if (!(await this.start())) return unknown('the solver process could not be started');
    const id = ++this.lastId;
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.drop();
        settle(unknown('the solver process did not answer within its deadline'));
      }, timeoutMs + graceMs);
      const settle = (answer: Answer): void => {
        clearTimeout(timer);
        this.pending = undefined;
        resolve(answer);
      };
      this.pending = { id, settle };
      const question: Question = { id, script, timeoutMs, steps };
      // A process that has just ended is heard of by `exit`.
      this.child?.send(question, () => undefined);
    });
  }

  private start(): Promise<boolean> {
    this.ready ??= new Promise((resolve) => {
      const child = fork(solverProgram.entry, [], {
        execArgv: [...solverProgram.execArgv],
        serialization: 'advanced',
        stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
        // It needs nothing of what is around: no credentials, no options of Node.
        env: {},
      });
      this.child = child;
      const timer = setTimeout(() => child.kill('SIGKILL'), startMs);
      const lose = (): void => {
        clearTimeout(timer);
        resolve(false);
        if (this.child !== child) return;
        this.child = undefined;
        this.ready = undefined;
        this.pending?.settle(unknown('the solver process ended in the middle'));
      };
      child.once('exit', lose);
      child.once('error', lose);
      child.on('message', (reply: Reply) => {
        if (reply.id === 0) {
          clearTimeout(timer);
          resolve(true);
        } else if (this.child === child && this.pending?.id === reply.id) {
          this.pending.settle(
            reply.result === 'sat'
              ? { result: 'sat', model: new Map(reply.model) }
              : reply.result === 'unsat'
                ? { result: 'unsat' }
                : unknown(reply.reason),
          );
        }
      });
    });
    return this.ready;
  }

  /** Ends the process that answers now; the next question starts another. */
  private drop(): void {
    const { child } = this;
    this.child = undefined;
    this.ready = undefined;
    child?.kill('SIGKILL');
  }
}

function unknown(reason: string): Answer {
  return { result: 'unknown', reason };
}
