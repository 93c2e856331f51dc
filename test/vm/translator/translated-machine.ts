/** The machine whose programs run translated: the exports of the interpreter in front, so that each oracle takes either. */
import { existsSync, readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { limits } from '../../../vm/isa.ts';
import type { Claims } from '../../../vm/translator/claims.ts';
import { readRuntime } from '../../../vm/translator/runtime-module.ts';
import { translate } from '../../../vm/translator/translate.ts';
import { nightly } from '../../nightly.ts';
import { type BareMachine, bareMachine } from '../machine.ts';

const file = new URL('../../../vm/translator-runtime.wasm', import.meta.url);
if (!existsSync(file)) throw new Error('vm/translator-runtime.wasm is not built: run `npm run build`');
export const runtime = new Uint8Array(readFileSync(file));

// A program is run a few times only, so code is not made fast, and what is not run is not validated: the checker's tests look at all of it.
if (!nightly) for (const flag of ['--liftoff-only', '--wasm-lazy-validation']) setFlagsFromString(flag);

/** From a module of the machine to one of WebAssembly. */
export type Translate = (source: Uint8Array) => { readonly wasm: Uint8Array; readonly claims: Claims };

const translateForTests: Translate = (source) => translate({ source, runtime, registers: true });

/**
 * `loadModule` has the interpreter verify the module; what runs from then on is the translation. A module that is refused leaves
 * the interpreter in its place, which then has no module either. The memory is the interpreter's: `segmentAddress` puts the words of
 * the translation there, and what is written there reaches no run.
 */
export class TranslatedMachine implements BareMachine {
  readonly interpreter: BareMachine;
  private readonly translate: Translate;
  private readonly segments: number;
  private running: BareMachine;
  private loads = 0;
  /** Of the module that was loaded last. */
  claims: Claims | undefined;

  private constructor(interpreter: BareMachine, translated: Translate, segments: number) {
    this.interpreter = interpreter;
    this.running = interpreter;
    this.translate = translated;
    this.segments = segments;
  }

  static async start(translated = translateForTests, from = runtime): Promise<TranslatedMachine> {
    return new TranslatedMachine(await bareMachine(), translated, readRuntime(from).address('SEGMENTS'));
  }

  get memory(): WebAssembly.Memory {
    return this.interpreter.memory;
  }

  moduleAddress(): number {
    return this.interpreter.moduleAddress();
  }

  moduleCapacity(): number {
    return this.interpreter.moduleCapacity();
  }

  loadModule(length: number): number {
    const { interpreter } = this;
    this.running = interpreter;
    const refused = interpreter.loadModule(length);
    if (refused !== 0) return refused;
    const source = new Uint8Array(interpreter.memory.buffer, interpreter.moduleAddress(), length).slice();
    const { wasm, claims } = this.translate(source);
    this.claims = claims;
    // One in sixteen runs as it is: by those the others are collected in time.
    const bytes = this.loads++ % 16 === 0 ? (wasm as Uint8Array<ArrayBuffer>) : withSharedMemory(wasm);
    const module = new WebAssembly.Module(bytes);
    this.running = new WebAssembly.Instance(module, {}).exports as unknown as BareMachine;
    return 0;
  }

  refusedAt(): number {
    return this.interpreter.refusedAt();
  }

  segmentAddress(segment: number): number {
    const address = this.interpreter.segmentAddress(segment);
    const length = this.running.segmentLength(segment);
    new BigInt64Array(this.memory.buffer, address, length).set(
      new BigInt64Array(this.running.memory.buffer, this.running.segmentAddress(segment), length),
    );
    return address;
  }

  /** Of the words of a segment, as the translation has them. */
  wordLabels(segment: number): Uint32Array {
    const [, length = 0, labels = 0] = this.peek(this.segments + segment * 32, 3);
    return this.peek(labels, length);
  }

  /** Of the translation's memory. */
  peek(address: number, length: number): Uint32Array {
    return new Uint32Array(this.running.memory.buffer, address, length);
  }

  fuelBound(): bigint {
    return this.running.fuelBound();
  }

  reset(): void {
    this.running.reset();
  }

  setWord(segment: number, index: number, value: bigint): number {
    return this.running.setWord(segment, index, value);
  }

  segmentLength(segment: number): number {
    return this.running.segmentLength(segment);
  }

  run(fuel: bigint): number {
    return this.running.run(fuel);
  }

  portCount(): number {
    return this.running.portCount();
  }

  portLabel(port: number): number {
    return this.running.portLabel(port);
  }

  portIsSymbol(port: number): number {
    return this.running.portIsSymbol(port);
  }

  portWritten(port: number): number {
    return this.running.portWritten(port);
  }

  portValue(port: number): bigint {
    return this.running.portValue(port);
  }

  fuelUsed(): bigint {
    return this.running.fuelUsed();
  }

  auditCount(): number {
    return this.running.auditCount();
  }

  auditEntry(index: number): bigint {
    return this.running.auditEntry(index);
  }

  trapCode(): number {
    return this.running.trapCode();
  }

  trapAt(): number {
    return this.running.trapAt();
  }

  trapLabel(): number {
    return this.running.trapLabel();
  }

  registerValue(register: number): bigint {
    return this.running.registerValue(register);
  }

  registerLabel(register: number): number {
    return this.running.registerLabel(register);
  }
}

/**
 * The same module, but that the flags of its memory say shared, which no instruction of it sees. V8 counts other memories to its heap: each 75
 * instances began a full collection, which throws optimised code away, and a third of the time went into making it anew.
 */
function withSharedMemory(wasm: Uint8Array): Uint8Array<ArrayBuffer> {
  const shared = new Uint8Array(wasm);
  // By sections of an identifier and a length of LEB128; that of the memory begins with how many there are.
  for (let at = 8; at < shared.length; ) {
    const isMemory = shared[at++] === 5;
    let length = 0;
    for (let shift = 0, more = true; more; shift += 7) {
      const byte = shared[at++] ?? 0;
      length |= (byte & 0x7f) << shift;
      more = byte > 0x7f;
    }
    if (isMemory) {
      shared[at + 1] = 3;
      break;
    }
    at += length;
  }
  return shared;
}

/** Of the words of a segment, as the interpreter has them: labels lie behind the values of all words (vm/assembly/layout.ts). */
export function interpretedWordLabels(interpreter: BareMachine, segment: number): Uint32Array {
  const first = interpreter.segmentAddress(0);
  const words = (interpreter.segmentAddress(segment) - first) / 8;
  return new Uint32Array(
    interpreter.memory.buffer,
    first + limits.words * 8 + words * 4,
    interpreter.segmentLength(segment),
  );
}
