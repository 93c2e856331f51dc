/**
 * Nodes as instructions: in the order in which they were made, each in a register. Where there are not enough, the word that is needed last
 * makes room: a constant is made again, an input read again, and any other word kept in a scratch segment meanwhile.
 */
import { type Instruction, instructions, limits, type Operand, type WordType } from '../../../vm/isa.ts';
import type { CodeWord } from '../../../vm/module.ts';
import { assert } from '../../kit/result.ts';
import type { Node } from './node.ts';

/** The last register is for the address of a store. */
const addressRegister = limits.registers - 1;

export interface EmissionTables {
  /** The number of a constant of the module. */
  constant(value: bigint, type: WordType, owners: number): number;
  /** The number of the level that is cleared for just these owners. */
  level(owners: number): number;
  /** The number of the scratch segment for words of a type. */
  scratch(type: WordType): number;
}

export interface Emitted {
  readonly code: readonly CodeWord[];
  /** Words of each scratch segment. */
  readonly scratchWords: Readonly<Record<WordType, number>>;
}

const byMnemonic: ReadonlyMap<string, Instruction> = new Map(
  instructions.map((instruction) => [instruction.mnemonic, instruction]),
);
const registerOperands: readonly Operand[] = ['d', 'a', 'b', 'c'];

/** Straight-line code for all nodes that an output needs. */
export function emit(nodes: readonly Node[], tables: EmissionTables): Emitted {
  return new Emission(liveOnes(nodes), tables).run();
}

/** Outputs, and what they are made of. */
export function liveOnes(nodes: readonly Node[]): readonly Node[] {
  const live = new Set<Node>();
  for (const node of [...nodes].reverse())
    if (node.operation === 'output' || live.has(node)) {
      live.add(node);
      for (const operand of node.operands) live.add(operand);
    }
  return nodes.filter((node) => live.has(node));
}

class Emission {
  private readonly nodes: readonly Node[];
  private readonly tables: EmissionTables;
  private readonly code: CodeWord[] = [];
  /** For each node the places in `nodes` of those that use it, from the last to the next. */
  private readonly uses = new Map<Node, number[]>();
  private readonly registers = new Map<Node, number>();
  private readonly free: number[] = Array.from(
    { length: addressRegister },
    (_, i) => addressRegister - 1 - i,
  );
  private readonly scratch = new Map<Node, number>();
  private readonly freeScratch: Record<WordType, number[]> = { number: [], symbol: [] };
  private readonly scratchWords: Record<WordType, number> = { number: 0, symbol: 0 };

  constructor(nodes: readonly Node[], tables: EmissionTables) {
    this.nodes = nodes;
    this.tables = tables;
    for (let place = nodes.length - 1; place >= 0; place--)
      for (const operand of new Set(nodes[place]?.operands)) {
        const uses = this.uses.get(operand);
        if (uses === undefined) this.uses.set(operand, [place]);
        else uses.push(place);
      }
  }

  run(): Emitted {
    for (const node of this.nodes) {
      // A constant or an input is read where it is first needed.
      if (node.operation !== 'const' && node.operation !== 'load') this.compute(node);
    }
    this.write('halt', 0, {});
    return { code: this.code, scratchWords: this.scratchWords };
  }

  private compute(node: Node): void {
    const { operands, operation, index } = node;
    const sources = operands.map((operand) => this.fetch(operand, operands));
    for (const operand of new Set(operands)) this.use(operand);
    if (operation === 'output') {
      this.write('output', (operands[0] as Node).owners, { a: sources[0], port: index });
      return;
    }
    const d = this.take([]);
    this.registers.set(node, d);
    const [a, b, c] = sources;
    // A declassification handles what is secret before it.
    const owners = operation === 'declassify' ? (operands[0] as Node).owners : node.owners;
    this.write(operation, owners, { d, a, b, c, table: index, grant: index, rounding: index });
    if (this.uses.get(node) === undefined) this.release(node);
  }

  /** The register of a word that is needed now, together with `pinned`. */
  private fetch(node: Node, pinned: readonly Node[]): number {
    const before = this.registers.get(node);
    if (before !== undefined) return before;
    const d = this.take(pinned);
    this.registers.set(node, d);
    const kept = this.scratch.get(node);
    if (kept !== undefined) this.read(d, this.tables.scratch(node.type), kept, node.owners);
    else if (node.operation === 'load') this.read(d, node.index, Number(node.value), node.owners);
    else {
      assert(node.operation === 'const', 'what is in no register is kept elsewhere');
      this.writeConstant(d, node.value, node.type, node.owners);
    }
    return d;
  }

  private read(d: number, segment: number, index: number, owners: number): void {
    this.writeConstant(d, BigInt(index), 'number', 0);
    this.write('load', owners, { d, a: d, segment });
  }

  private writeConstant(d: number, value: bigint, type: WordType, owners: number): void {
    this.write('const', owners, { d, constant: this.tables.constant(value, type, owners) });
  }

  /** One of a word's uses is over. */
  private use(node: Node): void {
    const uses = this.uses.get(node);
    uses?.pop();
    if (uses?.length !== 0) return;
    this.release(node);
    const kept = this.scratch.get(node);
    if (kept !== undefined) this.freeScratch[node.type].push(kept);
  }

  private release(node: Node): void {
    const register = this.registers.get(node);
    if (register === undefined) return;
    this.registers.delete(node);
    this.free.push(register);
  }

  /** A register that is free, or that of the word that is needed last. */
  private take(pinned: readonly Node[]): number {
    const free = this.free.pop();
    if (free !== undefined) return free;
    let last: Node | undefined;
    let place = -1;
    for (const node of this.registers.keys()) {
      const next = this.uses.get(node)?.at(-1) ?? 0;
      if (next > place && !pinned.includes(node)) {
        place = next;
        last = node;
      }
    }
    assert(last !== undefined, 'an instruction needs fewer registers than there are');
    this.keep(last);
    this.release(last);
    return this.free.pop() as number;
  }

  /** Sees to it that the word is somewhere else than in its register. */
  private keep(node: Node): void {
    const { operation, type, owners } = node;
    if (operation === 'const' || operation === 'load' || this.scratch.has(node)) return;
    const kept = this.freeScratch[type].pop() ?? this.scratchWords[type]++;
    this.scratch.set(node, kept);
    this.writeConstant(addressRegister, BigInt(kept), 'number', 0);
    this.write('store', owners, {
      a: addressRegister,
      b: this.registers.get(node),
      segment: this.tables.scratch(type),
    });
  }

  private write(mnemonic: string, owners: number, given: Partial<Record<Operand, number | undefined>>): void {
    const instruction = byMnemonic.get(mnemonic);
    assert(instruction !== undefined, `${mnemonic} is an instruction`);
    const registers: [number, number, number, number] = [0, 0, 0, 0];
    let index = 0;
    for (const operand of instruction.operands) {
      const number = given[operand];
      assert(number !== undefined, `${mnemonic} has its operand ${operand}`);
      const position = registerOperands.indexOf(operand);
      if (position === -1) index = number;
      else registers[position] = number;
    }
    this.code.push({ opcode: instruction.opcode, level: this.tables.level(owners), registers, index });
  }
}
