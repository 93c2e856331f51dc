/**
 * What runs the rules of a central management that serves, and `central/rules/engine.json`, where it says so: what was chosen, what decides now, which programs
 * the interpreter kept, and where both once came to different things.
 *
 * A difference counts until the program changes: a release or a translator that is another one begins anew, and so does a folder whose `engine.json` was put aside.
 */
import { setImmediate } from 'node:timers/promises';
import { type Static, Type } from 'typebox';
import type { RuleEngineStanding } from '../cli/rule-administration.ts';
import { type Clock, systemClock } from '../kit/clock.ts';
import { defaultCompareEvery, Engine, type EngineDifference, type EngineEvent } from '../rules/engine.ts';
import { ApplianceError } from './appliance-error.ts';
import { engineChoice, type RulesConfiguration, readConfiguration } from './configuration.ts';
import type { Home } from './home.ts';
import { writeFileDurably } from './private-file.ts';
import { enginePath, readOrMissing } from './rule-folder.ts';
import type { RuleTranslator } from './rule-translator.ts';

export interface RuleEngineOptions {
  readonly home: Home;
  readonly configuration: RulesConfiguration | undefined;
  readonly translator: RuleTranslator;
  readonly release: string;
  /** Lines for the log. */
  readonly report: (line: string) => void;
  readonly clock?: Clock;
}

const hash = Type.String({ pattern: '^[0-9a-f]{64}$' });

const standingSchema = Type.Object(
  {
    version: Type.Literal(1),
    release: Type.String(),
    runtime: hash,
    chosen: engineChoice,
    inUse: engineChoice,
    compareEvery: Type.Integer({ minimum: 1 }),
    difference: Type.Union([
      Type.Object(
        { what: Type.String(), program: hash, atMs: Type.Integer({ minimum: 0 }) },
        { additionalProperties: false },
      ),
      Type.Null(),
    ]),
    untranslated: Type.Array(
      Type.Object(
        { program: hash, code: Type.String(), message: Type.String() },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
);

type Standing = Static<typeof standingSchema>;

/** More are no news. */
const untranslatedLimit = 20;

export class RuleEngine {
  readonly engine: Engine;
  private readonly options: RuleEngineOptions;
  private standing: Standing;
  private writing: Promise<void> = Promise.resolve();

  /** Where `engine.json` cannot be read there may have been a difference: then the interpreter decides. */
  static async open(options: RuleEngineOptions): Promise<RuleEngine> {
    const { home, configuration, translator, release, report } = options;
    const chosen = configuration?.engine ?? 'translated';
    const compareEvery = configuration?.compareEvery ?? defaultCompareEvery;
    let before: Standing | undefined;
    let isLost = false;
    try {
      before = await readStanding(home);
    } catch (error) {
      if (!(error instanceof ApplianceError)) throw error;
      isLost = true;
      report(`central decides by the interpreter: ${error.message} [${error.code}]`);
    }
    const { runtime } = translator;
    const counts = before?.release === release && before.runtime === runtime;
    const difference = counts ? (before?.difference ?? null) : null;
    if (difference !== null && chosen !== 'interpreter')
      report(
        `central decides by the interpreter: on program ${difference.program.slice(0, 16)} its translation came to something else at ${new Date(difference.atMs).toISOString()} (${difference.what})`,
      );
    const made = new RuleEngine(options, {
      version: 1,
      release,
      runtime,
      chosen: isLost ? 'interpreter' : chosen,
      inUse: isLost || difference !== null ? 'interpreter' : chosen,
      compareEvery,
      difference,
      untranslated: [],
    });
    if (!isLost) await made.write();
    return made;
  }

  private constructor(options: RuleEngineOptions, standing: Standing) {
    this.options = options;
    this.standing = standing;
    const { chosen, compareEvery, difference } = standing;
    this.engine = new Engine({
      choice: chosen,
      compareEvery,
      translate: options.translator.translate,
      difference: difference as EngineDifference | null,
      leisure: () => setImmediate(),
      report: (event) => this.note(event),
    });
  }

  /** What was noted is on the disk. */
  async close(): Promise<void> {
    await this.writing;
  }

  private note(event: EngineEvent): void {
    const { report, clock = systemClock } = this.options;
    if (event.kind === 'difference') {
      const { what, program } = event.difference;
      this.standing = {
        ...this.standing,
        inUse: 'interpreter',
        difference: { what, program, atMs: clock.nowMs() },
      };
      report(
        `central REFUSED a decision and decides by the interpreter from now on: on program ${program.slice(0, 16)} its translation came to something else (${what}); \`ringmint rules rerun --all\` finds what it decided otherwise before [engines_differ]`,
      );
    } else {
      const { program, code, message } = event;
      const others = this.standing.untranslated.filter((one) => one.program !== program);
      this.standing = {
        ...this.standing,
        untranslated: [...others, { program, code, message }].slice(-untranslatedLimit),
      };
      report(
        `central decides by the interpreter where program ${program.slice(0, 16)} decides: ${message} [${code}]`,
      );
    }
    this.writing = this.writing.then(() =>
      this.write().catch((error: unknown) => {
        report(`central cannot write what runs its rules: ${(error as Error).message}`);
      }),
    );
  }

  private async write(): Promise<void> {
    await writeFileDurably(
      enginePath(this.options.home),
      `${JSON.stringify(this.standing, null, 2)}\n`,
      0o600,
    );
  }
}

/** As the running system wrote it last; null where none has run. Throws where the file cannot be read. */
export async function readRuleEngine(home: Home): Promise<RuleEngineStanding | null> {
  return (await readStanding(home)) ?? null;
}

async function readStanding(home: Home): Promise<Standing | undefined> {
  const path = enginePath(home);
  return (await readOrMissing(path)) === undefined ? undefined : readConfiguration(path, standingSchema);
}
