/**
 * What decides by a program of the label machine: the interpreter, the program's translation (docs/TRANSLATOR.md), or both, compared bit for bit.
 *
 * A program begins with the interpreter and is translated aside, when it is prepared or is run often, one after another: no decision waits for it. Where a translation is refused, the interpreter
 * goes on with that program. Where both once come to different things, that decision is refused, and the interpreter alone decides from then on: no
 * translation is trusted any more, of whatever program.
 */
import type { Program, RunOptions, RunResult } from '../../vm/host.ts';
import { toHex } from '../kit/bytes.ts';
import { assert, type Result, refuse } from '../kit/result.ts';

/** `both` compares every decision, `translated` one of some. */
export const engineChoices = ['translated', 'interpreter', 'both'] as const;
export type EngineChoice = (typeof engineChoices)[number];

/** One of so many decisions of a program is compared, its first one too, where nothing else is said. */
export const defaultCompareEvery = 100;

/**
 * A program is translated aside after so many runs, where nobody asked for it before: it takes a tenth of a second of the thread, and whoever names
 * corridors that nobody uses is not to make them.
 */
const translatedFrom = 32;

/** What the two did not agree on. `failed`: the translation did not come to an end that a program has. */
export type DifferenceKind = 'ending' | 'trap' | 'ports' | 'fuel' | 'audit' | 'failed';

export interface EngineDifference {
  readonly what: DifferenceKind;
  /** SHA-256 of the machine's module, hex. */
  readonly program: string;
}

/** Gives a module of the machine as its translation, checked and ready to run; a refusal says why there is none. */
export type Translate = (module: Uint8Array) => Promise<Result<Program>>;

export interface EngineOptions {
  readonly choice: EngineChoice;
  /** 1 or more. */
  readonly compareEvery: number;
  readonly translate: Translate;
  /** What was found before, where it counts still: then the interpreter decides alone. */
  readonly difference: EngineDifference | null;
  /** Resolves when there is time for the next translation, which takes a tenth of a second of the thread. */
  readonly leisure: () => Promise<void>;
  /** Told at once of a difference, and of a program that stays with the interpreter. */
  readonly report: (event: EngineEvent) => void;
}

export type EngineEvent =
  | { readonly kind: 'difference'; readonly difference: EngineDifference }
  | {
      readonly kind: 'untranslated';
      readonly program: string;
      readonly code: string;
      readonly message: string;
    };

/** Since it was made. */
export interface EngineFigures {
  translations: number;
  untranslated: number;
  /** Runs by what gave the answer. */
  translated: number;
  interpreted: number;
  compared: number;
}

/** What a run came to; `engines_differ` where nothing that was computed may be believed. */
export type EngineRun = RunResult | { readonly ok: false; readonly code: 'engines_differ' };

export interface EngineProgram {
  /** SHA-256 of the machine's module, whichever way it is run. */
  readonly hash: Uint8Array;
  run(options: RunOptions): EngineRun;
  /** Has it translated now; resolves when it is, or is known to stay with the interpreter. */
  translate(): Promise<void>;
}

/** Cleared for everything. */
const everything = 0xffffffff;

/** @example const engine = new Engine({ choice: 'translated', compareEvery: 100, translate, difference: null, leisure, report }); */
export class Engine {
  readonly figures: EngineFigures = {
    translations: 0,
    untranslated: 0,
    translated: 0,
    interpreted: 0,
    compared: 0,
  };
  private readonly options: EngineOptions;
  private found: EngineDifference | null;
  private queue: Promise<void> = Promise.resolve();

  constructor(options: EngineOptions) {
    const { compareEvery } = options;
    assert(
      Number.isSafeInteger(compareEvery) && compareEvery >= 1,
      'one of some decisions is compared: 1 or more',
    );
    this.options = options;
    this.found = options.difference;
  }

  /** What decides now: after a difference no longer what was chosen. */
  get inUse(): EngineChoice {
    return this.found === null ? this.options.choice : 'interpreter';
  }

  get difference(): EngineDifference | null {
    return this.found;
  }

  /** A program that the interpreter has loaded; `module` is what it loaded. */
  open(module: Uint8Array, interpreted: Program): EngineProgram {
    const { choice, compareEvery } = this.options;
    const every = choice === 'both' ? 1 : compareEvery;
    let translated: Program | undefined;
    let making: Promise<void> | undefined;
    let interpretedRuns = 0;
    let next = 0;
    const translate = (): Promise<void> => {
      if (this.inUse === 'interpreter') return Promise.resolve();
      making ??= this.make(module, interpreted.hash).then((program) => {
        translated = program;
      });
      return making;
    };
    return {
      hash: interpreted.hash,
      translate,
      run: (options) => {
        if (translated === undefined || this.found !== null) {
          this.figures.interpreted++;
          if (++interpretedRuns === translatedFrom) void translate();
          return interpreted.run(options);
        }
        const isCompared = next === 0;
        next = next + 1 === every ? 0 : next + 1;
        return this.runTranslated(translated, isCompared ? interpreted : undefined, options);
      },
    };
  }

  private make(module: Uint8Array, hash: Uint8Array): Promise<Program | undefined> {
    const { leisure, translate, report } = this.options;
    const turn = this.queue.then(async () => {
      await leisure();
      if (this.found !== null) return undefined;
      // A translator that throws is as one that refuses: nobody is without decisions for it.
      const made = await translate(module).catch((error: unknown) =>
        refuse('translation_failed', error instanceof Error ? error.message : String(error)),
      );
      if (made.ok) {
        this.figures.translations++;
        return made.value;
      }
      this.figures.untranslated++;
      report({ kind: 'untranslated', program: toHex(hash), code: made.code, message: made.message });
      return undefined;
    });
    this.queue = turn.then(() => undefined);
    return turn;
  }

  private runTranslated(
    translated: Program,
    interpreted: Program | undefined,
    options: RunOptions,
  ): EngineRun {
    const { figures } = this;
    try {
      if (interpreted !== undefined) {
        figures.compared++;
        const whole = { ...options, clearance: everything };
        const what = differenceOf(translated.run(whole), interpreted.run(whole));
        if (what !== undefined) return this.refuse(what, interpreted);
      }
      const ran = translated.run(options);
      figures.translated++;
      return ran;
    } catch {
      // A run comes to its end or traps: WebAssembly that stopped otherwise, or used up the host's stack, is no translation of it.
      return this.refuse('failed', translated);
    }
  }

  private refuse(what: DifferenceKind, { hash }: Program): EngineRun {
    const difference = { what, program: toHex(hash) };
    this.found = difference;
    this.options.report({ kind: 'difference', difference });
    return { ok: false, code: 'engines_differ' };
  }
}

/** The first thing that two runs for a reader who is cleared for everything do not agree on. */
function differenceOf(a: RunResult, b: RunResult): DifferenceKind | undefined {
  if (!a.ok || !b.ok) {
    if (a.ok || b.ok) return 'ending';
    const [one, other] = [a.detail(everything), b.detail(everything)];
    const isSame =
      one?.trap === other?.trap && one?.instruction === other?.instruction && one?.label === other?.label;
    return isSame ? undefined : 'trap';
  }
  if (a.ports.size !== b.ports.size || [...a.ports].some(([port, value]) => b.ports.get(port) !== value))
    return 'ports';
  if (a.fuelUsed !== b.fuelUsed) return 'fuel';
  const isSameAudit =
    a.audit.length === b.audit.length &&
    a.audit.every(
      ({ instruction, grant }, at) =>
        b.audit[at]?.instruction === instruction && b.audit[at]?.grant === grant,
    );
  return isSameAudit ? undefined : 'audit';
}

/** Nothing but the interpreter: for commands that decide a few times, and where a decision is made again. */
export function interpreterAlone(): Engine {
  return new Engine({
    choice: 'interpreter',
    compareEvery: defaultCompareEvery,
    translate: () => Promise.reject(new Error('invariant broken: the interpreter translates nothing')),
    difference: null,
    leisure: () => Promise.resolve(),
    report: () => undefined,
  });
}
