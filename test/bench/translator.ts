/** Translated programs beside hand-written WebAssembly and beside the interpreter, in turns; what translation costs, and when it has paid. */
import { readFileSync } from 'node:fs';
import binaryen from 'binaryen';
import { translate } from '../../vm/translator/translate.ts';
import { assembled, type BareMachine, bareMachine, loadBare, translatorRuntime } from '../vm/machine.ts';
import { median, type Row } from './figure.ts';
import { arithmetic, fibonacci, rule, ruleWords, sieve } from './machine-programs.ts';

const rounds = 15;
const runsOfRound = 3;
const fuel = 1n << 60n;

const programs: Readonly<Record<string, string>> = { sieve, fibonacci, arithmetic, rule };

interface HandWritten {
  readonly memory: WebAssembly.Memory;
  readonly [name: string]: unknown;
}

/** Optimised by nobody but the engine that runs it, as what is beside it; the test for overflow, which is written once, is where it is used. */
function handWritten(): HandWritten {
  const text = readFileSync(new URL('./hand-written.wat', import.meta.url), 'utf8');
  const module = binaryen.parseText(text);
  module.setFeatures(binaryen.Features.All);
  binaryen.setAlwaysInlineMaxSize(40);
  module.runPasses(['inlining', 'simplify-locals', 'vacuum']);
  const wasm = new Uint8Array(module.emitBinary());
  module.dispose();
  return new WebAssembly.Instance(new WebAssembly.Module(wasm), {}).exports as unknown as HandWritten;
}

/** The median of some runs in milliseconds; the answer has to be `answer`. */
function time(answer: bigint | undefined, run: () => bigint): { ms: number; answer: bigint } {
  const times: number[] = [];
  let given = 0n;
  for (let at = 0; at < runsOfRound; at++) {
    const startedMs = performance.now();
    given = run();
    times.push(performance.now() - startedMs);
    if (answer !== undefined && given !== answer) throw new Error(`${given}, and not ${answer}`);
  }
  return { ms: median(times), answer: given };
}

function runMachine(machine: BareMachine, name: string): bigint {
  machine.reset();
  if (name === 'rule')
    for (const [segment, index, value] of ruleWords) machine.setWord(segment, index, value);
  if (machine.run(fuel) !== 0) throw new Error(`${name}: trap ${machine.trapCode()}`);
  return machine.portValue(0);
}

interface Costs {
  readonly translateMs: number;
  readonly compileMs: number;
  readonly bytes: number;
  readonly sourceBytes: number;
}

function translated(source: Uint8Array): { machine: BareMachine; costs: Costs } {
  const translations: number[] = [];
  const instances: number[] = [];
  let machine: BareMachine | undefined;
  let bytes = 0;
  for (let at = 0; at < 21; at++) {
    const startedMs = performance.now();
    const { wasm } = translate({ source, runtime: translatorRuntime });
    const translatedMs = performance.now();
    machine = new WebAssembly.Instance(new WebAssembly.Module(wasm as Uint8Array<ArrayBuffer>), {})
      .exports as unknown as BareMachine;
    instances.push(performance.now() - translatedMs);
    translations.push(translatedMs - startedMs);
    bytes = wasm.length;
  }
  if (machine === undefined) throw new Error('nothing was translated');
  return {
    machine,
    costs: {
      translateMs: median(translations),
      compileMs: median(instances),
      bytes,
      sourceBytes: source.length,
    },
  };
}

export async function benchTranslator(): Promise<Row[]> {
  const hand = handWritten();
  const rows: Row[] = [];
  for (const [name, text] of Object.entries(programs)) {
    const { bytes } = assembled(text);
    const interpreter = await bareMachine();
    loadBare(interpreter, bytes);
    const { machine, costs } = translated(bytes);
    const words = new BigInt64Array(hand.memory.buffer);
    const times = { interpreter: [0], translated: [0], bounded: [0], checked: [0], bare: [0] };
    for (let round = 0; round < rounds; round++) {
      const first = time(undefined, () => runMachine(interpreter, name));
      const second = time(first.answer, () => runMachine(machine, name));
      words.set(name === 'rule' ? ruleWords.map(([, , value]) => value) : []);
      const third = time(first.answer, hand[`${name} bounded`] as () => bigint);
      const fourth = time(first.answer, hand[`${name} checked`] as () => bigint);
      const fifth = time(first.answer, hand[name] as () => bigint);
      // The first rounds warm up the engine's compiler.
      if (round < 3) continue;
      times.interpreter.push(first.ms);
      times.translated.push(second.ms);
      times.bounded.push(third.ms);
      times.checked.push(fourth.ms);
      times.bare.push(fifth.ms);
      process.stderr.write(`\r${name}: round ${round + 1} of ${rounds}   `);
    }
    process.stderr.write('\n');
    const ms = (key: keyof typeof times): number => median(times[key].slice(1));
    const saved = ms('interpreter') - ms('translated');
    rows.push(
      {
        what: `translated, ${name}: beside hand-written WebAssembly without labels that checks as much`,
        figure: `${(ms('translated') / ms('bounded')).toFixed(2)} : 1 (${ms('translated').toFixed(2)} ms, ${ms('bounded').toFixed(2)} ms)`,
      },
      {
        what: '… that checks arithmetic and indexes, and neither bounds loops nor counts fuel',
        figure: `${(ms('translated') / ms('checked')).toFixed(2)} : 1 (${ms('checked').toFixed(2)} ms)`,
      },
      {
        what: '… that checks nothing',
        figure: `${(ms('translated') / ms('bare')).toFixed(2)} : 1 (${ms('bare').toFixed(2)} ms)`,
      },
      {
        what: '… the interpreter beside it',
        figure: `${(ms('interpreter') / ms('translated')).toFixed(1)} : 1 (${ms('interpreter').toFixed(2)} ms)`,
      },
      {
        what: '… translation, compilation and instantiation, runs after which they have paid; size',
        figure: `${costs.translateMs.toFixed(2)} ms, ${costs.compileMs.toFixed(2)} ms, ${Math.ceil((costs.translateMs + costs.compileMs) / saved)} runs; ${costs.sourceBytes.toLocaleString('en-US')} → ${costs.bytes.toLocaleString('en-US')} bytes`,
      },
    );
  }
  return rows;
}
