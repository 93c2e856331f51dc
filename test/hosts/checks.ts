/** All that a host is asked, in one call: bundled once, and the very same bytes run in Node, Deno, Bun, workerd and Chromium. */

import { isEqual } from '../../vm/bytes.ts';
import { startMachine } from '../../vm/index.ts';
import { trustKeys } from '../../vm/signed-module.ts';
import { checkTranslation } from '../../vm/translator/checker.ts';
import { translate } from '../../vm/translator/translate.ts';
import {
  type FindTranslated,
  readRunCases,
  runBare,
  runHost,
  runTranslatedBare,
  runTranslatedHost,
  type Tally,
} from './conformance.ts';

/** What a host brings: the texts as they are in the files of that name. */
export interface Given {
  readonly machine: WebAssembly.Module;
  readonly conformance: string;
  /** `SignedSample` as JSON. */
  readonly signed: string;
  /** `TranslationSample` as JSON. */
  readonly translation: string;
  readonly findTranslated: FindTranslated;
  /** Whether it may compile WebAssembly while it runs. */
  readonly compiles: boolean;
}

/** A signed module whose only port is written, and the points of who signed it and of somebody else; in hexadecimal digits. */
export interface SignedSample {
  readonly signed: string;
  readonly point: string;
  readonly stranger: string;
}

/** What the host translates by itself. */
export interface TranslationSample {
  /** One case in the form of the conformance file. */
  readonly text: string;
  /** vm/translator-runtime.wasm, and what another host made of the case's module; in hexadecimal digits. */
  readonly runtime: string;
  readonly wasm: string;
}

const bytesOf = (hex: string): Uint8Array =>
  Uint8Array.from(hex.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16));

async function runSigned(wasm: WebAssembly.Module, sample: SignedSample): Promise<Tally> {
  const failures: string[] = [];
  let passed = 0;
  const load = async (point: string, signed: Uint8Array): Promise<string> => {
    const machine = await startMachine(wasm, { trust: trustKeys([bytesOf(point)]) });
    const loaded = machine.load(signed);
    if (!loaded.ok) return loaded.reason;
    const result = loaded.program.run({ inputs: [] });
    return result.ok && result.ports.size === 1 ? 'ran' : 'trapped';
  };
  const expect = async (what: string, outcome: string, point: string, signed: Uint8Array): Promise<void> => {
    const given = await load(point, signed);
    if (given === outcome) passed++;
    else failures.push(`${what}: ${given}, and not ${outcome}`);
  };
  const signed = bytesOf(sample.signed);
  await expect('a signed module', 'ran', sample.point, signed);
  await expect('a module signed by somebody else', 'signature', sample.stranger, signed);
  for (let at = 0; at < signed.length; at += 11) {
    const changed = signed.with(at, (signed[at] ?? 0) ^ 1);
    await expect(`a signed module with byte ${at} changed`, 'signature', sample.point, changed);
  }
  return { passed, failures };
}

/** Translates a program in this very host, and runs it where what was not compiled before may be. */
async function runTranslator(sample: TranslationSample, compiles: boolean): Promise<Tally[]> {
  const failures: string[] = [];
  const runtime = bytesOf(sample.runtime);
  const [one] = readRunCases(sample.text);
  if (one === undefined) throw new Error('there is no case to be translated');
  const { wasm } = translate({ source: one.module, runtime, registers: true });
  if (!isEqual(wasm, bytesOf(sample.wasm))) failures.push(`${one.name}: translated otherwise in this host`);
  const checked = checkTranslation({ source: one.module, translated: wasm, runtime });
  if (!checked.ok) failures.push(`${one.name}: ${checked.message}`);
  const made: Tally = { passed: 2 - failures.length, failures };
  if (!compiles) return [made];
  const find: FindTranslated = () => WebAssembly.compile(wasm as Uint8Array<ArrayBuffer>);
  return [made, await runTranslatedBare(find, sample.text), await runTranslatedHost(find, sample.text)];
}

/**
 * The conformance file on the bare exports, the same through vm/host.ts, and signatures; then its programs translated, on their bare exports
 * and through vm/translated-host.ts, and the translator itself. A line for each failure, and both sums last.
 */
export async function runChecks(given: Given): Promise<string> {
  const { machine, conformance, findTranslated } = given;
  const interpreted = [
    await runBare(machine, conformance),
    await runHost(machine, conformance),
    await runSigned(machine, JSON.parse(given.signed) as SignedSample),
  ];
  const translated = [
    await runTranslatedBare(findTranslated, conformance),
    await runTranslatedHost(findTranslated, conformance),
    ...(await runTranslator(JSON.parse(given.translation) as TranslationSample, given.compiles)),
  ];
  return [
    ...interpreted.flatMap(({ failures }) => failures),
    ...translated.flatMap(({ failures }) => failures.map((failure) => `translated: ${failure}`)),
    `${sumOf(interpreted)}; translated: ${sumOf(translated)}`,
  ].join('\n');
}

function sumOf(tallies: readonly Tally[]): string {
  const passed = tallies.reduce((sum, tally) => sum + tally.passed, 0);
  const failed = tallies.reduce((sum, tally) => sum + tally.failures.length, 0);
  return `${passed} passed, ${failed} failed`;
}
