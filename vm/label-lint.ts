/**
 * Finds label creep before a program runs: instructions that always trap by their labels, whatever the inputs are.
 *
 * An abstract interpretation with a lower and an upper bound of every label: lower bounds are met and upper bounds
 * joined where ways come together, over all calls of a function and all stores to a segment, until nothing changes.
 * A rule of labels is broken for good once a lower bound breaks it, so what is reported is certain: whenever the
 * instruction is reached, the run traps. What is not reported may trap too.
 */
import type { TrapName } from './isa.ts';
import { authorityBits, categoryBits } from './label.ts';
import {
  areSameRanges,
  eitherRange,
  eitherRanges,
  exactly,
  isSameRange,
  joinRanges,
  type LabelRange,
  without,
} from './label-range.ts';
import { showLabel } from './label-text.ts';
import { type Listing, registersWrittenIn } from './listing.ts';
import type { Module } from './module.ts';
import { parseBodies, type Step } from './specification/syntax-tree.ts';

export interface Finding {
  /** The instruction that always traps, where it is reached; of a `call` the run may trap in the function. */
  readonly at: number;
  readonly trap: TrapName;
  readonly message: string;
}

/** Registers of a function; `undefined` where nothing gets. */
type State = readonly LabelRange[] | undefined;

interface Entry {
  readonly pc: LabelRange;
  readonly parameters: readonly LabelRange[];
}

/** An arm or a loop as it is entered. */
interface Inside {
  readonly pc: LabelRange;
  readonly state: readonly LabelRange[];
}

/** What always traps by its labels; in the order of the code. */
export function findLabelCreep(listing: Listing): Finding[] {
  return new Interpretation(listing).findings();
}

class Interpretation {
  private readonly listing: Listing;
  private readonly module: Module;
  private readonly bodies: readonly (readonly Step[])[];
  private readonly segments: LabelRange[];
  private readonly entries: (Entry | undefined)[];
  private readonly results: (readonly LabelRange[] | undefined)[];
  private readonly found = new Map<number, Finding>();
  private hasChanged = true;

  constructor(listing: Listing) {
    this.listing = listing;
    const { module, functions } = listing;
    this.module = module;
    this.bodies = parseBodies(module);
    this.segments = module.segments.map(({ label }) => exactly(label));
    this.results = functions.map(() => undefined);
    const main = functions.length - 1;
    this.entries = functions.map(({ body }, index) =>
      index === main ? { pc: exactly(body.authority), parameters: [] } : undefined,
    );
  }

  findings(): Finding[] {
    // Each round loosens bounds or is the last, whose findings stand.
    while (this.hasChanged) {
      this.hasChanged = false;
      this.found.clear();
      for (let index = this.bodies.length - 1; index >= 0; index--) this.body(index);
    }
    return [...this.found.values()].sort((x, y) => x.at - y.at);
  }

  private body(index: number): void {
    const entry = this.entries[index];
    if (entry === undefined) return;
    const registers = Array<LabelRange>(this.listing.functions[index]?.registers ?? 0).fill(entry.pc);
    registers.splice(0, entry.parameters.length, ...entry.parameters);
    this.block(this.bodies[index] ?? [], registers, entry.pc, index);
  }

  private block(steps: readonly Step[], before: State, pc: LabelRange, owner: number): State {
    let state = before;
    for (const step of steps) {
      if (state === undefined) return undefined;
      if (step.kind === 'loop') state = this.loop(step, state, pc, owner);
      else if (step.kind === 'if') state = this.branch(step, state, pc, owner);
      else state = this.one(step, state, pc, owner);
    }
    return state;
  }

  // Rules, asked of lower bounds

  /** Tells a certain trap, and gives `undefined` for the state after it. */
  private trap(step: Step, trap: TrapName, why: string): undefined {
    const { text } = this.listing.instructions[step.at] ?? { text: '' };
    this.found.set(step.at, { at: step.at, trap, message: `\`${text}\` always traps: ${why}` });
    return undefined;
  }

  private forbidden(step: Step): number {
    return ~(this.module.levels[step.word.level] ?? 0) & categoryBits;
  }

  private e(step: Step, pc: LabelRange): LabelRange {
    return joinRanges(pc, exactly((this.module.levels[step.word.level] ?? 0) & ~categoryBits));
  }

  /** What is left of a result that is allowed; `undefined` where none is. */
  private allowed(
    step: Step,
    what: string,
    range: LabelRange,
    forbidden = this.forbidden(step),
  ): LabelRange | undefined {
    const { low } = range;
    if ((low & (low << 24)) !== 0)
      return this.trap(
        step,
        'label',
        `${what} is at least ${showLabel(low)}, more secret than its authority`,
      );
    if ((low & forbidden) !== 0)
      return this.trap(
        step,
        'clearance',
        `${what} is at least ${showLabel(low)}, and the instruction is cleared for ${showLabel(~forbidden & categoryBits).slice('C0 A8 '.length) || 'no category'}`,
      );
    return without(range, forbidden);
  }

  // Control

  /** pc inside, and the registers that may be written in what `opener` opens raised to it. */
  private enter(step: Step, opener: Step, state: readonly LabelRange[], pc: LabelRange): Inside | undefined {
    const condition = state[step.word.registers[1]] ?? pc;
    const raised = this.allowed(step, 'pc', joinRanges(this.e(step, pc), condition));
    if (raised === undefined) return undefined;
    const registers = [...state];
    for (const register of registersWrittenIn(this.listing, opener.at)) {
      const range = joinRanges(registers[register] ?? pc, raised);
      // The rule for what is raised is C ≤ A alone.
      const kept = this.allowed(step, `r${register}, which is written in it,`, range, 0);
      if (kept === undefined) return undefined;
      registers[register] = kept;
    }
    return { pc: raised, state: registers };
  }

  private branch(step: Step, state: readonly LabelRange[], pc: LabelRange, owner: number): State {
    const inside = this.enter(step, step, state, pc);
    if (inside === undefined) return undefined;
    const [first, second] = [0, 1].map((arm) =>
      this.block(step.arms[arm] ?? [], inside.state, inside.pc, owner),
    );
    return eitherRanges(first, second);
  }

  private loop(step: Step, before: readonly LabelRange[], outside: LabelRange, owner: number): State {
    const body = step.arms[0] ?? [];
    let head: readonly LabelRange[] = before;
    let pc = outside;
    for (;;) {
      // What was found with tighter bounds need not stand.
      for (const at of this.found.keys()) if (at > step.at && at < step.end) this.found.delete(at);
      let left: State;
      let state: State = head;
      let context = pc;
      for (const inner of body) {
        if (state === undefined) break;
        if (inner.instruction.mnemonic !== 'while') {
          state = this.block([inner], state, context, owner);
          continue;
        }
        const inside: Inside | undefined = this.enter(inner, step, state, context);
        state = inside?.state;
        context = inside?.pc ?? context;
        left = eitherRanges(left, state);
      }
      const next = eitherRanges(head, state) ?? head;
      const nextPc = state === undefined ? pc : eitherRange(pc, context);
      if (areSameRanges(head, next) && isSameRange(pc, nextPc)) return left;
      head = next;
      pc = nextPc;
    }
  }

  private call(step: Step, state: readonly LabelRange[], pc: LabelRange): State {
    const { index } = step.word;
    const [d, a] = step.word.registers;
    const callee = this.module.functions[index];
    const inside = joinRanges(this.e(step, pc), exactly(callee?.authority ?? 0));
    const parameters: LabelRange[] = [];
    for (let register = 0; register < (callee?.parameters.length ?? 0); register++) {
      const argument = joinRanges(state[a + register] ?? pc, inside);
      const kept = this.allowed(step, `the argument in r${a + register}`, argument);
      if (kept === undefined) return undefined;
      parameters.push(kept);
    }
    if (this.allowed(step, 'pc in the function', inside, 0) === undefined) return undefined;
    this.enterFunction(index, { pc: inside, parameters });
    const results = this.results[index];
    if (results === undefined) return undefined;
    const after = [...state];
    for (const [register, result] of results.entries()) {
      const kept = this.allowed(step, `result ${register}`, result);
      if (kept === undefined) return undefined;
      after[d + register] = kept;
    }
    return after;
  }

  private enterFunction(index: number, given: Entry): void {
    const known = this.entries[index];
    const entry: Entry =
      known === undefined
        ? given
        : {
            pc: eitherRange(known.pc, given.pc),
            parameters: known.parameters.map((range, parameter) =>
              eitherRange(range, given.parameters[parameter] ?? range),
            ),
          };
    if (
      known === undefined ||
      !isSameRange(known.pc, entry.pc) ||
      !areSameRanges(known.parameters, entry.parameters)
    )
      this.hasChanged = true;
    this.entries[index] = entry;
  }

  private giveBack(step: Step, state: readonly LabelRange[], pc: LabelRange, owner: number): undefined {
    const given: LabelRange[] = [];
    for (let register = 0; register < (this.module.functions[owner]?.results.length ?? 0); register++) {
      const from = step.word.registers[1] + register;
      const kept = this.allowed(
        step,
        `the result in r${from}`,
        joinRanges(state[from] ?? pc, this.e(step, pc)),
      );
      if (kept === undefined) return undefined;
      given.push(kept);
    }
    const known = this.results[owner];
    const results = eitherRanges(known, given) ?? given;
    if (known === undefined || !areSameRanges(known, results)) this.hasChanged = true;
    this.results[owner] = results;
    return undefined;
  }

  // One instruction

  private one(step: Step, state: readonly LabelRange[], pc: LabelRange, owner: number): State {
    const { word, instruction } = step;
    const [d, a, b] = word.registers;
    const e = this.e(step, pc);
    const read = (register: number): LabelRange => state[register] ?? pc;
    switch (instruction.mnemonic) {
      case 'call':
        return this.call(step, state, pc);
      case 'return':
        return this.giveBack(step, state, pc, owner);
      case 'halt':
        return state;
      case 'store':
        return this.store(step, joinRanges(read(a), e), read(b)) ? state : undefined;
      case 'output': {
        const value = this.allowed(step, 'the value', joinRanges(read(a), e));
        const port = this.module.ports[word.index]?.label ?? 0;
        if (value === undefined) return undefined;
        if ((value.low & ~port) === 0) return state;
        const name = this.listing.names.ports[word.index];
        return this.trap(
          step,
          'port',
          `the value is at least ${showLabel(value.low)}, above the port ${name}, ${showLabel(port)}`,
        );
      }
      default: {
        const released = instruction.mnemonic === 'declassify' || instruction.mnemonic === 'endorse';
        const range = released ? this.release(step, read(a), e) : this.result(step, state, e);
        const kept = range === undefined ? undefined : this.allowed(step, 'the result', range);
        return kept === undefined ? undefined : state.map((old, register) => (register === d ? kept : old));
      }
    }
  }

  private result(step: Step, state: readonly LabelRange[], e: LabelRange): LabelRange {
    const { module } = this;
    const { word, instruction } = step;
    const positions = ['d', 'a', 'b', 'c'];
    const ranges = instruction.operands.map((operand): LabelRange => {
      switch (operand) {
        case 'a':
        case 'b':
        case 'c':
          return state[word.registers[positions.indexOf(operand)] ?? 0] ?? e;
        case 'constant':
          return exactly(module.constants[word.index]?.label ?? 0);
        case 'table':
          return exactly(module.tables[word.index]?.label ?? 0);
        case 'segment':
          return this.segments[word.index] ?? e;
        default:
          return e;
      }
    });
    return joinRanges(e, ...ranges);
  }

  /** Whether the run may go on after it. */
  private store(step: Step, context: LabelRange, value: LabelRange): boolean {
    const { index } = step.word;
    const segment = this.module.segments[index];
    const old = this.segments[index];
    if (segment === undefined || old === undefined) throw new Error('invariant broken: no such segment');
    const name = this.listing.names.segments[index];
    if ((context.low & ~old.high) !== 0) {
      this.trap(
        step,
        'upgrade',
        `pc and address are at least ${showLabel(context.low)}, and no word of ${name} is above ${showLabel(old.high)}`,
      );
      return false;
    }
    const stored = this.allowed(step, 'the value', joinRanges(context, value));
    if (stored === undefined) return false;
    if ((stored.low & ~segment.ceiling) !== 0) {
      this.trap(
        step,
        'ceiling',
        `the value is at least ${showLabel(stored.low)}, above the ceiling of ${name}, ${showLabel(segment.ceiling)}`,
      );
      return false;
    }
    const now = eitherRange(old, without(stored, ~segment.ceiling));
    if (!isSameRange(now, old)) this.hasChanged = true;
    this.segments[index] = now;
    return true;
  }

  private release(step: Step, operand: LabelRange, e: LabelRange): LabelRange | undefined {
    const grant = this.module.grants[step.word.index];
    if (grant === undefined) throw new Error('invariant broken: no such grant');
    const lowers = grant.kind === 'declassify';
    const least = (lowers ? grant.from : grant.to) & authorityBits;
    const beyond = (operand.low & ~grant.from) >>> 0;
    if ((e.low & ~authorityBits) !== 0)
      return this.trap(step, 'grant', `pc is at least ${showLabel(e.low)}, and a grant is used in public`);
    if ((e.low & authorityBits & ~least) !== 0)
      return this.trap(
        step,
        'grant',
        `pc and instruction are at most ${showLabel(e.low).slice('C0 '.length)}, less than the grant asks for`,
      );
    if (beyond !== 0)
      return this.trap(
        step,
        'grant',
        `the value is at least ${showLabel(operand.low)}, and the grant covers ${showLabel(grant.from)}`,
      );
    const kept = lowers ? authorityBits : ~authorityBits;
    const given = exactly((grant.to & ~kept) >>> 0);
    const known = this.allowed(step, 'the value', operand);
    if (known === undefined) return undefined;
    const rest = joinRanges(without(known, ~grant.from), e);
    return joinRanges(given, { low: (rest.low & kept) >>> 0, high: (rest.high & kept) >>> 0 });
  }
}
