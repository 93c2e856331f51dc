/** Code of functions: their beginning, control flow and calls, by the templates of docs/TRANSLATOR.md. */
import type { Elision, Interval } from './claims.ts';
import { constant, Frame, isGiven, type Label, type RuntimePlaces } from './frame.ts';
import { anything, isExact } from './label-state.ts';
import type { Body, Branch, Loop, Node, Step, While } from './program-tree.ts';
import { comparisons, emitStep, type Program } from './step-emission.ts';
import type { ValueType } from './wasm.ts';

export interface EmittedFunction {
  readonly parameters: readonly ValueType[];
  readonly results: readonly ValueType[];
  readonly locals: readonly ValueType[];
  readonly body: Uint8Array;
}

export interface ProvenCode extends EmittedFunction {
  readonly masked: number;
  readonly pcDynamic: boolean;
  readonly elided: readonly Elision[];
}

export interface EmissionOptions {
  readonly program: Program;
  readonly bodies: readonly Body[];
  readonly runtime: RuntimePlaces;
}

const allRegisters = 0xffffffff;

/** The version that knows no label and leaves nothing out. */
export function emitTagged(options: EmissionOptions, index: number): EmittedFunction {
  return new FunctionEmitter(options, index, undefined, allRegisters, true).emit();
}

/** The version that inference has proven what for; undefined where none calls it. */
export function emitProven(options: EmissionOptions, index: number): ProvenCode | undefined {
  const entry = options.program.inferred.entries[index];
  if (entry === undefined) return undefined;
  // What is read although it is not exact is seen only as it is emitted: the first time for that alone.
  const dry = new FunctionEmitter(options, index, entry, 0, false);
  const code = dry.emit();
  const { neededMask: masked, neededPc: pcDynamic, elided } = dry.frame;
  const needsNone = masked === 0 && !pcDynamic;
  const emitted = needsNone ? code : new FunctionEmitter(options, index, entry, masked, pcDynamic).emit();
  const { parameters, results, locals, body } = emitted;
  return { parameters, results, locals, body, masked, pcDynamic, elided };
}

/** The index of a function's version in the module. */
export function versionIndex(runtime: RuntimePlaces, index: number, version: 'tagged' | 'proven'): number {
  return runtime.functionCount + 2 * index + (version === 'tagged' ? 0 : 1);
}

class FunctionEmitter {
  readonly frame: Frame;
  private readonly options: EmissionOptions;
  private readonly index: number;
  private readonly body: Body;
  /** The innermost loops that are open, with the depth of each. */
  private readonly loops: { readonly loop: Loop; readonly depth: number }[] = [];

  constructor(
    options: EmissionOptions,
    index: number,
    entry: EmissionOptions['program']['inferred']['entries'][number],
    masked: number,
    pcDynamic: boolean,
  ) {
    const body = options.bodies[index];
    if (body === undefined) throw new Error(`function ${index} is not there`);
    this.options = options;
    this.index = index;
    this.body = body;
    const { before } = options.program.inferred;
    this.frame = new Frame({ body, entry, before, runtime: options.runtime, masked, pcDynamic });
  }

  emit(): EmittedFunction {
    const { frame, body } = this;
    const { entry } = frame.options;
    const pc = frame.pcLabel(entry?.pc ?? anything);
    if (entry === undefined) this.guard();
    frame.code.globalGet(frame.global('fuelLeft')).set(frame.fuel);
    for (let r = 0; r < body.registers; r++) {
      if (!frame.isMasked(r) || frame.hasLabelParameter(r)) continue;
      const known = entry?.parameters[r];
      frame.setLabel(r, () => frame.push(known === undefined ? pc : { known, local: 0 }));
    }
    if (!frame.hasPcParameter()) frame.setPc(pc);
    frame.charge(body.charge, pc, body.first);
    frame.chargeRegion(this.regionCharge(body.nodes, body.charge, pc));
    this.emitNodes(body.nodes, 0);
    frame.code.op('end');
    return {
      parameters: frame.parameters,
      results: ['i32'],
      locals: frame.locals,
      body: frame.code.bytes,
    };
  }

  /** Goes on in the proven version where what that claims holds. */
  private guard(): void {
    const { frame, index, body } = this;
    const { code } = frame;
    const { inferred } = this.options.program;
    const entry = inferred.entries[index];
    if (entry === undefined) return;
    const labels = body.function.parameters.map((_, r) => frame.labelOf(body.first, r));
    const uncleared = { known: anything, local: frame.uncleared };
    code.globalGet(frame.global('dirty')).op('i32.eqz');
    code.globalGet(frame.global('fuelLeft')).i64(body.dearest).op('i64.ge_s').op('i32.and');
    this.within(frame.pcLabel(anything), entry.pc);
    this.within(uncleared, entry.uncleared);
    for (const [r, label] of labels.entries()) this.within(label, entry.parameters[r] ?? anything);
    code.op('if');
    if (!isExact(entry.pc)) frame.push(frame.pcLabel(anything));
    if (!isExact(entry.uncleared)) frame.push(uncleared);
    for (const r of labels.keys()) code.get(frame.value(r));
    for (const [r, label] of labels.entries())
      if (!isExact(entry.parameters[r] ?? anything)) frame.push(label);
    code.call(versionIndex(this.options.runtime, index, 'proven'));
    code.op('if').i32(1).op('return').op('end');
    for (const [at, known] of (inferred.results[index] ?? []).entries())
      if (isExact(known)) code.i32(known[0]).globalSet(frame.global(`resultLabel${at}`));
    code.i32(0).op('return').op('end');
  }

  private within(label: Label, [low, high]: Interval): void {
    const { code } = this.frame;
    this.frame.push(label);
    if (low === high) code.i32(low).op('i32.eq');
    else {
      code.i32(~high).op('i32.and');
      this.frame.push(label);
      code.i32(-1).op('i32.xor').i32(low).op('i32.and').op('i32.or').op('i32.eqz');
    }
    code.op('i32.and');
  }

  /**
   * What is charged in a region, whose blocks run equally often: first a block of its own, with `pc`, then those after branches, loops and calls
   * in it. Only where pc is surely public: the others are charged in their places.
   */
  private regionCharge(nodes: readonly Node[], first: bigint, pc: Label): bigint {
    const { frame } = this;
    let sum = frame.isSurelyPublic(pc) ? first : 0n;
    for (const node of nodes) {
      if (!frame.isSurelyPublic(frame.pcAt(node.at))) continue;
      if (node.kind === 'if' || node.kind === 'loop') sum += node.endCharge;
      else if (node.mnemonic === 'call') sum += node.charge;
    }
    return sum;
  }

  private emitNodes(nodes: readonly Node[], depth: number): void {
    for (const [index, node] of nodes.entries()) {
      const before = nodes[index - 1];
      if (node.kind === 'if') this.emitBranch(node, before, depth);
      else if (node.kind === 'loop') this.emitLoop(node, depth);
      else if (node.kind === 'while') this.emitWhile(node, before, regionAfter(nodes, index));
      else if (node.mnemonic === 'call') this.emitCall(node);
      else if (node.mnemonic === 'return') this.emitReturn(node);
      else if (node.mnemonic === 'halt') this.emitHalt(node);
      else emitStep(this.frame, this.options.program, node);
    }
  }

  /** Keeps pc for when the block is left; gives it as it will be read then. */
  private savePc(at: number, depth: number): Label {
    const { frame } = this;
    const pc = frame.pcAt(at);
    if (isExact(pc.known)) return pc;
    frame.push(pc);
    frame.code.set(frame.savedPc(depth));
    return { known: pc.known, local: frame.savedPc(depth) };
  }

  private conditionKnown({ at, level, word }: While): Interval {
    const { frame } = this;
    return frame.known(constant(level), frame.pcAt(at), frame.labelOf(at, word.registers[1]));
  }

  /** pc ⊔ I ⊔ La. */
  private conditionLabel(node: Branch | While): Label {
    const { frame } = this;
    const { at, level, word, uncleared } = node;
    const label = frame.compute(level, [frame.pcAt(at), frame.labelOf(at, word.registers[1])]);
    frame.check(label, uncleared, at);
    return label;
  }

  /** Raises the registers of `writes` to `label`. */
  private raise(writes: number, label: Label, at: number): void {
    const { frame } = this;
    for (let r = 0; r < this.body.registers; r++) {
      if (((writes >>> r) & 1) === 0) continue;
      const before = frame.labelOf(at, r);
      const known = frame.known(before, label);
      const handles = !frame.isSurelyHandled(known);
      const raised = isExact(known) || handles || frame.isMasked(r);
      const after = raised ? frame.joinInto(frame.old, before, label) : { known, local: 0 };
      frame.handled(after, 'raise', at);
      frame.setLabel(r, () => frame.push(after));
    }
  }

  /** Whether the register is not zero, as an i32: the comparison itself where it was made just before. */
  private pushCondition(register: number, before: Node | undefined): void {
    const { frame } = this;
    const { code } = frame;
    const comparison = before?.kind === 'step' ? comparisons[before.mnemonic] : undefined;
    const [d, a, b] = before?.word.registers ?? [0, 0, 0];
    if (comparison === undefined || d !== register || a === d || b === d)
      code.get(frame.value(register)).i64(0n).op('i64.ne');
    else code.get(frame.value(a)).get(frame.value(b)).op(comparison);
  }

  private emitBranch(node: Branch, previous: Node | undefined, depth: number): void {
    const { frame } = this;
    const { code } = frame;
    const { at } = node;
    const label = this.conditionLabel(node);
    this.raise(node.writes, label, at);
    const before = this.savePc(at, depth);
    frame.setPc(label);
    frame.chargeDearest(() => code.i64(node.dearest), before, label, at);
    const pc = frame.pcLabel(label.known);
    this.pushCondition(node.word.registers[1], previous);
    code.op('if');
    frame.charge(node.charge, pc, at + 1);
    frame.chargeRegion(this.regionCharge(node.arm, node.charge, pc));
    this.emitNodes(node.arm, depth + 1);
    if (node.otherArm !== undefined) {
      code.op('else');
      frame.charge(node.elseCharge, pc, node.elseAt + 1);
      frame.chargeRegion(this.regionCharge(node.otherArm, node.elseCharge, pc));
      this.emitNodes(node.otherArm, depth + 1);
    }
    code.op('end');
    frame.setPc(before);
    frame.charge(node.endCharge, frame.pcLabel(before.known), node.endAt + 1);
  }

  private emitLoop(node: Loop, depth: number): void {
    const { frame } = this;
    const { code } = frame;
    const { at, endAt } = node;
    const rounds = frame.roundsOf(depth);
    code.i32(0).set(rounds);
    const before = this.savePc(at, depth);
    // The same block begins every round: pc at the head covers both.
    const head = frame.pcLabel(this.options.program.inferred.heads.get(at)?.pc ?? anything);
    const isDeferred = frame.isSurelyPublic(head);
    if (!isDeferred) frame.chargeHere(node.charge, frame.pcAt(at), at + 1);
    code.op('block').op('loop');
    this.loops.push({ loop: node, depth });
    this.emitNodes(node.body, depth + 1);
    this.loops.pop();
    const pc = frame.pcAt(endAt);
    code.get(rounds).i32(Number(node.bound)).op('i32.eq').op('if');
    frame.trap('bound', endAt, () => frame.push(pc));
    code.op('end').get(rounds).i32(1).op('i32.add').set(rounds);
    if (!isDeferred) frame.chargeHere(node.charge, pc, at + 1);
    code.br(0).op('end').op('end');
    const first = node.body.findIndex(({ kind }) => kind === 'while');
    const last = node.body.findLastIndex(({ kind }) => kind === 'while');
    frame.chargeRounds(
      rounds,
      this.regionCharge(node.body.slice(0, first), node.charge, head),
      this.afterWhile(node.body, last),
    );
    frame.setPc(before);
    frame.charge(node.endCharge, frame.pcLabel(before.known), endAt + 1);
  }

  /** What is charged in the region after a `while`. */
  private afterWhile(nodes: readonly Node[], index: number): bigint {
    const node = nodes[index];
    if (node?.kind !== 'while') return 0n;
    const { frame } = this;
    const pc = frame.pcLabel(this.conditionKnown(node));
    return this.regionCharge(regionAfter(nodes, index), node.charge, pc);
  }

  private emitWhile(node: While, previous: Node | undefined, region: readonly Node[]): void {
    const { frame } = this;
    const { code } = frame;
    const { at } = node;
    const open = this.loops.at(-1);
    if (open === undefined) throw new Error('a verified `while` is in a loop');
    const { loop, depth } = open;
    const label = this.conditionLabel(node);
    this.raise(loop.writes, label, at);
    const pushCost = (): void => {
      code.i64(node.dearest).i64(loop.round).i64(loop.bound);
      code.get(frame.roundsOf(depth)).op('i64.extend_i32_u').op('i64.sub');
      frame.call('roundsCost');
    };
    frame.chargeDearest(pushCost, frame.pcAt(at), label, at);
    frame.setPc(label);
    this.pushCondition(node.word.registers[1], previous);
    code.op('i32.eqz').brIf(1);
    const pc = frame.pcLabel(label.known);
    frame.charge(node.charge, pc, at + 1);
    const isLast = loop.body.findLast(({ kind }) => kind === 'while') === node;
    if (!isLast) frame.chargeRegion(this.regionCharge(region, node.charge, pc));
  }

  private emitCall(node: Step): void {
    const { frame, options } = this;
    const { code } = frame;
    const { at, level, uncleared, word } = node;
    const [d, a] = word.registers;
    const callee = options.bodies[word.index];
    if (callee === undefined) throw new Error('a verified `call` has its function');
    const { authority, parameters, results } = callee.function;
    const entry = frame.proven ? options.program.inferred.entries[word.index] : undefined;
    const inside = frame.compute((level | authority) >>> 0, [frame.pcAt(at)]);
    const given = parameters.map((_, index) => frame.labelOf(at, a + index));
    for (const argument of given) {
      const label = frame.joinInto(frame.old, inside, argument);
      frame.check(label, uncleared, at);
    }
    frame.handled(inside, 'handled', at);
    frame.chargeDearest(() => code.i64(callee.dearest), frame.pcAt(at), inside, at);
    code.get(frame.fuel).globalSet(frame.global('fuelLeft'));
    if (isGiven(entry?.pc)) frame.push(inside);
    if (isGiven(entry?.uncleared)) code.i32(uncleared);
    for (const index of parameters.keys()) code.get(frame.value(a + index));
    for (const [index, argument] of given.entries())
      if (isGiven(entry?.parameters[index])) frame.pushJoin(inside, argument);
    code.call(versionIndex(options.runtime, word.index, frame.proven ? 'proven' : 'tagged'));
    code.op('if').i32(1).op('return').op('end');
    code.globalGet(frame.global('fuelLeft')).set(frame.fuel);
    for (const index of results.keys()) {
      const known = frame.proven
        ? (options.program.inferred.results[word.index]?.[index] ?? anything)
        : anything;
      code.globalGet(frame.global(`result${index}`)).set(frame.value(d + index));
      frame.setLabel(d + index, () => {
        if (isExact(known)) frame.push({ known, local: 0 });
        else code.globalGet(frame.global(`resultLabel${index}`));
      });
    }
    frame.charge(node.charge, frame.pcAt(at), at + 1);
  }

  private emitReturn(node: Step): void {
    const { frame, body } = this;
    const { code } = frame;
    const { at, level, uncleared, word } = node;
    const more = frame.options.entry?.uncleared ?? anything;
    for (const index of body.function.results.keys()) {
      const register = word.registers[1] + index;
      const label = frame.compute(level, [frame.pcAt(at), frame.labelOf(at, register)]);
      frame.check(label, uncleared, at, more);
      code.get(frame.value(register)).globalSet(frame.global(`result${index}`));
      if (isExact(label.known)) continue;
      frame.push(label);
      code.globalSet(frame.global(`resultLabel${index}`));
    }
    code.get(frame.fuel).globalSet(frame.global('fuelLeft')).i32(0);
  }

  private emitHalt(node: Step): void {
    const { frame, body, options } = this;
    const { code } = frame;
    code.get(frame.fuel).globalSet(frame.global('fuelLeft'));
    const first = options.runtime.address('REGISTERS');
    for (let r = 0; options.program.registers && r < body.registers; r++) {
      code
        .i32(0)
        .get(frame.value(r))
        .store('i64.store', first + 16 * r);
      code.i32(0);
      frame.push(frame.labelOf(node.at, r));
      code.store('i32.store', first + 16 * r + 8);
    }
    code.i32(0);
  }
}

/** From the `while` at `index` to the next one, or to the end of the round. */
function regionAfter(nodes: readonly Node[], index: number): readonly Node[] {
  const rest = nodes.slice(index + 1);
  const next = rest.findIndex(({ kind }) => kind === 'while');
  return next < 0 ? rest : rest.slice(0, next);
}
