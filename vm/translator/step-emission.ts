/** Code of the instructions that are no control flow, by the templates of docs/TRANSLATOR.md. */
import { authorityBits } from '../label.ts';
import type { Module } from '../module.ts';
import type { Interval } from './claims.ts';
import { constant, type Frame, type Label } from './frame.ts';
import { givenLabel, type Inferred, wordLabel } from './inference.ts';
import { anything, isExact } from './label-state.ts';
import type { Step } from './program-tree.ts';
import type { Opcode } from './wasm.ts';

/** Where a module's words and tables are in memory. */
export interface Places {
  readonly segments: readonly { readonly values: number; readonly labels: number }[];
  readonly tables: readonly number[];
}

export interface Program {
  readonly module: Module;
  readonly inferred: Inferred;
  readonly places: Places;
  /** Whether `halt` leaves the registers behind. */
  readonly registers: boolean;
}

const plain: Readonly<Record<string, Opcode>> = {
  and: 'i64.and',
  or: 'i64.or',
  xor: 'i64.xor',
  mul: 'i64.mul',
};
const shifts: Readonly<Record<string, Opcode>> = {
  shl: 'i64.shl',
  shr: 'i64.shr_u',
  sar: 'i64.shr_s',
  rotl: 'i64.rotl',
};
/** Of two words, to an i32. */
export const comparisons: Readonly<Record<string, Opcode>> = {
  eq: 'i64.eq',
  ne: 'i64.ne',
  lt: 'i64.lt_s',
  le: 'i64.le_s',
};

/** Emits one instruction; those of control flow are emission.ts's. */
export function emitStep(frame: Frame, program: Program, step: Step): void {
  const { word, mnemonic } = step;
  const [, a, b, c] = word.registers;
  const emitter = new StepEmitter(frame, program, step);
  switch (mnemonic) {
    case 'const': {
      const { label = 0, value = 0n } = program.module.constants[word.index] ?? {};
      emitter.result(emitter.label(label), () => frame.code.i64(value));
      break;
    }
    case 'mov':
      emitter.result(emitter.label(0, a), () => emitter.values(a));
      break;
    case 'not':
      emitter.result(emitter.label(0, a), () => emitter.values(a).i64(-1n).op('i64.xor'));
      break;
    case 'add':
    case 'sub':
      emitter.sum();
      break;
    case 'mul':
      emitter.product();
      break;
    case 'div':
    case 'muldiv':
      emitter.division();
      break;
    case 'rem':
      emitter.remainder();
      break;
    case 'select':
      emitter.result(emitter.label(0, a, b, c), () =>
        emitter.values(b, c, a).i64(0n).op('i64.ne').op('select'),
      );
      break;
    case 'min':
    case 'max':
      emitter.result(emitter.label(0, a, b), () =>
        emitter
          .values(a, b, a, b)
          .op(mnemonic === 'min' ? 'i64.lt_s' : 'i64.gt_s')
          .op('select'),
      );
      break;
    case 'find':
      emitter.find();
      break;
    case 'entry':
      emitter.entry();
      break;
    case 'load':
      emitter.load();
      break;
    case 'store':
      emitter.store();
      break;
    case 'output':
      emitter.output();
      break;
    case 'declassify':
    case 'endorse':
      emitter.grant();
      break;
    default: {
      const label = emitter.label(0, a, b);
      const shift = shifts[mnemonic];
      if (shift !== undefined) {
        emitter.values(b).i64(63n).op('i64.gt_u').op('if');
        emitter.stop('shift', label);
      }
      emitter.result(label, () => {
        const comparison = comparisons[mnemonic];
        emitter.values(a, b);
        if (comparison !== undefined) frame.code.op(comparison).op('i64.extend_i32_u');
        else frame.code.op(shift ?? plain[mnemonic] ?? 'unreachable');
      });
    }
  }
}

class StepEmitter {
  private readonly frame: Frame;
  private readonly program: Program;
  private readonly step: Step;

  constructor(frame: Frame, program: Program, step: Step) {
    this.frame = frame;
    this.program = program;
    this.step = step;
  }

  /** pc ⊔ I ⊔ `exact` ⊔ the labels of the registers. */
  label(exact: number, ...registers: readonly number[]): Label {
    const { at, level } = this.step;
    const parts = registers.map((register) => this.frame.labelOf(at, register));
    return this.frame.compute((level | exact) >>> 0, [this.frame.pcAt(at), ...parts]);
  }

  values(...registers: readonly number[]): Frame['code'] {
    for (const register of registers) this.frame.code.get(this.frame.value(register));
    return this.frame.code;
  }

  /** Checks the label, and writes d. */
  result(label: Label, pushValue: () => unknown): void {
    this.frame.check(label, this.step.uncleared, this.step.at);
    pushValue();
    this.frame.write(this.step.word.registers[0], label);
  }

  /** Ends an `if` that is open with a trap. */
  stop(name: 'shift' | 'overflow' | 'bounds' | 'division', label: Label): void {
    this.frame.trap(name, this.step.at, () => this.frame.push(label));
    this.frame.code.op('end');
  }

  sum(): void {
    const { frame } = this;
    const [, a, b] = this.step.word.registers;
    const adds = this.step.mnemonic === 'add';
    const label = this.label(0, a, b);
    this.values(a, b)
      .op(adds ? 'i64.add' : 'i64.sub')
      .set(frame.scratch);
    if (adds) {
      this.values(a).get(frame.scratch).op('i64.xor');
      this.values(b).get(frame.scratch).op('i64.xor');
    } else {
      this.values(a, b).op('i64.xor');
      this.values(a).get(frame.scratch).op('i64.xor');
    }
    frame.code.op('i64.and').i64(0n).op('i64.lt_s').op('if');
    this.stop('overflow', label);
    this.result(label, () => frame.code.get(frame.scratch));
  }

  product(): void {
    const { frame } = this;
    const { code } = frame;
    const [, a, b] = this.step.word.registers;
    const label = this.label(0, a, b);
    for (const factor of [a, b]) this.values(factor, factor).op('i64.extend32_s').op('i64.eq');
    code.op('i32.and').op('i32.eqz').op('if');
    this.values(a, b);
    frame.call('productOverflows').op('if');
    this.stop('overflow', label);
    code.op('end');
    this.result(label, () => this.values(a, b).op('i64.mul'));
  }

  division(): void {
    const { frame } = this;
    const { at, word, mnemonic } = this.step;
    const [, a, b, c] = word.registers;
    const isTernary = mnemonic === 'muldiv';
    const label = isTernary ? this.label(0, a, b, c) : this.label(0, a, b);
    if (isTernary) this.values(a, b, c);
    else this.values(a).i64(1n).get(frame.value(b));
    frame.code.i32(word.index);
    frame.call('divide').tee(frame.status).op('if').get(frame.status).i32(at);
    frame.push(label);
    frame.call('stop').op('return').op('end');
    this.result(label, () => frame.code.globalGet(frame.global('quotient')));
  }

  remainder(): void {
    const { frame } = this;
    const [, a, b] = this.step.word.registers;
    const label = this.label(0, a, b);
    this.values(b).op('i64.eqz').op('if');
    this.stop('division', label);
    this.result(label, () => {
      this.values(a, b);
      frame.call('remainder');
    });
  }

  find(): void {
    const { frame, program } = this;
    const { index, registers } = this.step.word;
    const table = program.module.tables[index];
    this.result(this.label(table?.label ?? 0, registers[1]), () => {
      frame.code.i32(program.places.tables[index] ?? 0).i32(table?.entries.length ?? 0);
      this.values(registers[1]);
      frame.call('find');
    });
  }

  entry(): void {
    const { program } = this;
    const { index, registers } = this.step.word;
    const table = program.module.tables[index];
    const label = this.label(table?.label ?? 0, registers[1]);
    this.boundsCheck(table?.entries.length ?? 0, label);
    this.result(label, () => this.address(3).load('i64.load', program.places.tables[index] ?? 0));
  }

  private boundsCheck(length: number, label: Label): void {
    this.values(this.step.word.registers[1]).i64(BigInt(length)).op('i64.ge_u').op('if');
    this.stop('bounds', label);
  }

  /** The index in register a, as an offset in bytes. */
  private address(shift: 2 | 3): Frame['code'] {
    return this.values(this.step.word.registers[1]).op('i32.wrap_i64').i32(shift).op('i32.shl');
  }

  private wordLabel(): Interval {
    const { index } = this.step.word;
    const { module, inferred } = this.program;
    return this.frame.proven ? wordLabel(module, index, inferred.uniform[index] === true) : anything;
  }

  load(): void {
    const { frame, program } = this;
    const { index, registers } = this.step.word;
    const place = program.places.segments[index];
    const before = this.label(0, registers[1]);
    this.boundsCheck(program.module.segments[index]?.length ?? 0, before);
    const word = { known: this.wordLabel(), local: 0 };
    const label = { known: frame.known(before, word), local: frame.label };
    if (!isExact(label.known)) {
      frame.push(before);
      if (isExact(word.known)) frame.code.i32(word.known[0]);
      else this.address(2).load('i32.load', place?.labels ?? 0);
      frame.code.op('i32.or').set(frame.label);
    }
    this.result(label, () => this.address(3).load('i64.load', place?.values ?? 0));
  }

  store(): void {
    const { frame, program } = this;
    const { code } = frame;
    const { at, uncleared, word } = this.step;
    const [, a, b] = word.registers;
    const segment = program.module.segments[word.index];
    const place = program.places.segments[word.index];
    const before = this.label(0, a);
    this.boundsCheck(segment?.length ?? 0, before);
    const old = { known: this.wordLabel(), local: frame.old };
    if (!isExact(old.known))
      this.address(2)
        .load('i32.load', place?.labels ?? 0)
        .set(frame.old);
    frame.flows(before, old, 'upgrade', at, () => frame.pushJoin(before, old));
    const label = frame.joinInto(frame.label, before, frame.labelOf(at, b));
    frame.check(label, uncleared, at);
    frame.flows(label, constant(segment?.ceiling ?? 0), 'ceiling', at, () => frame.push(label));
    const isUniform = program.inferred.uniform[word.index] === true;
    if (!frame.proven || !isUniform) {
      this.address(2);
      frame.push(label);
      code.store('i32.store', place?.labels ?? 0);
    }
    if (!frame.proven && isUniform) {
      code.globalGet(frame.global('dirty'));
      frame.push(label);
      code
        .i32(segment?.label ?? 0)
        .op('i32.ne')
        .op('i32.or')
        .globalSet(frame.global('dirty'));
    }
    this.address(3)
      .get(frame.value(b))
      .store('i64.store', place?.values ?? 0);
  }

  output(): void {
    const { frame, program } = this;
    const { at, uncleared, word } = this.step;
    const [, a] = word.registers;
    const label = this.label(0, a);
    const port = constant(program.module.ports[word.index]?.label ?? 0);
    const address = frame.options.runtime.address('PORTS') + 32 * word.index;
    frame.check(label, uncleared, at);
    frame.flows(label, port, 'port', at, () => frame.push(label));
    frame.code.i32(0).get(frame.value(a)).store('i64.store', address);
    frame.code
      .i32(0)
      .i32(1)
      .store('i32.store', address + 12);
  }

  grant(): void {
    const { frame, program } = this;
    const { code } = frame;
    const { at, uncleared, word, mnemonic } = this.step;
    const [, a] = word.registers;
    const operand = frame.labelOf(at, a);
    const context = this.label(0);
    code.i32(at).i32(word.index);
    frame.push(context);
    code.i32(uncleared);
    frame.push(operand);
    this.values(a);
    frame.call('grant').op('if').i32(1).op('return').op('end');
    const known = frame.proven
      ? givenLabel(program.module, this.step, frame.known(context, operand))
      : anything;
    const given = { known, local: frame.label };
    if (!isExact(known)) {
      const kept = mnemonic === 'declassify' ? authorityBits : ~authorityBits;
      const to = program.module.grants[word.index]?.to ?? 0;
      frame.push(context);
      frame.push(operand);
      code
        .op('i32.or')
        .i32(kept)
        .op('i32.and')
        .i32((to & ~kept) >>> 0)
        .op('i32.or')
        .set(frame.label);
    }
    this.result(given, () => this.values(a));
  }
}
