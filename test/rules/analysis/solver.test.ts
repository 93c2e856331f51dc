import { execFileSync } from 'node:child_process';
import { afterEach, describe, expect, it } from 'vitest';
import { Questions, usualLimits } from '../../../src/rules/analysis/question.ts';
import { ProcessSolver } from '../../../src/rules/analysis/solver/solver.ts';
import type { Solver } from '../../../src/rules/analysis/solving.ts';
import { Terms } from '../../../src/rules/analysis/term.ts';

const limits = { timeoutMs: 60_000, steps: 4_000_000 };
/** Fermat's last theorem for 3: z3 does not find out. */
const hard = `(declare-const a Int)(declare-const b Int)(declare-const c Int)
(assert (and (> a 1) (> b 1) (> c 1) (= (+ (* a a a) (* b b b)) (* c c c))))`;
const easy = '(declare-const a Int)(assert (and (> a 4) (< a 6)))';

const open: ProcessSolver[] = [];
function start(): ProcessSolver {
  const solver = new ProcessSolver();
  open.push(solver);
  return solver;
}
afterEach(async () => {
  for (const solver of open.splice(0)) await solver.close();
});

function isAlive(pid: number | undefined): boolean {
  if (pid === undefined) return false;
  try {
    process.kill(pid, 0);
    // A process that has ended and was not asked for yet has no command line.
    return execFileSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).trim()[0] !== 'Z';
  } catch {
    return false;
  }
}

describe('a solver process', () => {
  it('answers one question after the other, each for itself', async () => {
    const solver = start();
    const answers = await Promise.all([
      solver.solve(easy, limits),
      solver.solve('(declare-const a Int)(assert (and (> a 4) (< a 5)))', limits),
      solver.solve('(declare-const a Int)(assert (= a (- 7)))', limits),
    ]);
    expect(answers).toEqual([
      { result: 'sat', model: new Map([['a', '5']]) },
      { result: 'unsat' },
      { result: 'sat', model: new Map([['a', '(- 7)']]) },
    ]);
  });

  it('says unknown where it takes too many steps, and answers the next question', async () => {
    const solver = start();
    expect(await solver.solve(hard, { timeoutMs: 60_000, steps: 20_000 })).toMatchObject({
      result: 'unknown',
    });
    expect(await solver.solve(easy, limits)).toMatchObject({ result: 'sat' });
  });

  it('says unknown after its deadline, and answers the next question', async () => {
    const solver = start();
    expect(await solver.solve(hard, { timeoutMs: 300, steps: 2_000_000_000 })).toMatchObject({
      result: 'unknown',
    });
    expect(await solver.solve(easy, limits)).toMatchObject({ result: 'sat' });
  });

  it('that is killed in the middle of a question gives unknown, and another one answers the next', async () => {
    const solver = start();
    await solver.solve(easy, limits);
    const killed = solver.processId as number;
    const answer = solver.solve(hard, { timeoutMs: 60_000, steps: 2_000_000_000 });
    setTimeout(() => process.kill(killed, 'SIGKILL'), 100);
    expect(await answer).toEqual({ result: 'unknown', reason: 'the solver process ended in the middle' });
    expect(await solver.solve(easy, limits)).toMatchObject({ result: 'sat' });
    expect(solver.processId).not.toBe(killed);
  });

  it('that is stopped, so that it never answers, is ended at its deadline', async () => {
    const solver = start();
    await solver.solve(easy, limits);
    const stopped = solver.processId as number;
    process.kill(stopped, 'SIGSTOP');
    expect(await solver.solve(easy, { timeoutMs: 1, steps: 1000 })).toEqual({
      result: 'unknown',
      reason: 'the solver process did not answer within its deadline',
    });
    expect(await solver.solve(easy, limits)).toMatchObject({ result: 'sat' });
    expect(isAlive(stopped)).toBe(false);
  });

  it('says unknown to what is no script', async () => {
    const solver = start();
    expect(await solver.solve('(assert (> nothing 3))', limits)).toMatchObject({ result: 'unknown' });
    expect(await solver.solve('', limits)).toMatchObject({ result: 'sat' });
  });

  it('has ended when it was closed', async () => {
    const solver = start();
    await solver.solve(easy, limits);
    const pid = solver.processId;
    expect(isAlive(pid)).toBe(true);
    await solver.close();
    expect(isAlive(pid)).toBe(false);
    expect(await solver.solve(easy, limits)).toEqual({ result: 'unknown', reason: 'the solver was closed' });
  });
});

describe('questions', () => {
  /** Never comes to an answer. */
  const silent: Solver = { solve: () => Promise.resolve({ result: 'unknown', reason: 'timeout' }) };

  it('of which the solver says unknown are unknown, and counted', async () => {
    const terms = new Terms();
    const x = terms.variable('x', 0n, 1_000_000_007n);
    const questions = new Questions(silent, usualLimits, () => 0);
    // No number near a limit is a solution, so that none is guessed.
    const far = terms.equal(terms.multiply(x, terms.int(3n)), terms.int(1_500_000_003n));
    expect(await questions.ask(terms, far)).toEqual({ result: 'unknown', reason: 'timeout' });
    expect(questions.counts).toEqual({ asked: 1, guessed: 0, repeated: 0, unknown: 1 });
  });

  it('are unknown when the time of all of them is over', async () => {
    const terms = new Terms();
    const x = terms.variable('x', 0n, 1_000_000_007n);
    let elapsed = 0;
    const questions = new Questions(silent, { ...usualLimits, totalMs: 1000 }, () => elapsed);
    elapsed = 1000;
    const far = terms.equal(terms.multiply(x, terms.int(3n)), terms.int(1_500_000_003n));
    expect(await questions.ask(terms, far)).toEqual({
      result: 'unknown',
      reason: 'the deadline of the whole analysis is over',
    });
  });

  it('with products are answered exactly, where a factor can be found and where it is shown that there is none', async () => {
    const solver = start();
    const terms = new Terms();
    const [x, y] = [terms.variable('x', 1n, 10n ** 15n), terms.variable('y', 1n, 10n ** 12n)];
    const product = terms.multiply(x, y);
    const questions = new Questions(solver, usualLimits, () => 0);
    const found = await questions.ask(
      terms,
      terms.less(terms.int(7n * 10n ** 20n), product),
      terms.less(product, terms.int(7n * 10n ** 20n + 10n ** 10n)),
    );
    expect(found.result).toBe('sat');
    const none = await questions.ask(terms, terms.less(terms.int(10n ** 27n), product));
    expect(none).toEqual({ result: 'unsat' });
  });
});
