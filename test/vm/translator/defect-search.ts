/** Which program, and how long, each oracle needs until it sees that a translator is defective. */
import { encodeModule } from '../../../vm/module.ts';
import { checkTranslation } from '../../../vm/translator/checker.ts';
import { programOf, type Tally } from '../oracles.ts';
import { differsAnywhere } from './agreement.ts';
import type { Built } from './defective-translator.ts';
import { runtime, TranslatedMachine } from './translated-machine.ts';

export type OracleName = 'differential' | 'checker';

type Oracle = (machine: TranslatedMachine, built: Built, seed: number, tally: Tally) => string | undefined;

export const oracles: Readonly<Record<OracleName, Oracle>> = {
  differential: (machine, _, seed, tally) => differsAnywhere(machine, seed, tally),
  checker: (machine, built, seed) => {
    const source = encodeModule(programOf(machine.interpreter, seed, true));
    const checked = checkTranslation({ source, translated: built.translate(source).wasm, runtime });
    return checked.ok ? undefined : checked.message;
  },
};

export interface Found {
  /** Its seed. */
  readonly program: number;
  readonly ms: number;
}

/** The first of `most` programs, from `first` on, on which the oracle sees something. Code that no host takes, and a trap of WebAssembly itself, are seen by all. */
export async function search(
  built: Built,
  name: OracleName,
  most: number,
  first = 1,
): Promise<Found | undefined> {
  const machine = await TranslatedMachine.start(built.translate, built.runtime);
  const tally: Tally = new Map();
  const startMs = performance.now();
  for (let program = first; program < first + most; program++) {
    const what = look(() => oracles[name](machine, built, program, tally));
    if (what !== undefined) return { program, ms: performance.now() - startMs };
  }
  return undefined;
}

const ofWebAssembly: ReadonlySet<string> = new Set(['RuntimeError', 'CompileError', 'LinkError']);

function look(oracle: () => string | undefined): string | undefined {
  try {
    return oracle();
  } catch (error) {
    if (error instanceof Error && ofWebAssembly.has(error.name))
      return `the translation broke: ${error.message}`;
    throw error;
  }
}
