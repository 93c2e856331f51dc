/**
 * Runs vm/conformance.txt, once on the bare exports of the machine and once through vm/host.ts; its programs translated besides,
 * on their bare exports and through vm/translated-host.ts. Nothing here belongs to one host: Node, Deno, Bun, workerd and
 * browsers run this very file, bundled.
 */
import { toHex } from '../../vm/bytes.ts';
import { flowsTo, type Program, refusals, startMachine, stripNames, traps } from '../../vm/index.ts';
import { everybody } from '../../vm/label.ts';
import { moduleHash } from '../../vm/module.ts';
import { openTranslatedAtOnce } from '../../vm/translated-host.ts';
import type { BareMachine } from '../vm/machine.ts';

export interface Case {
  readonly name: string;
  readonly module: Uint8Array;
  /** All but `case`, `module` and `end`. */
  readonly lines: readonly (readonly string[])[];
}

export interface Tally {
  readonly passed: number;
  /** A line for each case that failed. */
  readonly failures: readonly string[];
}

function bytesOf(hex: string): Uint8Array {
  if (hex === '-') return new Uint8Array();
  return Uint8Array.from({ length: hex.length / 2 }, (_, at) =>
    Number.parseInt(hex.slice(2 * at, 2 * at + 2), 16),
  );
}

export function readCases(text: string): Case[] {
  const cases: Case[] = [];
  let name = '';
  let module: Uint8Array = new Uint8Array();
  let lines: string[][] = [];
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const words = line.split(' ');
    const [head, first = ''] = words;
    if (head === 'case') name = first;
    else if (head === 'module') module = bytesOf(first);
    else if (head !== 'end') lines.push(words);
    else {
      cases.push({ name, module, lines });
      lines = [];
    }
  }
  return cases;
}

const isRefused = ({ lines }: Case): boolean => lines.some(([head]) => head === 'refused');

/** The cases that run, whose modules can be translated: all but the refusals. */
export function readRunCases(text: string): Case[] {
  return readCases(text).filter((one) => !isRefused(one));
}

function tallyOf(cases: readonly Case[], differs: (one: Case) => string | undefined): Tally {
  const failures: string[] = [];
  for (const one of cases) {
    let wrong: string | undefined;
    try {
      wrong = differs(one);
    } catch (error) {
      // The machine throws for no program: a trap of WebAssembly itself fails its case, and the next may still tell something.
      wrong = `thrown: ${String(error)}`;
    }
    if (wrong !== undefined) failures.push(`${one.name}: ${wrong}`);
  }
  return { passed: cases.length - failures.length, failures };
}

/** On the bare exports: values, labels, traps, fuel, audit, bounds and refusals of every case. */
export async function runBare(wasm: WebAssembly.Module, text: string): Promise<Tally> {
  const instance = await WebAssembly.instantiate(wasm, {});
  return runExports(instance.exports as unknown as BareMachine, text);
}

/** The same on exports that stand in for those of the machine. */
export function runExports(machine: BareMachine, text: string): Tally {
  return tallyOf(readCases(text), ({ module, lines }) => {
    new Uint8Array(machine.memory.buffer, machine.moduleAddress(), module.length).set(module);
    const code = machine.loadModule(module.length);
    const refused = lines.find(([head]) => head === 'refused');
    if (code !== 0 || refused !== undefined)
      return same(`refused ${code} ${code === 0 ? 0 : machine.refusedAt()}`, refused?.join(' '));
    machine.reset();
    return new BareRun(machine, lines).differs();
  });
}

/** Gives the translation of the module with this hash, in small letters. */
export type FindTranslated = (hash: string) => Promise<WebAssembly.Module>;

/** Every case that runs, on the exports of its module's translation: when it is instantiated, and again after `reset`. */
export async function runTranslatedBare(find: FindTranslated, text: string): Promise<Tally> {
  const translated = await findAll(find, text);
  return tallyOf(readRunCases(text), (one) => {
    const { exports } = new WebAssembly.Instance(translated(one), {});
    const machine = exports as unknown as RunMachine;
    const first = new BareRun(machine, one.lines).differs();
    if (first !== undefined) return first;
    machine.reset();
    const second = new BareRun(machine, one.lines).differs();
    return second === undefined ? undefined : `again: ${second}`;
  });
}

/** The same through the host of translations. */
export async function runTranslatedHost(find: FindTranslated, text: string): Promise<Tally> {
  const translated = await findAll(find, text);
  return tallyOf(readRunCases(text), (one) => {
    const hash = moduleHash(one.module);
    const foreign = openTranslatedAtOnce(translated(one), { module: hash.with(0, (hash[0] ?? 0) ^ 1) });
    if (foreign.ok || foreign.code !== 'translation_foreign')
      return 'it is taken for a translation of another module';
    const opened = openTranslatedAtOnce(translated(one), { module: hash });
    return opened.ok ? programDiffers(opened.program, one) : opened.message;
  });
}

async function findAll(find: FindTranslated, text: string): Promise<(one: Case) => WebAssembly.Module> {
  const hashes = [...new Set(readRunCases(text).map(hashOf))];
  const found = new Map(await Promise.all(hashes.map(async (hash) => [hash, await find(hash)] as const)));
  return (one) => {
    const module = found.get(hashOf(one));
    if (module === undefined) throw new Error('there is no such translation');
    return module;
  };
}

/** By which its translation is found. */
export function hashOf({ module }: Case): string {
  return toHex(moduleHash(module));
}

type Printable = string | number | bigint | undefined;

/** What is wrong with a value, or `undefined`. */
function same(given: Printable, expected: Printable): string | undefined {
  return String(given) === String(expected) ? undefined : `it is ${given}`;
}

/** WebAssembly gives an i64 signed. */
const unsigned = (value: bigint): bigint => BigInt.asUintN(64, value);
const labelOf = (word: string | undefined): number => Number.parseInt(word ?? '', 16);

/** What the machine with a module, and a translation of the module, both export. */
type RunMachine = Omit<BareMachine, 'moduleAddress' | 'moduleCapacity' | 'loadModule' | 'refusedAt'>;

/** One case on a machine that is ready to run its module. */
class BareRun {
  private readonly machine: RunMachine;
  private readonly lines: Case['lines'];
  private fuel = 0n;
  private audited = 0;

  constructor(machine: RunMachine, lines: Case['lines']) {
    this.machine = machine;
    this.lines = lines;
  }

  differs(): string | undefined {
    const { machine, lines } = this;
    for (const words of lines) {
      const wrong = this.take(words);
      if (wrong !== undefined) return `${words.join(' ')}: ${wrong}`;
    }
    if (machine.auditCount() !== this.audited)
      return `${machine.auditCount()} uses of grants, where ${this.audited} are expected`;
    const ports = lines.filter(([head]) => head === 'port').length;
    return machine.portCount() === ports ? undefined : `${machine.portCount()} ports instead of ${ports}`;
  }

  /** Does what a line says, or looks whether it is so. */
  private take([head, ...words]: readonly string[]): string | undefined {
    const { machine } = this;
    const [first = '', second = '', third = ''] = words;
    const at = Number(first);
    switch (head) {
      case 'bound':
        return same(unsigned(machine.fuelBound()), first);
      case 'fuel':
        this.fuel = BigInt(first);
        return undefined;
      case 'input':
        return same(machine.setWord(at, Number(second), BigInt(third)), 0);
      case 'finished':
        return same(machine.run(this.fuel), 0) ?? same(unsigned(machine.fuelUsed()), first);
      case 'trapped':
        return same(machine.run(this.fuel), 1) ?? this.trapDiffers(at, labelOf(second), words.slice(2));
      case 'audit':
        return same(machine.auditEntry(this.audited++), (BigInt(first) << 32n) | BigInt(second));
      case 'register':
        return (
          same(machine.registerValue(at), second) ?? same(machine.registerLabel(at) >>> 0, labelOf(third))
        );
      case 'word':
        return same(this.word(at, Number(second)), third);
      case 'port':
        return (
          same(machine.portIsSymbol(at), second) ??
          same(machine.portLabel(at) >>> 0, labelOf(third)) ??
          same(machine.portWritten(at) === 1 ? machine.portValue(at) : '-', words[3])
        );
      default:
        return 'a line that is not known';
    }
  }

  private word(segment: number, index: number): bigint | undefined {
    const { machine } = this;
    const length = machine.segmentLength(segment);
    return new BigInt64Array(machine.memory.buffer, machine.segmentAddress(segment), length)[index];
  }

  private trapDiffers(at: number, label: number, codes: readonly string[]): string | undefined {
    const { machine } = this;
    if (!codes.includes(String(machine.trapCode()))) return `the trap is ${machine.trapCode()}`;
    if (!flowsTo(label, machine.trapLabel())) return `its label is ${machine.trapLabel() >>> 0}`;
    return same(machine.trapAt(), at) ?? same(machine.fuelUsed(), 0) ?? same(machine.auditCount(), 0);
  }
}

const everything = 0xffffffff;

/** Through the host that is published: what everybody is told of each run, and what somebody who is cleared for all of it is told. */
export async function runHost(wasm: WebAssembly.Module, text: string): Promise<Tally> {
  const machine = await startMachine(wasm);
  return tallyOf(readCases(text), (one) => {
    const { module, lines } = one;
    const loaded = machine.load(module);
    const refused = lines.find(([head]) => head === 'refused');
    if (refused !== undefined) {
      // What follows a whole module is taken for its names, and is no part of it.
      if (stripNames(module).length < module.length) return undefined;
      return loaded.ok
        ? 'it is loaded'
        : same(`refused ${refusals[loaded.reason].code} ${loaded.offset}`, refused.join(' '));
    }
    if (!loaded.ok) return loaded.message;
    // The one refusal that is the host's own, and not in the file: any byte of the hash is another.
    const damaged = machine.load(module.with(63, (module[63] ?? 0) ^ 1));
    if (damaged.ok || damaged.reason !== 'hash' || damaged.offset !== 32)
      return 'a damaged hash is not refused';
    return programDiffers(loaded.program, one);
  });
}

function programDiffers(program: Program, { lines }: Case): string | undefined {
  const find = (name: string): readonly (readonly string[])[] =>
    lines.filter(([head]) => head === name).map(([, ...words]) => words);
  const bound = find('bound')[0]?.[0];
  const fuel = BigInt(find('fuel')[0]?.[0] ?? 0);
  const inputs = find('input').map(([segment, index, value = '']) => ({
    segment: Number(segment),
    index: Number(index),
    value: BigInt(value),
  }));
  for (const clearance of [everybody, everything]) {
    const result = program.run({ inputs, fuel, clearance });
    const [trapped] = find('trapped');
    if (result.ok !== (trapped === undefined)) return `finished: ${result.ok}`;
    if (!result.ok) {
      const detail = result.detail(everything);
      if (detail === undefined) return 'nothing is told to one who is cleared for everything';
      const wrong = same(detail.instruction, trapped?.[0]);
      if (wrong !== undefined || !trapped?.slice(2).includes(String(traps[detail.trap].code)))
        return `trap ${detail.trap} at ${detail.instruction}`;
      continue;
    }
    const told = find('port').filter(
      ([, , label, value]) => value !== '-' && flowsTo(labelOf(label), clearance),
    );
    const wrong =
      same([...result.ports].flat().join(), told.map(([port, , , value]) => `${port},${value}`).join()) ??
      same(result.fuelUsed, find('finished')[0]?.[0]) ??
      same(
        result.audit.map(({ instruction, grant }) => `${instruction} ${grant}`).join(),
        find('audit')
          .map((words) => words.join(' '))
          .join(),
      );
    if (wrong !== undefined) return wrong;
  }
  return same(program.fuelBound, bound);
}
