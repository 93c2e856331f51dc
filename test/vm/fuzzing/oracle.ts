/** What a loader and machine must make of any bytes, and whether they do. */
import { refusalName, trapName } from '../../../vm/host.ts';
import { instructions, type RefusalName, type TrapName } from '../../../vm/isa.ts';
import { encodeModule, type Module } from '../../../vm/module.ts';
import { readModule } from '../../../vm/module-reader.ts';
import { dearestRun } from '../../../vm/specification/fuel-table.ts';
import { expectedRefusal } from '../hostile/reference-loader.ts';
import { type BareMachine, loadBare } from '../machine.ts';
import { count, differs, type Tally } from '../oracles.ts';
import type { Input } from '../random-program.ts';
import { nameOf } from './mutation.ts';

const hash = { from: 32, to: 64 };

/** What a module came to: `refused type at while`, `trapped overflow at add`, `finished`. */
export type Answer =
  | {
      readonly kind: 'refused';
      readonly refused: RefusalName;
      readonly offset: number;
      readonly name: string;
    }
  | { readonly kind: 'trapped'; readonly trap: TrapName; readonly instruction: number; readonly name: string }
  | { readonly kind: 'finished'; readonly fuel: bigint; readonly name: string };

export type Verdict =
  | { readonly ok: true; readonly answer: Answer }
  /** What is wrong, with the machine or with the reference. */
  | { readonly ok: false; readonly told: string };

const wrong = (told: string): Verdict => ({ ok: false, told });

/** How a module is run that is loaded. */
export interface Conditions {
  readonly inputs: (module: Module) => readonly Input[];
  readonly fuel: bigint;
}

/** Loads, and runs where that is allowed; every answer is compared with what the reference and the specification say. */
export function judge(
  machine: BareMachine,
  bytes: Uint8Array,
  conditions: Conditions,
  tally: Tally,
): Verdict {
  const expected = expectedRefusal(bytes);
  let code: number;
  try {
    code = loadBare(machine, bytes);
  } catch (error) {
    return wrong(`the loader crashed: ${String(error)}`);
  }
  const seen = code === 0 ? 'loaded' : `${refusalName(code)} at byte ${machine.refusedAt()}`;
  const wanted = expected === undefined ? 'loaded' : `${expected.refused} at byte ${expected.offset}`;
  if (seen !== wanted) return wrong(`${seen}, and by the reference ${wanted}`);
  if (expected !== undefined) {
    if (expected.offset > bytes.length) return wrong(`byte ${expected.offset} is outside of the module`);
    if (machine.run(1_000n) !== 2) return wrong('a refused module ran');
    // The reader of the tools takes any bytes too: a module or a reason, and no exception.
    try {
      readModule(bytes);
    } catch (error) {
      return wrong(`the reader crashed: ${String(error)}`);
    }
    count(tally, `refused ${expected.refused}`);
    const name = `refused ${expected.refused} at ${nameOf(bytes, expected.offset)}`;
    return { ok: true, answer: { kind: 'refused', ...expected, name } };
  }
  return judgeLoaded(machine, bytes, conditions, tally);
}

function judgeLoaded(machine: BareMachine, bytes: Uint8Array, conditions: Conditions, tally: Tally): Verdict {
  const read = readModule(bytes);
  if (!read.ok) return wrong(`loaded, but the reader says: ${read.message}`);
  const { module } = read;
  const again = encodeModule(module);
  if (!again.every((byte, at) => byte === bytes[at] || (at >= hash.from && at < hash.to)))
    return wrong('read and written again it is another module');
  const bound = dearestRun(module);
  if (machine.fuelBound() !== bound)
    return wrong(`the dearest run takes ${machine.fuelBound()}, by the specification ${bound}`);
  const { fuel } = conditions;
  const inputs = conditions.inputs(module);
  try {
    const first = runOf(machine, module, inputs, fuel);
    const second = runOf(machine, module, inputs, fuel);
    if (first !== second) return wrong(`it runs to ${first} and then to ${second}`);
    const difference = differs(machine, module, inputs, fuel, tally);
    if (difference !== undefined) return wrong(difference);
  } catch (error) {
    return wrong(`the machine crashed: ${String(error)}`);
  }
  const code = machine.trapCode();
  if (code === 0)
    return { ok: true, answer: { kind: 'finished', fuel: machine.fuelUsed(), name: 'finished' } };
  const instruction = machine.trapAt();
  const opcode = module.functions.flatMap((body) => body.code)[instruction]?.opcode;
  const mnemonic = instructions.find((own) => own.opcode === opcode)?.mnemonic ?? 'nothing';
  const trap = trapName(code);
  return { ok: true, answer: { kind: 'trapped', trap, instruction, name: `trapped ${trap} at ${mnemonic}` } };
}

/** All that a host is told of a run. */
function runOf(machine: BareMachine, module: Module, inputs: readonly Input[], fuel: bigint): string {
  machine.reset();
  for (const { segment, index, value } of inputs)
    if (machine.setWord(segment, index, value) !== 0)
      throw new Error(`no word ${index} in segment ${segment}`);
  const outcome = machine.run(fuel);
  const ports = module.ports.map((_, port) => `${machine.portWritten(port)}:${machine.portValue(port)}`);
  const trap = outcome === 1 ? [machine.trapCode(), machine.trapAt(), machine.trapLabel()] : [];
  return [outcome, machine.fuelUsed(), machine.auditCount(), ...ports, ...trap].join(' ');
}
