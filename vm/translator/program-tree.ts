/** A verified module as the translator walks it: trees of branches and loops, with what each block and each dearest way is charged (docs/ISA.md). */
import { type Instruction, instructions } from '../isa.ts';
import { categoryBits } from '../label.ts';
import type { CodeWord, FunctionBody, Module } from '../module.ts';

interface Placed {
  /** Counted from 0 over all functions. */
  readonly at: number;
  readonly word: CodeWord;
  readonly mnemonic: string;
  /** The instruction's level without categories, and the categories that it is not cleared for. */
  readonly level: number;
  readonly uncleared: number;
  /** Fuel of the block after it, where it ends one. */
  charge: bigint;
}

export interface Step extends Placed {
  readonly kind: 'step';
}

export interface While extends Placed {
  readonly kind: 'while';
  /** Fuel of the dearest way from here to the end of the round. */
  dearest: bigint;
}

export interface Branch extends Placed {
  readonly kind: 'if';
  arm: readonly Node[];
  otherArm: readonly Node[] | undefined;
  /** Of `else`, where there is one. */
  elseAt: number;
  elseCharge: bigint;
  endAt: number;
  endCharge: bigint;
  /** Registers that are written in either arm, a bit each. */
  writes: number;
  /** Fuel of the dearer arm. */
  dearest: bigint;
}

export interface Loop extends Placed {
  readonly kind: 'loop';
  body: readonly Node[];
  readonly bound: bigint;
  endAt: number;
  endCharge: bigint;
  writes: number;
  /** Fuel of the dearest round. */
  round: bigint;
}

export type Node = Step | While | Branch | Loop;

export interface Body {
  readonly function: FunctionBody;
  /** Of its first instruction. */
  readonly first: number;
  readonly nodes: readonly Node[];
  readonly registers: number;
  /** Open branches and loops at once. */
  readonly depth: number;
  /** Fuel of its first block, and of its dearest run; 2^61 stands for anything above it. */
  readonly charge: bigint;
  readonly dearest: bigint;
}

const saturated = 1n << 61n;
const blockEnds = new Set(['if', 'else', 'loop', 'while', 'end', 'call', 'return', 'halt']);
const byOpcode: ReadonlyMap<number, Instruction> = new Map(
  instructions.map((instruction) => [instruction.opcode, instruction]),
);

/** The functions of a module that the machine's loader has accepted; throws for one that it would refuse. */
export function readBodies(module: Module): Body[] {
  const bodies: Body[] = [];
  let first = 0;
  for (const body of module.functions) {
    bodies.push(new BodyReader(module, body, first, bodies).read());
    first += body.code.length;
  }
  return bodies;
}

function instructionOf(word: CodeWord): Instruction {
  const instruction = byOpcode.get(word.opcode);
  if (instruction === undefined) throw new Error(`opcode ${word.opcode}: a verified module has none such`);
  return instruction;
}

/**
 * Field by field: what a spread makes of it has a hidden class of its own in each place, and all that reads nodes takes twice as long.
 */
function step({ at, word, mnemonic, level, uncleared, charge }: Placed): Step {
  return { kind: 'step', at, word, mnemonic, level, uncleared, charge };
}

/** What is in an open branch or loop so far. */
interface Gathered {
  readonly nodes: Node[];
  fuel: bigint;
  writes: number;
}

class BodyReader {
  private readonly module: Module;
  private readonly body: FunctionBody;
  private readonly first: number;
  private readonly callees: readonly Body[];
  /** By instruction, the fuel of the block after it; the last is of the first block. */
  private readonly charges: readonly bigint[];
  private next = 0;
  private depth = 0;
  private deepest = 0;
  private registers: number;

  constructor(module: Module, body: FunctionBody, first: number, callees: readonly Body[]) {
    this.module = module;
    this.body = body;
    this.first = first;
    this.callees = callees;
    this.registers = body.parameters.length;
    this.charges = this.sumBlocks();
  }

  read(): Body {
    const { nodes, fuel } = this.gather();
    return {
      function: this.body,
      first: this.first,
      nodes,
      registers: this.registers,
      depth: this.deepest,
      charge: this.charges[this.body.code.length] ?? 0n,
      dearest: fuel,
    };
  }

  private sumBlocks(): bigint[] {
    const { code } = this.body;
    const charges: bigint[] = [];
    let fuel = 0n;
    for (let index = code.length - 1; index >= 0; index--) {
      const word = code[index];
      if (word === undefined) break;
      charges[index] = fuel;
      if (blockEnds.has(instructionOf(word).mnemonic)) fuel = 0n;
      fuel += this.fuelOf(word);
    }
    charges[code.length] = fuel;
    return charges;
  }

  /** A search takes one more for each bit of its table's length. */
  private fuelOf(word: CodeWord): bigint {
    const { mnemonic, fuel } = instructionOf(word);
    if (mnemonic !== 'find') return BigInt(fuel);
    return BigInt(fuel + 32 - Math.clz32(this.module.tables[word.index]?.entries.length ?? 0));
  }

  private chargeAfter(at: number): bigint {
    return this.charges[at - this.first] ?? 0n;
  }

  /** Everything up to the `else` or `end` that closes what was open, which is not taken yet. */
  private gather(): Gathered {
    const gathered: Gathered = { nodes: [], fuel: 0n, writes: 0 };
    for (;;) {
      const word = this.body.code[this.next];
      if (word === undefined) return gathered;
      const { mnemonic } = instructionOf(word);
      if (mnemonic === 'else' || mnemonic === 'end') return gathered;
      gathered.fuel = sum(gathered.fuel, this.fuelOf(word));
      const placed = this.place(word, mnemonic);
      this.next++;
      this.useRegisters(word, mnemonic);
      if (mnemonic === 'if') gathered.nodes.push(this.readBranch(placed, gathered));
      else if (mnemonic === 'loop') gathered.nodes.push(this.readLoop(placed, gathered));
      else if (mnemonic === 'while') {
        // Until `end` knows more: the fuel since the `while` before this one.
        const { at, level, uncleared, charge } = placed;
        const dearest = gathered.fuel;
        gathered.nodes.push({ kind: 'while', at, word, mnemonic, level, uncleared, charge, dearest });
        gathered.fuel = 0n;
      } else gathered.nodes.push(this.readStep(placed, gathered));
    }
  }

  private place(word: CodeWord, mnemonic: string): Placed {
    const at = this.first + this.next;
    const level = this.module.levels[word.level] ?? 0;
    return {
      at,
      word,
      mnemonic,
      level: (level & ~categoryBits) >>> 0,
      uncleared: (~level & categoryBits) >>> 0,
      charge: this.chargeAfter(at),
    };
  }

  private readStep(placed: Placed, gathered: Gathered): Step {
    const { word, mnemonic } = placed;
    const [d] = word.registers;
    const callee = mnemonic === 'call' ? this.callees[word.index] : undefined;
    if (callee !== undefined) {
      gathered.fuel = sum(gathered.fuel, callee.dearest);
      gathered.writes |= ((1 << callee.function.results.length) - 1) << d;
    } else if (instructionOf(word).operands.includes('d')) gathered.writes |= 1 << d;
    return step(placed);
  }

  private readBranch(placed: Placed, gathered: Gathered): Branch {
    this.open();
    const arm = this.gather();
    const hasElse = this.mnemonicHere() === 'else';
    const elseAt = hasElse ? this.first + this.next++ : 0;
    const otherArm = hasElse ? this.gather() : undefined;
    const endAt = this.close();
    const dearest = otherArm !== undefined && otherArm.fuel > arm.fuel ? otherArm.fuel : arm.fuel;
    const writes = arm.writes | (otherArm?.writes ?? 0);
    gathered.fuel = sum(gathered.fuel, dearest);
    gathered.writes |= writes;
    const { at, word, mnemonic, level, uncleared, charge } = placed;
    return {
      kind: 'if',
      at,
      word,
      mnemonic,
      level,
      uncleared,
      charge,
      arm: arm.nodes,
      otherArm: otherArm?.nodes,
      elseAt,
      elseCharge: hasElse ? this.chargeAfter(elseAt) : 0n,
      endAt,
      endCharge: this.chargeAfter(endAt),
      writes,
      dearest,
    };
  }

  private readLoop(placed: Placed, gathered: Gathered): Loop {
    this.open();
    const { nodes, fuel, writes } = this.gather();
    const endAt = this.close();
    let round = fuel;
    for (const node of nodes.toReversed()) {
      if (node.kind !== 'while') continue;
      const since = node.dearest;
      node.dearest = round;
      round = sum(round, since);
    }
    const bound = this.module.constants[placed.word.index]?.value ?? 0n;
    gathered.fuel = sum(gathered.fuel, round * (bound + 1n));
    gathered.writes |= writes;
    const { at, word, mnemonic, level, uncleared, charge } = placed;
    return {
      kind: 'loop',
      at,
      word,
      mnemonic,
      level,
      uncleared,
      charge,
      body: nodes,
      bound,
      endAt,
      endCharge: this.chargeAfter(endAt),
      writes,
      round,
    };
  }

  private mnemonicHere(): string | undefined {
    const word = this.body.code[this.next];
    return word === undefined ? undefined : instructionOf(word).mnemonic;
  }

  private open(): void {
    this.depth++;
    this.deepest = Math.max(this.deepest, this.depth);
  }

  private close(): number {
    this.depth--;
    return this.first + this.next++;
  }

  private useRegisters(word: CodeWord, mnemonic: string): void {
    const [d, a, b, c] = word.registers;
    const { operands } = instructionOf(word);
    if (operands.includes('d')) this.use(d, 1);
    if (operands.includes('a')) this.use(a, 1);
    if (operands.includes('b')) this.use(b, 1);
    if (operands.includes('c')) this.use(c, 1);
    const callee = mnemonic === 'call' ? this.callees[word.index] : undefined;
    if (callee !== undefined) {
      this.use(a, callee.function.parameters.length);
      this.use(d, callee.function.results.length);
    }
    if (mnemonic === 'return') this.use(a, this.body.results.length);
  }

  private use(first: number, count: number): void {
    this.registers = Math.max(this.registers, first + count);
  }
}

function sum(x: bigint, y: bigint): bigint {
  return x + y < saturated ? x + y : saturated;
}
