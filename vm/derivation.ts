/**
 * Where labels come from. Beside a run it keeps, for every register, word, port and for pc, what its label was joined
 * from: a graph whose leaves are what a module declares (segments, constants, tables, levels, functions, grants).
 * INVARIANT: the join of what is kept is the label that the machine has, at every step. A difference is thrown as a
 * `RangeError`: a trace that was altered, or a bug.
 */
import { type Derived, joinDerived, type Part, type Source } from './derived-label.ts';
import type { TrapName } from './isa.ts';
import { authorityBits, categoryBits } from './label.ts';
import {
  instructionAt,
  type ListedInstruction,
  type Listing,
  registersWrittenIn,
  showPlace,
} from './listing.ts';
import type { Ending } from './stepping-machine.ts';
import type { Facts, Timeline } from './timeline.ts';

/** What is known before a step, and not after it. */
interface Before {
  readonly step: number;
  /** Of register a. */
  readonly value: bigint;
  readonly inLoop: boolean;
  /** Of a branch the registers that may be written in it: they take its pc. */
  readonly raised: readonly number[];
}

interface DerivedFrame {
  readonly registers: Derived[];
}

export class Derivation {
  private readonly listing: Listing;
  private readonly timeline: Timeline;
  private pc: Derived;
  /** pc before each open block. */
  private readonly before: Derived[] = [];
  private readonly frames: DerivedFrame[];
  private readonly words = new Map<string, Derived>();
  private readonly ports = new Map<number, Derived>();
  private readonly sources = new Map<string, Derived>();
  private readonly given: ReadonlySet<string>;

  /** Begins where `timeline` begins; `take` follows it. */
  constructor(timeline: Timeline) {
    this.timeline = timeline;
    this.listing = timeline.listing;
    this.given = new Set(timeline.start.inputs.map(({ segment, index }) => `${segment}:${index}`));
    const owner = this.listing.functions.length - 1;
    this.pc = { ...this.authority(owner), place: 'pc' };
    this.frames = [this.newFrame(owner, undefined, undefined)];
  }

  /** Of a register of the open function. */
  register(index: number): Derived | undefined {
    return this.frames.at(-1)?.registers[index];
  }

  get context(): Derived {
    return this.pc;
  }

  /** Of the value that was put to a port last. */
  port(index: number): Derived | undefined {
    return this.ports.get(index);
  }

  word(segment: number, index: number): Derived {
    return this.words.get(`${segment}:${index}`) ?? this.declaredWord(segment, index);
  }

  /** Called before each step is taken; what it gives is called with what the step did. */
  prepare(): (facts: Facts) => void {
    const { registers, control, steps, blocks } = this.timeline;
    const step = steps + 1;
    const listed = instructionAt(this.listing, control.position);
    const [, a] = listed.word.registers;
    const value = registers[a]?.value ?? 0n;
    const inLoop = blocks.at(-1)?.kind === 'loop';
    const { mnemonic } = listed.instruction;
    const raised = mnemonic === 'if' || mnemonic === 'while' ? this.writtenUnder(listed) : [];
    return (facts) => {
      this.take(listed, facts, { step, value, inLoop, raised });
      this.check(facts, raised);
    };
  }

  /** Of the label that a trap told: the run stands at the instruction that broke the rule. */
  trap(ending: Ending & { readonly kind: 'trapped' }): Derived {
    const found = this.trapCandidates(ending.trap).find(({ label }) => label === ending.label);
    if (found === undefined)
      throw new RangeError(`the label of the trap at instruction ${ending.at} was derived otherwise`);
    return found;
  }

  /** Of a store: pc, address and level, which are held against the old label of the word; `undefined` for another instruction. */
  storeContext(): { readonly context: Derived; readonly old: Derived } | undefined {
    const listed = this.here();
    if (listed.instruction.mnemonic !== 'store') return undefined;
    const [, a] = listed.word.registers;
    const index = Number(this.timeline.registers[a]?.value ?? 0n);
    return {
      context: this.join(listed, undefined, 'the context of the store', [this.read(a), ...this.e(listed)]),
      old: this.word(listed.word.index, index),
    };
  }

  private here(): ListedInstruction {
    return instructionAt(this.listing, this.timeline.control.position);
  }

  // Sources

  private source(kind: Source['kind'], name: string, label: number): Derived {
    const key = `${kind} ${name}`;
    const known = this.sources.get(key);
    if (known !== undefined) return known;
    const made = { label, source: { kind, name }, at: undefined, step: undefined, place: name, parts: [] };
    this.sources.set(key, made);
    return made;
  }

  private authority(owner: number): Derived {
    const listed = this.listing.functions[owner];
    return this.source('authority', listed?.name ?? 'main', listed?.body.authority ?? 0);
  }

  private declaredWord(segment: number, index: number): Derived {
    const kind = this.given.has(`${segment}:${index}`) ? 'input' : 'word';
    const label = this.listing.module.segments[segment]?.label ?? 0;
    return this.source(kind, `${this.listing.names.segments[segment]}[${index}]`, label);
  }

  /** pc and the level of the instruction, whose categories are a clearance and not part of it. */
  private e({ word }: ListedInstruction): Derived[] {
    const { module, names } = this.listing;
    const label = (module.levels[word.level] ?? 0) & ~categoryBits;
    return [this.pc, this.source('level', names.levels[word.level] ?? '', label >>> 0)];
  }

  private read(register: number): Derived {
    const derived = this.register(register);
    if (derived === undefined) throw new RangeError(`the open function has no register r${register}`);
    return derived;
  }

  // Joins

  private join(
    listed: ListedInstruction,
    step: number | undefined,
    place: string,
    parts: readonly (Derived | Part)[],
  ): Derived {
    return joinDerived({ at: listed.at, step, place }, parts);
  }

  private newFrame(
    owner: number,
    listed: ListedInstruction | undefined,
    step: number | undefined,
  ): DerivedFrame {
    const count = this.listing.functions[owner]?.registers ?? 0;
    return {
      registers: Array.from({ length: count }, (_, register) =>
        listed === undefined
          ? { ...this.pc, place: `r${register}` }
          : this.join(listed, step, `r${register}`, [this.pc]),
      ),
    };
  }

  /** What goes into the result of an instruction besides e, by its operands. */
  private operands({ instruction, word }: ListedInstruction): Derived[] {
    const { module, names } = this.listing;
    const [, a, b, c] = word.registers;
    return instruction.operands.flatMap((operand) => {
      switch (operand) {
        case 'a':
          return [this.read(a)];
        case 'b':
          return [this.read(b)];
        case 'c':
          return [this.read(c)];
        case 'constant':
          return [
            this.source(
              'constant',
              names.constants[word.index] ?? '',
              module.constants[word.index]?.label ?? 0,
            ),
          ];
        case 'table':
          return [
            this.source('table', names.tables[word.index] ?? '', module.tables[word.index]?.label ?? 0),
          ];
        default:
          return [];
      }
    });
  }

  private take(listed: ListedInstruction, facts: Facts, { step, value, inLoop, raised }: Before): void {
    const { instruction, word } = listed;
    const [d, a] = word.registers;
    switch (instruction.mnemonic) {
      case 'if':
      case 'while': {
        const inside = this.join(listed, step, 'pc', [this.read(a), ...this.e(listed)]);
        for (const register of raised) {
          const old = this.read(register);
          if ((inside.label & ~old.label) !== 0)
            this.write(register, this.join(listed, step, `r${register}`, [old, inside]));
        }
        if (instruction.mnemonic === 'if') this.before.push(this.pc);
        this.pc = inside;
        if (instruction.mnemonic === 'while' && value === 0n) this.leave();
        return;
      }
      case 'loop':
        this.before.push(this.pc);
        return;
      case 'end':
        if (!inLoop) this.leave();
        return;
      case 'else':
      case 'halt':
        return;
      case 'call':
        this.call(listed, facts, step);
        return;
      case 'return': {
        const results = facts.registers.map(({ register }, index) => ({
          register,
          derived: this.join(listed, step, `r${register}`, [this.read(a + index), ...this.e(listed)]),
        }));
        this.frames.pop();
        for (const { register, derived } of results) this.write(register, derived);
        this.leave();
        return;
      }
      case 'store': {
        const { segment, index } = facts.stored ?? { segment: 0, index: 0 };
        const place = `${this.listing.names.segments[segment]}[${index}]`;
        this.words.set(
          `${segment}:${index}`,
          this.join(listed, step, place, [...this.operands(listed), ...this.e(listed)]),
        );
        return;
      }
      case 'output':
        this.ports.set(
          word.index,
          this.join(listed, step, `port ${this.listing.names.ports[word.index]}`, [
            ...this.operands(listed),
            ...this.e(listed),
          ]),
        );
        return;
      case 'declassify':
      case 'endorse':
        this.write(d, this.released(listed, step));
        return;
      case 'load':
        this.write(
          d,
          this.join(listed, step, `r${d}`, [
            this.word(word.index, Number(value)),
            this.read(a),
            ...this.e(listed),
          ]),
        );
        return;
      default:
        this.write(d, this.join(listed, step, `r${d}`, [...this.operands(listed), ...this.e(listed)]));
    }
  }

  private call(listed: ListedInstruction, facts: Facts, step: number): void {
    const { word } = listed;
    const [, a] = word.registers;
    const inside = this.join(listed, step, 'pc', [...this.e(listed), this.authority(word.index)]);
    const given = facts.registers.map(({ register }) =>
      this.join(listed, step, `r${register}`, [this.read(a + register), inside]),
    );
    this.before.push(this.pc);
    this.pc = inside;
    this.frames.push(this.newFrame(word.index, listed, step));
    for (const [register, derived] of given.entries()) this.write(register, derived);
  }

  /** A grant gives one half of the label, and what was there before the other. */
  private released(listed: ListedInstruction, step: number | undefined): Derived {
    const { module, names } = this.listing;
    const { word, instruction } = listed;
    const [d, a] = word.registers;
    const grant = this.source('grant', names.grants[word.index] ?? '', module.grants[word.index]?.to ?? 0);
    const kept = instruction.mnemonic === 'declassify' ? authorityBits : ~authorityBits;
    const operands = [this.read(a), ...this.e(listed)].map((of) => ({ of, bits: (of.label & kept) >>> 0 }));
    return this.join(listed, step, `r${d}`, [{ of: grant, bits: (grant.label & ~kept) >>> 0 }, ...operands]);
  }

  private write(register: number, derived: Derived): void {
    const frame = this.frames.at(-1);
    if (frame !== undefined) frame.registers[register] = derived;
  }

  private leave(): void {
    const before = this.before.pop();
    if (before === undefined) throw new RangeError('an `end` with nothing open');
    this.pc = before;
  }

  private check({ at, registers, stored, after }: Facts, raised: readonly number[]): void {
    const wrong = (what: string): Error =>
      new RangeError(`the label of ${what} after ${showPlace(this.listing, at)} was derived otherwise`);
    if (this.pc.label !== after.context) throw wrong('pc');
    for (const { register, word } of registers)
      if (this.register(register)?.label !== word.label) throw wrong(`r${register}`);
    for (const register of raised)
      if (this.timeline.registers[register]?.label !== this.read(register).label) throw wrong(`r${register}`);
    if (stored !== undefined && this.word(stored.segment, stored.index).label !== stored.word.label)
      throw wrong('a word');
  }

  // Traps

  /** What the instruction may have trapped on, in the order in which the machine looks at it. */
  private trapCandidates(trap: TrapName): Derived[] {
    const listed = this.here();
    const { instruction, word } = listed;
    const { mnemonic } = instruction;
    const [, a] = word.registers;
    const e = this.e(listed);
    const join = (place: string, ...parts: Derived[]): Derived => this.join(listed, undefined, place, parts);
    const inside = (): Derived =>
      mnemonic === 'call' ? join('pc', ...e, this.authority(word.index)) : join('pc', this.read(a), ...e);
    const raisesPc = mnemonic === 'if' || mnemonic === 'while' || mnemonic === 'call';
    // pc as it will be, as it is, or as it was before what ends here.
    if (trap === 'fuel') return [...(raisesPc ? [inside()] : []), this.pc, ...this.before.toReversed()];
    if (trap === 'bound') return [this.pc];
    switch (mnemonic) {
      case 'load': {
        if (trap === 'bounds') return [join('the address', this.read(a), ...e)];
        const index = Number(this.timeline.registers[a]?.value ?? 0n);
        return [join('the result', this.word(word.index, index), this.read(a), ...e)];
      }
      case 'store': {
        if (trap === 'bounds') return [join('the address', this.read(a), ...e)];
        const asked = this.storeContext();
        if (trap === 'upgrade' && asked !== undefined) return [join('the word', asked.context, asked.old)];
        return [join('the word', ...this.operands(listed), ...e)];
      }
      case 'if':
      case 'while': {
        const pc = inside();
        return [pc, ...this.writtenUnder(listed).map((r) => join(`r${r}`, this.read(r), pc))];
      }
      case 'call': {
        const pc = inside();
        const count = this.listing.functions[word.index]?.body.parameters.length ?? 0;
        const given = Array.from({ length: count }, (_, index) =>
          join(`argument r${a + index}`, this.read(a + index), pc),
        );
        return [...given, pc];
      }
      case 'return': {
        const count = this.listing.functions[listed.owner]?.body.results.length ?? 0;
        return Array.from({ length: count }, (_, index) =>
          join(`result r${a + index}`, this.read(a + index), ...e),
        );
      }
      case 'declassify':
      case 'endorse':
        // What goes in, and what would come out.
        return [join('the operand', ...this.operands(listed), ...e), this.released(listed, undefined)];
      default:
        return [join('the result', ...this.operands(listed), ...e)];
    }
  }

  /** Registers that the block of an `if` writes, or of a `while` its loop, in ascending order. */
  private writtenUnder({ at, instruction }: ListedInstruction): number[] {
    const loop = this.timeline.blocks.at(-1)?.at ?? at;
    return registersWrittenIn(this.listing, instruction.mnemonic === 'while' ? loop : at);
  }
}
