/** The code of each instruction that is no branch, loop or call, as docs/TRANSLATOR.md has it under Templates. */

import { authorityBits } from '../label.ts';
import type { Step } from '../specification/syntax-tree.ts';
import type { Frame, Label } from './check-frame.ts';
import { exactly, isExact, isSame, join } from './check-state.ts';
import type { Interval } from './claims.ts';

export const comparisons: Readonly<Record<string, string>> = {
  eq: 'i64.eq',
  ne: 'i64.ne',
  lt: 'i64.lt_s',
  le: 'i64.le_s',
};

/** Operations on v a and v b that cannot fail. */
const plain: Readonly<Record<string, readonly string[]>> = {
  and: ['i64.and'],
  or: ['i64.or'],
  xor: ['i64.xor'],
};

const shifts: Readonly<Record<string, string>> = {
  shl: 'i64.shl',
  shr: 'i64.shr_u',
  sar: 'i64.shr_s',
  rotl: 'i64.rotl',
};

const constant = (label: number): Label => ({ known: exactly(label), local: undefined, of: 'computed' });

/** Compares the code of an instruction; `notUniform` is told of a store that leaves another label than its segment's. */
export function checkInstruction(frame: Frame, step: Step, notUniform: (segment: number) => void): void {
  const { mnemonic } = step.instruction;
  if (mnemonic === 'load') checkLoad(frame, step);
  else if (mnemonic === 'store') checkStore(frame, step, notUniform);
  else if (mnemonic === 'output') checkOutput(frame, step);
  else if (mnemonic === 'declassify' || mnemonic === 'endorse') checkGrant(frame, step);
  else checkOperation(frame, step);
}

/** pc and the labels of the operands that the instruction reads, in their order. */
function readBy(frame: Frame, { instruction, word }: Step): Label[] {
  const [, a, b, c] = word.registers;
  const registers = { a, b, c };
  return [
    frame.pc(),
    ...(['a', 'b', 'c'] as const)
      .filter((name) => instruction.operands.includes(name))
      .map((name) => frame.register(registers[name])),
  ];
}

/** What has no effect but on d: its label is the join of all that it reads. */
function checkOperation(frame: Frame, step: Step): void {
  const { code, program } = frame;
  const { word, instruction } = step;
  const { module, runtime } = program;
  const [d] = word.registers;
  // What an instruction does not read is 0, and register 0 is there.
  const [a, b, c] = [1, 2, 3].map((place) => frame.value(word.registers[place] ?? 0)) as [
    number,
    number,
    number,
  ];
  const { level, uncleared } = program.levelOf(step);
  const table = instruction.operands.includes('table') ? module.tables[word.index] : undefined;
  const own = instruction.operands.includes('constant') ? module.constants[word.index] : table;
  const label = frame.labelOf((level | (own?.label ?? 0)) >>> 0, readBy(frame, step));
  const check = (): void => frame.check(label, uncleared);
  const trap = (name: Parameters<Frame['trap']>[0]): void => {
    frame.trap(name, () => frame.read(label));
    code.op('end');
  };
  const { mnemonic } = instruction;
  const comparison = comparisons[mnemonic];
  const operations = comparison === undefined ? plain[mnemonic] : [comparison, 'i64.extend_i32_u'];
  const shift = shifts[mnemonic];
  if (operations !== undefined) {
    check();
    code.get(a, b).op(...operations);
  } else if (shift !== undefined) {
    code.get(b).i64(63n).op('i64.gt_u', 'if');
    trap('shift');
    check();
    code.get(a, b).op(shift);
  } else
    switch (mnemonic) {
      case 'const':
        check();
        code.i64(module.constants[word.index]?.value ?? 0n);
        break;
      case 'mov':
        check();
        code.get(a);
        break;
      case 'not':
        check();
        code.get(a).i64(-1n).op('i64.xor');
        break;
      case 'add':
      case 'sub':
        // Overflow: (a ^ t) & (b ^ t) < 0 of a sum t, (a ^ b) & (a ^ t) < 0 of a difference.
        code.get(a, b).op(`i64.${mnemonic}`).set(frame.wide);
        code.get(a, mnemonic === 'add' ? frame.wide : b).op('i64.xor');
        code.get(mnemonic === 'add' ? b : a, frame.wide).op('i64.xor', 'i64.and');
        code.i64(0n).op('i64.lt_s', 'if');
        trap('overflow');
        check();
        code.get(frame.wide);
        break;
      case 'mul':
        code.get(a, a).op('i64.extend32_s', 'i64.eq').get(b, b).op('i64.extend32_s', 'i64.eq');
        code.op('i32.and', 'i32.eqz', 'if').get(a, b).call(runtime.index('productOverflows')).op('if');
        trap('overflow');
        code.op('end');
        check();
        code.get(a, b).op('i64.mul');
        break;
      case 'div':
      case 'muldiv':
        code.get(a);
        if (mnemonic === 'div') code.i64(1n).get(b);
        else code.get(b, c);
        code.i32(word.index).call(runtime.index('divide')).tee(frame.status).op('if');
        code.get(frame.status).i32(step.at);
        frame.read(label);
        code.call(runtime.index('stop')).op('return', 'end');
        check();
        code.getGlobal(runtime.index('quotient'));
        break;
      case 'rem':
        code.get(b).op('i64.eqz', 'if');
        trap('division');
        check();
        code.get(a, b).call(runtime.index('remainder'));
        break;
      case 'min':
      case 'max':
        check();
        code.get(a, b, a, b).op(mnemonic === 'min' ? 'i64.lt_s' : 'i64.gt_s', 'select');
        break;
      case 'select':
        check();
        code.get(b, c, a).i64(0n).op('i64.ne', 'select');
        break;
      case 'find':
        check();
        code.i32(program.tables[word.index] ?? 0).i32(table?.entries.length ?? 0);
        code.get(a).call(runtime.index('find'));
        break;
      case 'entry':
        code
          .get(a)
          .i64(BigInt(table?.entries.length ?? 0))
          .op('i64.ge_u', 'if');
        trap('bounds');
        check();
        place(frame, a, 3);
        code.access('i64.load', program.tables[word.index] ?? 0);
        break;
      default:
        throw new Error(`invariant broken: \`${mnemonic}\` has no template`);
    }
  frame.write(d, label);
}

/** The offset of a word whose number is in a local, with 2 to the power of `exponent` bytes each. */
function place(frame: Frame, local: number, exponent: number): void {
  frame.code.get(local).op('i32.wrap_i64').i32(exponent).op('i32.shl');
}

/** Label of the address of a load or store, checked against the length of the segment. */
function addressed(frame: Frame, step: Step): Label {
  const [, a] = step.word.registers;
  const label = frame.labelOf(frame.program.levelOf(step).level, [frame.pc(), frame.register(a)]);
  const length = frame.program.module.segments[step.word.index]?.length ?? 0;
  frame.code.get(frame.value(a)).i64(BigInt(length)).op('i64.ge_u', 'if');
  frame.trap('bounds', () => frame.read(label));
  frame.code.op('end');
  return label;
}

/** What a proven version knows of the words of a segment. */
function wordOf(frame: Frame, segment: number): { readonly isUniform: boolean; readonly known: Interval } {
  const declared = frame.program.module.segments[segment];
  const isUniform = frame.claim !== undefined && frame.program.claims.uniform[segment] === true;
  const known = isUniform ? exactly(declared?.label ?? 0) : ([0, declared?.ceiling ?? 0] as const);
  return { isUniform, known: frame.known(known) };
}

function checkLoad(frame: Frame, step: Step): void {
  const { code, program } = frame;
  const { word } = step;
  const [d, a] = word.registers;
  const addresses = program.segments[word.index];
  const before = addressed(frame, step);
  const { known } = wordOf(frame, word.index);
  const label = frame.computed(join(before.known, known), frame.label);
  if (!isExact(label.known)) {
    frame.read(before);
    if (isExact(known)) code.i32(known[0]);
    else {
      place(frame, frame.value(a), 2);
      code.access('i32.load', addresses?.labels ?? 0);
    }
    code.op('i32.or').set(frame.label);
  }
  frame.check(label, program.levelOf(step).uncleared);
  place(frame, frame.value(a), 3);
  code.access('i64.load', addresses?.values ?? 0);
  frame.write(d, label);
}

function checkStore(frame: Frame, step: Step, notUniform: (segment: number) => void): void {
  const { code, program } = frame;
  const { word } = step;
  const [, a, b] = word.registers;
  const segment = program.module.segments[word.index];
  const addresses = program.segments[word.index];
  const before = addressed(frame, step);
  const { isUniform, known } = wordOf(frame, word.index);
  const old: Label = { known, local: frame.old, of: 'computed' };
  if (!isExact(known)) {
    place(frame, frame.value(a), 2);
    code.access('i32.load', addresses?.labels ?? 0).set(frame.old);
  }
  frame.flows(before, old, 'upgrade', () => {
    const both = frame.known(join(before.known, known));
    if (isExact(both)) code.i32(both[0]);
    else {
      frame.read(before);
      frame.read(old);
      code.op('i32.or');
    }
  });
  const label = frame.joined([before, frame.register(b)], frame.label);
  frame.check(label, program.levelOf(step).uncleared);
  frame.flows(label, constant(segment?.ceiling ?? 0), 'ceiling', () => frame.read(label));
  if (!isUniform) {
    place(frame, frame.value(a), 2);
    frame.read(label);
    code.access('i32.store', addresses?.labels ?? 0);
  }
  if (frame.claim !== undefined && !isSame(label.known, exactly(segment?.label ?? 0))) notUniform(word.index);
  if (frame.claim === undefined && program.claims.uniform[word.index] === true) {
    const dirty = program.runtime.index('dirty');
    code.getGlobal(dirty);
    frame.read(label);
    code
      .i32(segment?.label ?? 0)
      .op('i32.ne', 'i32.or')
      .setGlobal(dirty);
  }
  place(frame, frame.value(a), 3);
  code.get(frame.value(b)).access('i64.store', addresses?.values ?? 0);
}

function checkOutput(frame: Frame, step: Step): void {
  const { code, program } = frame;
  const { word } = step;
  const [, a] = word.registers;
  const { level, uncleared } = program.levelOf(step);
  const label = frame.labelOf(level, readBy(frame, step));
  frame.check(label, uncleared);
  frame.flows(label, constant(program.module.ports[word.index]?.label ?? 0), 'port', () => frame.read(label));
  const port = program.runtime.constant('PORTS') + 32 * word.index;
  code.i32(0).get(frame.value(a)).access('i64.store', port);
  code
    .i32(0)
    .i32(1)
    .access('i32.store', port + 12);
}

function checkGrant(frame: Frame, step: Step): void {
  const { code, program } = frame;
  const { word, instruction } = step;
  const [d, a] = word.registers;
  const { level, uncleared } = program.levelOf(step);
  const to = program.module.grants[word.index]?.to ?? 0;
  /** Bits of the label that stay; the others are the grant's. */
  const stays = instruction.mnemonic === 'declassify' ? authorityBits : ~authorityBits;
  const context = frame.labelOf(level, [frame.pc()]);
  const operand = frame.register(a);
  code.i32(step.at).i32(word.index);
  frame.read(context);
  code.i32(uncleared);
  frame.read(operand);
  code.get(frame.value(a)).call(program.runtime.index('grant'));
  code.op('if').i32(1).op('return', 'end');
  const [low, high] = join(context.known, operand.known);
  const given = frame.computed(join([low & stays, high & stays], exactly(to & ~stays)), frame.label);
  if (!isExact(given.known)) {
    frame.read(context);
    frame.read(operand);
    code
      .op('i32.or')
      .i32(stays)
      .op('i32.and')
      .i32(to & ~stays)
      .op('i32.or')
      .set(frame.label);
  }
  frame.check(given, uncleared);
  code.get(frame.value(a));
  frame.write(d, given);
}
