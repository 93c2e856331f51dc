/**
 * A run as a line that is walked both ways. Each step forward takes the facts of one instruction, from the machine
 * or from a trace, and keeps what they replaced; a step back puts that in place again. Nothing is run a second time, so
 * what is seen on the way back is exactly what was there.
 */
import type { AuditEntry, InputWord } from './host.ts';
import { instructionAt, type Listing } from './listing.ts';
import type { Ending, LabelledWord } from './stepping-machine.ts';

/** What one instruction did. Registers are those of the function that is open after it. */
export interface Facts {
  readonly at: number;
  readonly registers: readonly { readonly register: number; readonly word: LabelledWord }[];
  readonly stored:
    | { readonly segment: number; readonly index: number; readonly word: LabelledWord }
    | undefined;
  readonly output: { readonly port: number; readonly value: bigint } | undefined;
  /** The grant that it used. */
  readonly grant: number | undefined;
  readonly after: Control;
}

export interface Control {
  /** The instruction that comes next. */
  readonly position: number;
  /** pc, the label of the control flow. */
  readonly context: number;
  readonly fuelUsed: bigint;
  /** False where what runs was charged before. */
  readonly isPaying: boolean;
}

export interface Frame {
  /** The number of its function. */
  readonly owner: number;
  readonly registers: readonly LabelledWord[];
}

export interface OpenBlock {
  /** Its `if`, `loop` or `call`. */
  readonly at: number;
  readonly kind: 'if' | 'loop' | 'call';
  /** pc before it. */
  readonly context: number;
  /** Of a loop: how often it came to its end. */
  readonly rounds: number;
}

/** How a line ends; `cut` where a limit ended the recording and not the run. */
export type LineEnd = Ending | { readonly kind: 'cut' };

export interface Start {
  readonly inputs: readonly InputWord[];
  readonly fuel: bigint;
  /** Of the first block. */
  readonly fuelUsed: bigint;
}

/** What was there before a step. */
interface Undo {
  readonly facts: Facts;
  readonly before: Control;
  readonly registers: readonly LabelledWord[];
  readonly stored: LabelledWord | undefined;
  readonly output: bigint | undefined;
  readonly closedFrame: Frame | undefined;
  readonly closedBlock: OpenBlock | undefined;
  readonly opensBlock: boolean;
  readonly comesRound: boolean;
}

interface WritableFrame extends Frame {
  readonly registers: LabelledWord[];
}

export class Timeline {
  readonly listing: Listing;
  readonly start: Start;
  private readonly next: () => Facts | LineEnd;
  private done: Undo[] = [];
  /** Steps before those in `done`. */
  private forgotten = 0;
  /** Facts of steps that were taken and taken back, the last first. */
  private readonly ahead: Facts[] = [];
  private lineEnd: LineEnd | undefined;

  private now: Control;
  private readonly openFrames: WritableFrame[];
  private readonly openBlocks: OpenBlock[] = [];
  private readonly words: LabelledWord[][];
  private readonly ports = new Map<number, bigint>();
  private readonly used: AuditEntry[] = [];

  constructor(listing: Listing, start: Start, next: () => Facts | LineEnd) {
    this.listing = listing;
    this.start = start;
    this.next = next;
    const { segments } = listing.module;
    const owner = listing.functions.length - 1;
    const main = listing.functions[owner];
    const context = main?.body.authority ?? 0;
    this.now = { position: main?.first ?? 0, context, fuelUsed: start.fuelUsed, isPaying: true };
    this.words = segments.map(({ length, label }) => Array<LabelledWord>(length).fill({ value: 0n, label }));
    for (const { segment, index, value } of start.inputs) {
      const words = this.words[segment];
      if (words?.[index] === undefined)
        throw new RangeError(`there is no word ${index} in segment ${segment}`);
      words[index] = { value, label: segments[segment]?.label ?? 0 };
    }
    this.openFrames = [newFrame(listing, owner, context)];
  }

  /** Steps from the beginning to here. */
  get steps(): number {
    return this.forgotten + this.done.length;
  }

  get control(): Control {
    return this.now;
  }

  /** From the main function to the one that is open. */
  get frames(): readonly Frame[] {
    return this.openFrames;
  }

  get blocks(): readonly OpenBlock[] {
    return this.openBlocks;
  }

  /** Of the open function. */
  get registers(): readonly LabelledWord[] {
    return this.top().registers;
  }

  /** How the line ends, where here is its end and nothing comes after. */
  get ending(): LineEnd | undefined {
    return this.ahead.length === 0 ? this.lineEnd : undefined;
  }

  word(segment: number, index: number): LabelledWord | undefined {
    return this.words[segment]?.[index];
  }

  port(index: number): bigint | undefined {
    return this.ports.get(index);
  }

  get audit(): readonly AuditEntry[] {
    return this.used;
  }

  /** The step that led here. */
  get last(): Facts | undefined {
    return this.done.at(-1)?.facts;
  }

  /** Takes one step; `undefined` where the line has ended. Throws `RangeError` for facts that do not follow from here. */
  forward(): Facts | undefined {
    if (this.ending !== undefined) return undefined;
    let facts = this.ahead.pop();
    if (facts === undefined) {
      const next = this.next();
      if ('kind' in next) {
        this.lineEnd = next;
        return undefined;
      }
      facts = next;
    }
    this.done.push(this.apply(facts));
    return facts;
  }

  /** Makes here the first place that can be gone back to: a long line that is walked once needs no more room then. */
  forget(): void {
    this.forgotten = this.steps;
    this.done = [];
  }

  /** Takes the last step back; `undefined` at the beginning. */
  back(): Facts | undefined {
    const undo = this.done.pop();
    if (undo === undefined) return undefined;
    this.revert(undo);
    this.ahead.push(undo.facts);
    return undo.facts;
  }

  private apply(facts: Facts): Undo {
    const { at, stored, output, grant } = facts;
    if (at !== this.now.position)
      throw new RangeError(`instruction ${at} does not follow: ${this.now.position} is next`);
    const { instruction, word } = instructionAt(this.listing, at);
    const before = this.now;
    const block = this.openBlocks.at(-1);
    const opens = opensBlock(instruction.mnemonic);
    const condition = this.registers[word.registers[1]]?.value ?? 0n;
    const comesRound = instruction.mnemonic === 'end' && block?.kind === 'loop';
    const closes =
      instruction.mnemonic === 'return' ||
      (instruction.mnemonic === 'end' && !comesRound) ||
      (instruction.mnemonic === 'while' && condition === 0n);
    const closedBlock = closes ? this.openBlocks.pop() : undefined;
    if (closes && closedBlock === undefined) throw new RangeError(`instruction ${at} ends no open block`);
    if (opens !== undefined) this.openBlocks.push({ at, kind: opens, context: before.context, rounds: 0 });
    if (comesRound && block !== undefined)
      this.openBlocks.splice(-1, 1, { ...block, rounds: block.rounds + 1 });
    const closedFrame = instruction.mnemonic === 'return' ? this.openFrames.pop() : undefined;
    if (instruction.mnemonic === 'call')
      this.openFrames.push(newFrame(this.listing, word.index, facts.after.context));
    const registers = this.top().registers;
    const replaced = facts.registers.map(({ register, word: written }) => {
      const old = registers[register];
      if (old === undefined) throw new RangeError(`instruction ${at} has no register r${register}`);
      registers[register] = written;
      return old;
    });
    const replacedWord = stored === undefined ? undefined : this.word(stored.segment, stored.index);
    const segment = stored === undefined ? undefined : this.words[stored.segment];
    if (stored !== undefined) {
      if (segment === undefined || replacedWord === undefined)
        throw new RangeError(`instruction ${at} has no word ${stored.index} in segment ${stored.segment}`);
      segment[stored.index] = stored.word;
    }
    const replacedPort = output === undefined ? undefined : this.ports.get(output.port);
    if (output !== undefined) this.ports.set(output.port, output.value);
    if (grant !== undefined) this.used.push({ instruction: at, grant });
    this.now = facts.after;
    return {
      facts,
      before,
      registers: replaced,
      stored: replacedWord,
      output: replacedPort,
      closedFrame,
      closedBlock,
      opensBlock: opens !== undefined,
      comesRound,
    };
  }

  /** Everything of `apply`, in the opposite order. */
  private revert(undo: Undo): void {
    const { facts, before } = undo;
    this.now = before;
    if (facts.grant !== undefined) this.used.pop();
    if (facts.output !== undefined) {
      if (undo.output === undefined) this.ports.delete(facts.output.port);
      else this.ports.set(facts.output.port, undo.output);
    }
    const segment = facts.stored === undefined ? undefined : this.words[facts.stored.segment];
    if (facts.stored !== undefined && segment !== undefined && undo.stored !== undefined)
      segment[facts.stored.index] = undo.stored;
    const registers = this.top().registers;
    for (let index = facts.registers.length - 1; index >= 0; index--) {
      const old = undo.registers[index];
      const written = facts.registers[index];
      if (old !== undefined && written !== undefined) registers[written.register] = old;
    }
    if (instructionAt(this.listing, facts.at).instruction.mnemonic === 'call') this.openFrames.pop();
    if (undo.closedFrame !== undefined)
      this.openFrames.push({ ...undo.closedFrame, registers: [...undo.closedFrame.registers] });
    const block = this.openBlocks.at(-1);
    if (undo.comesRound && block !== undefined)
      this.openBlocks.splice(-1, 1, { ...block, rounds: block.rounds - 1 });
    if (undo.opensBlock) this.openBlocks.pop();
    if (undo.closedBlock !== undefined) this.openBlocks.push(undo.closedBlock);
  }

  private top(): WritableFrame {
    const frame = this.openFrames.at(-1);
    if (frame === undefined) throw new RangeError('no function is open');
    return frame;
  }
}

function opensBlock(mnemonic: string): OpenBlock['kind'] | undefined {
  return mnemonic === 'if' || mnemonic === 'loop' || mnemonic === 'call' ? mnemonic : undefined;
}

/** As a function begins: zeros, with the label of the pc that it begins under. */
function newFrame(listing: Listing, owner: number, context: number): WritableFrame {
  const count = listing.functions[owner]?.registers ?? 0;
  return { owner, registers: Array<LabelledWord>(count).fill({ value: 0n, label: context }) };
}
