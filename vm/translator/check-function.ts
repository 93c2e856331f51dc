/** Goes once forward through a function and the code of one of its versions, with the state that is claimed at the head of each loop. */
import type { Step } from '../specification/syntax-tree.ts';
import { anyEntry, type Frame, type Label } from './check-frame.ts';
import { checkInstruction, comparisons } from './check-instruction.ts';
import { type CheckedProgram, type Entry, signatureOf } from './check-program.ts';
import {
  anything,
  exactly,
  isExact,
  isSame,
  isSameState,
  join,
  meetStates,
  type State,
} from './check-state.ts';
import type { Interval, ProvenFunction } from './claims.ts';

/** What a walk through proven versions finds out, for the claims that go beyond one function. */
export interface Findings {
  /** A call of a proven version. */
  called(callee: number, entry: Entry): void;
  /** A store that leaves another label than its segment's. */
  notUniform(segment: number): void;
}

/** The loop that is open, as its `while`s need it. */
interface OpenLoop {
  readonly step: Step;
  readonly nesting: number;
  /** What its `while`s leave with, together. */
  exit: State | undefined;
}

/** The state at the head of a loop, which `state` gets to. */
export type Heads = (loop: Step, state: State) => State | undefined;

export class Walk {
  private readonly program: CheckedProgram;
  private readonly frame: Frame;
  private readonly findings: Findings;
  private readonly head: Heads;
  private mnemonic = 'begin';

  constructor(frame: Frame, findings: Findings, head: Heads) {
    this.program = frame.program;
    this.frame = frame;
    this.findings = findings;
    this.head = head;
  }

  here(): { readonly at: number; readonly mnemonic: string } {
    return { at: this.frame.at, mnemonic: this.mnemonic };
  }

  all(): void {
    const { frame } = this;
    const { code, body } = frame;
    frame.locals();
    const proven = this.program.claims.functions[frame.index] ?? undefined;
    if (frame.claim === undefined && proven !== undefined) this.guard(proven);
    code.getGlobal(this.program.runtime.index('fuelLeft')).set(frame.fuel);
    frame.begin();
    this.chargeRegion(body.first, body.steps, 0);
    this.steps(body.steps, 0, undefined);
    code.op('end');
    frame.settle();
  }

  /** Goes on in the proven version where labels, fuel and uniform segments are as it claims. */
  private guard(claim: ProvenFunction): void {
    const { frame, program } = this;
    const { code } = frame;
    const { runtime } = program;
    const own = signatureOf(frame.entry);
    const proven = signatureOf(claim);
    const within = (local: number | undefined, [low, high]: Interval): void => {
      code.get(local ?? 0);
      if (low === high) code.i32(low).op('i32.eq');
      else {
        code
          .i32(~high)
          .op('i32.and')
          .get(local ?? 0)
          .i32(-1)
          .op('i32.xor')
          .i32(low);
        code.op('i32.and', 'i32.or', 'i32.eqz');
      }
      code.op('i32.and');
    };
    code.getGlobal(runtime.index('dirty')).op('i32.eqz');
    code
      .getGlobal(runtime.index('fuelLeft'))
      .i64(program.dearest(frame.body.steps))
      .op('i64.ge_s', 'i32.and');
    within(own.pc, claim.pc);
    within(own.uncleared, claim.uncleared);
    for (const [index, label] of claim.parameters.entries()) within(own.labels[index], label);
    code.op('if');
    if (proven.pc !== undefined) code.get(own.pc ?? 0);
    if (proven.uncleared !== undefined) code.get(own.uncleared ?? 0);
    for (const index of claim.parameters.keys()) code.get(own.values + index);
    for (const [index, label] of proven.labels.entries())
      if (label !== undefined) code.get(own.labels[index] ?? 0);
    code
      .call(program.tagged(frame.index) + 1)
      .op('if')
      .i32(1)
      .op('return', 'end');
    for (const [index, label] of claim.results.entries())
      if (isExact(label)) code.i32(label[0]).setGlobal(runtime.index(`resultLabel${index}`));
    code.i32(0).op('return', 'end');
  }

  private steps(steps: readonly Step[], nesting: number, loop: OpenLoop | undefined): void {
    for (const [index, step] of steps.entries()) {
      this.frame.at = step.at;
      this.mnemonic = step.instruction.mnemonic;
      if (step.kind === 'if') this.branch(step, steps[index - 1], nesting);
      else if (step.kind === 'loop') this.loop(step, nesting);
      else if (this.mnemonic === 'while') this.leave(step, steps, index, loop);
      else if (this.mnemonic === 'call') this.call(step);
      else if (this.mnemonic === 'return') this.giveBack(step);
      else if (this.mnemonic === 'halt') this.halt();
      else checkInstruction(this.frame, step, (segment) => this.findings.notUniform(segment));
    }
  }

  /** Label of the condition, checked; and every register that is written under it raised to it. */
  private raise(step: Step, writes: number): Label {
    const { frame } = this;
    const { level, uncleared } = this.program.levelOf(step);
    const [, a] = step.word.registers;
    const label = frame.labelOf(level, [frame.pc(), frame.register(a)]);
    frame.check(label, uncleared);
    for (let register = 0; register < frame.body.registers; register++) {
      if (((writes >>> register) & 1) === 0) continue;
      const before = frame.register(register);
      const raised = frame.computed(join(before.known, label.known), frame.old);
      frame.raise(before, label, raised);
      frame.writeLabel(register, raised);
    }
    return label;
  }

  /** Blocks that run as often as the one at `at`, which steps from `from` on follow. */
  private regionOf(at: number, steps: readonly Step[], from: number): bigint {
    const { fuel } = this.program;
    let sum = fuel.block(at);
    for (let index = from; index < steps.length; index++) {
      const step = steps[index];
      if (step === undefined || step.instruction.mnemonic === 'while') break;
      if (step.kind !== 'step' || step.instruction.mnemonic === 'call') sum += fuel.block(step.end + 1);
    }
    return sum;
  }

  private chargeRegion(at: number, steps: readonly Step[], from: number): void {
    const { frame } = this;
    const fuel = this.regionOf(at, steps, from);
    if (!frame.isDeferred(frame.pc())) frame.chargeHere(at, frame.pc());
    else if (fuel > 0n) frame.code.get(frame.fuel).i64(fuel).op('i64.sub').set(frame.fuel);
  }

  /** Whether the register is not zero: the comparison itself where the step before made it, and its operands are as they were. */
  private condition(register: number, before: Step | undefined): void {
    const { frame } = this;
    const [d, a, b] = before?.word.registers ?? [];
    const comparison = comparisons[before?.instruction.mnemonic ?? ''];
    if (
      comparison === undefined ||
      a === undefined ||
      b === undefined ||
      d !== register ||
      a === d ||
      b === d
    )
      frame.code.get(frame.value(register)).i64(0n).op('i64.ne');
    else frame.code.get(frame.value(a), frame.value(b)).op(comparison);
  }

  private branch(step: Step, before: Step | undefined, nesting: number): void {
    const { frame, program } = this;
    const { code } = frame;
    const [, a] = step.word.registers;
    const label = this.raise(step, program.writes(step));
    const outer = this.keepPc(nesting);
    frame.writePc(label);
    frame.chargeDearest(() => code.i64(program.dearestInside(step)), outer, label);
    this.condition(a, before);
    code.op('if');
    const under = frame.state;
    const [first = [], second = []] = step.arms;
    this.chargeRegion(step.at + 1, first, 0);
    this.steps(first, nesting + 1, undefined);
    const after = frame.state;
    frame.state = under;
    const firstEnd = first.at(-1)?.end ?? step.at;
    if (second.length > 0 || step.end !== firstEnd + 1) {
      this.mnemonic = 'else';
      frame.at = firstEnd + 1;
      code.op('else');
      this.chargeRegion(firstEnd + 2, second, 0);
      this.steps(second, nesting + 1, undefined);
    }
    this.close(step);
    frame.state = meetStates(after, frame.state);
    code.op('end');
    frame.writePc(outer);
    frame.charge(step.end + 1);
  }

  private close(step: Step): void {
    this.mnemonic = 'end';
    this.frame.at = step.end;
  }

  /** pc as it is now, kept where the code changes it. */
  private keepPc(nesting: number): Label {
    const { frame } = this;
    const pc = frame.pc();
    const local = frame.outer[nesting] ?? 0;
    if (!isExact(pc.known)) {
      frame.read(pc);
      frame.code.set(local);
    }
    return { known: pc.known, local, of: 'computed' };
  }

  private loop(step: Step, nesting: number): void {
    const { frame, program } = this;
    const { code } = frame;
    const [body = []] = step.arms;
    const rounds = frame.rounds[nesting] ?? 0;
    code.i32(0).set(rounds);
    const outer = this.keepPc(nesting);
    const before = frame.pc();
    this.enter(step);
    const isDeferred = frame.isDeferred(frame.pc());
    if (!isDeferred) frame.chargeHere(step.at + 1, before);
    code.op('block', 'loop');
    const open: OpenLoop = { step, nesting, exit: undefined };
    this.steps(body, nesting + 1, open);
    this.close(step);
    const pc = frame.pc();
    code
      .get(rounds)
      .i32(Number(program.fuel.bound(step)))
      .op('i32.eq', 'if');
    frame.trap('bound', () => frame.read(pc));
    code.op('end').get(rounds).i32(1).op('i32.add').set(rounds);
    if (!isDeferred) frame.chargeHere(step.at + 1, pc);
    this.enter(step);
    code.br(0).op('end', 'end');
    const first = isDeferred ? this.regionOf(step.at + 1, body, 0) : 0n;
    const end = body.findLastIndex(({ instruction }) => instruction.mnemonic === 'while') + 1;
    const last = frame.isDeferred(pc) ? this.regionOf((body[end - 1]?.at ?? 0) + 1, body, end) : 0n;
    if (first + last > 0n) {
      code.get(frame.fuel, rounds).op('i64.extend_i32_u');
      code.i64(first + last).op('i64.mul', 'i64.sub');
      code.i64(first).op('i64.sub').set(frame.fuel);
    }
    if (open.exit !== undefined) frame.state = open.exit;
    frame.writePc(outer);
    frame.charge(step.end + 1);
  }

  /** A round begins with what is claimed, which what is known has to be within. */
  private enter(step: Step): void {
    const { frame } = this;
    if (frame.claim === undefined) return;
    const head = this.head(step, frame.state);
    if (head === undefined || !isSameState(meetStates(head, frame.state), head))
      throw frame.unproven(`what is claimed at the head of the loop of instruction ${step.at} does not hold`);
    frame.state = head;
  }

  private leave(step: Step, steps: readonly Step[], index: number, loop: OpenLoop | undefined): void {
    const { frame, program } = this;
    const { code } = frame;
    if (loop === undefined)
      throw new Error('invariant broken: a verified module has no `while` outside a loop');
    const [, a] = step.word.registers;
    const { writes, rest, round } = program.loop(loop.step);
    const pc = frame.pc();
    const label = this.raise(step, writes);
    const cost = (): void => {
      code.i64(rest.get(step) ?? 0n).i64(round);
      code.i64(program.fuel.bound(loop.step)).get(frame.rounds[loop.nesting] ?? 0);
      code.op('i64.extend_i32_u', 'i64.sub').call(program.runtime.index('roundsCost'));
    };
    frame.chargeDearest(cost, pc, label);
    frame.writePc(label);
    loop.exit = loop.exit === undefined ? frame.state : meetStates(loop.exit, frame.state);
    this.condition(a, steps[index - 1]);
    code.op('i32.eqz').brIf(1);
    // What follows the last one is charged when the loop is left.
    const isLast = steps.findLast(({ instruction }) => instruction.mnemonic === 'while') === step;
    if (isLast) frame.charge(step.at + 1);
    else this.chargeRegion(step.at + 1, steps, index + 1);
  }

  private call(step: Step): void {
    const { frame, program } = this;
    const { code } = frame;
    const { runtime } = program;
    const [d, a] = step.word.registers;
    const callee = program.functions[step.word.index];
    const claim = program.claims.functions[step.word.index] ?? null;
    if (callee === undefined) throw new Error('invariant broken: a verified module calls no such function');
    const { parameters, results, authority } = callee.body;
    const { level, uncleared } = program.levelOf(step);
    const inside = frame.labelOf((level | authority) >>> 0, [frame.pc()]);
    const given = parameters.map((_, index) => {
      const label = frame.joined([inside, frame.register(a + index)], frame.old);
      frame.check(label, uncleared);
      return label;
    });
    frame.handled(inside, 'handled');
    frame.chargeDearest(() => code.i64(program.dearestInside(step)), frame.pc(), inside);
    if (frame.claim !== undefined) {
      const labels = given.map(({ known }) => known);
      this.findings.called(step.word.index, {
        pc: inside.known,
        uncleared: exactly(uncleared),
        parameters: labels,
      });
      if (claim === null) throw frame.unproven('it calls a function without a proven version');
    }
    const signature = signatureOf(
      frame.claim === undefined || claim === null ? anyEntry(parameters.length) : claim,
    );
    code.get(frame.fuel).setGlobal(runtime.index('fuelLeft'));
    if (signature.pc !== undefined) frame.read(inside);
    if (signature.uncleared !== undefined) code.i32(uncleared);
    for (const index of parameters.keys()) code.get(frame.value(a + index));
    for (const [index, label] of given.entries()) {
      if (signature.labels[index] === undefined) continue;
      if (isExact(label.known)) code.i32(label.known[0]);
      else {
        frame.read(inside);
        frame.read(frame.register(a + index));
        code.op('i32.or');
      }
    }
    code.call(program.tagged(step.word.index) + (frame.claim === undefined ? 0 : 1));
    code.op('if').i32(1).op('return', 'end');
    code.getGlobal(runtime.index('fuelLeft')).set(frame.fuel);
    for (const index of results.keys()) {
      const known = frame.known(claim?.results[index] ?? anything);
      code.getGlobal(runtime.index(`result${index}`)).set(frame.value(d + index));
      frame.takeLabel(d + index, known, runtime.index(`resultLabel${index}`));
    }
    frame.charge(step.at + 1);
  }

  private giveBack(step: Step): void {
    const { frame, program } = this;
    const { code } = frame;
    const [, a] = step.word.registers;
    const { level, uncleared } = program.levelOf(step);
    const ofCall: Label = { known: frame.entry.uncleared, local: frame.uncleared, of: 'computed' };
    for (const index of frame.body.body.results.keys()) {
      const label = frame.labelOf(level, [frame.pc(), frame.register(a + index)]);
      frame.check(label, uncleared, ofCall);
      code.get(frame.value(a + index)).setGlobal(program.runtime.index(`result${index}`));
      const claimed = frame.known(frame.claim?.results[index] ?? anything);
      if (code.compares && !isSame(claimed, label.known))
        throw frame.unproven(
          `result ${index} has the label ${label.known.join(' to ')}, not ${claimed.join(' to ')}`,
        );
      if (isExact(claimed)) continue;
      frame.read(label);
      code.setGlobal(program.runtime.index(`resultLabel${index}`));
    }
    code.get(frame.fuel).setGlobal(program.runtime.index('fuelLeft')).i32(0);
  }

  private halt(): void {
    const { frame, program } = this;
    const { code } = frame;
    code.get(frame.fuel).setGlobal(program.runtime.index('fuelLeft'));
    const registers = program.runtime.constant('REGISTERS');
    for (let register = 0; program.claims.registers && register < frame.body.registers; register++) {
      code
        .i32(0)
        .get(frame.value(register))
        .access('i64.store', registers + 16 * register)
        .i32(0);
      frame.read(frame.register(register));
      code.access('i32.store', registers + 16 * register + 8);
    }
    code.i32(0);
  }
}
