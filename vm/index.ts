/**
 * `ringmint/vm`: the label machine for programs of your own, in any host of WebAssembly (docs/EMBEDDING.md). Nothing of Node,
 * and of packages only SHA-256; signed modules are in `ringmint/vm/signed`, the machine itself is `ringmint/vm/machine.wasm`.
 *
 * @example
 * const machine = await startMachine(wasmBytes);
 * const assembled = assemble(text);
 * const loaded = assembled.ok ? machine.load(assembled.bytes) : assembled;
 * if (loaded.ok) loaded.program.run({ inputs: [{ segment: 0, index: 0, value: 5n }] });
 */
export { type Assembled, assemble, type Fault } from './assembler.ts';
export {
  type AuditEntry,
  type CompiledModule,
  type InputWord,
  type LoadResult,
  type Machine,
  type MachineOptions,
  type Program,
  type RunOptions,
  type RunResult,
  startMachine,
  type TrapDetail,
  type Trust,
} from './host.ts';
export { limits, type RefusalName, refusals, type TrapName, traps, type WordType } from './isa.ts';
export { flowsTo, type LabelParts, makeLabel, readLabel } from './label.ts';
export { showLabel } from './label-text.ts';
export {
  type CodeWord,
  type Constant,
  encodeModule,
  type FunctionBody,
  type Grant,
  type Module,
  moduleHash,
  type Names,
  type Port,
  readNames,
  type Segment,
  stripNames,
  type Table,
  withNames,
} from './module.ts';
export { type ReadResult, readModule } from './module-reader.ts';
export { packSymbol, readSymbol } from './symbol.ts';
