/** `ringmint rules replay`: recorded facts decided by the set in force and by a candidate. */

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { toHex } from '../../kit/bytes.ts';
import { quote, type Result, refuse, succeed } from '../../kit/result.ts';
import { wholeReader } from '../../rules/clearance.ts';
import type { Reader } from '../../rules/decision.ts';
import { formatFacts, parseFacts } from '../../rules/facts-json.ts';
import {
  batchSize,
  Replay,
  type ReplayExample,
  type ReplayLine,
  type ReplayReport,
} from '../../rules/replay/replay.ts';
import { type ChangeKind, changeKinds } from '../../rules/replay/tally.ts';
import { openRules, type Rules } from '../../rules/rules.ts';
import { grouped } from '../bulk/progress.ts';
import { type ExitCode, exitCode } from '../exit-code.ts';
import type { Terminal } from '../terminal.ts';
import { openMachine } from '../vm/program-file.ts';
import type { StandardInput } from '../vm/standard-input.ts';
import { type FaultySet, readRuleSource, refuseRuleSource } from './rule-source.ts';

export interface ReplayArguments {
  /** One fact a line, or `-`. */
  readonly facts: string;
  readonly live: string;
  readonly candidate: string;
  /** Of a bundle that lacks some. */
  readonly lists?: readonly string[];
  /** Whose secrets may be looked at; all where nothing is said. */
  readonly clearedFor?: readonly string[];
  /** Whether the reference evaluator decides, too. */
  readonly check?: boolean;
  /** Of each kind of change. */
  readonly examples?: string;
  /** Lines that are passed over, and after how many it ends. */
  readonly skip?: string;
  readonly limit?: string;
  readonly stdin: StandardInput;
}

/** Tells what would change, by corridor and by rule, with the first examples of each kind. */
export async function runReplay(terminal: Terminal, given: ReplayArguments): Promise<ExitCode> {
  const counts = readCounts(given);
  if (!counts.ok) return terminal.refuse(counts);
  const { lists = [], check = false } = given;
  const live = await openSet(given.live, lists);
  if (!live.ok) return refuseRuleSource(terminal, live);
  const candidate = await openSet(given.candidate, lists);
  if (!candidate.ok) return refuseRuleSource(terminal, candidate);
  const { clearedFor } = given;
  const reader = clearedFor === undefined ? wholeReader(live.value.set, candidate.value.set) : { clearedFor };
  const { examples, skip, limit } = counts.value;
  const replay = new Replay({
    live: live.value,
    candidate: candidate.value,
    reader,
    check,
    examples,
  });
  const total = given.facts === '-' ? undefined : (await stat(given.facts).catch(() => undefined))?.size;
  let line = 0;
  let batch: ReplayLine[] = [];
  const decide = (read: number): void => {
    replay.add(batch);
    batch = [];
    const part = total === undefined || total === 0 ? '' : ` (${Math.floor((100 * read) / total)} %)`;
    terminal.status(`${grouped(line)} lines${part}`);
  };
  try {
    for await (const { lines, read } of linesOf(given)) {
      for (const text of lines) {
        line++;
        if (line <= skip || text.trim() === '') continue;
        if (limit !== undefined && line > skip + limit) break;
        const facts = parseFacts(text);
        if (!facts.ok)
          return terminal.refuse({ ...facts, message: `${given.facts}:${line}: ${facts.message}` }, { line });
        batch.push({ ...facts.value, line });
        if (batch.length === batchSize) {
          decide(read);
          // A signal, or whoever watches, is heard between two batches.
          await new Promise((resolve) => setImmediate(resolve));
        }
      }
      if (limit !== undefined && line > skip + limit) break;
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (error instanceof LineTooLong)
      return terminal.refuse(refuse('too_large', `${given.facts}: ${error.message}`));
    if (code === undefined) throw error;
    return terminal.refuse(
      refuse('file_unreadable', `cannot read ${quote(given.facts)} (${code}): a file of facts is accepted`),
    );
  }
  decide(total ?? 0);
  return tell(terminal, replay.report(), { live: live.value, candidate: candidate.value, reader });
}

interface Sides {
  readonly live: Rules;
  readonly candidate: Rules;
  readonly reader: Reader;
}

const titles: Readonly<Record<ChangeKind, string>> = {
  newly_allowed: 'newly allowed',
  newly_flagged: 'newly flagged',
  newly_held: 'newly held',
  newly_denied: 'newly denied',
  newly_unevaluated: 'newly cannot be evaluated',
  other_rules: 'the same by other rules',
};

async function tell(terminal: Terminal, report: ReplayReport, sides: Sides): Promise<ExitCode> {
  const { decisions, unchanged, changes, corridors, rules, checked, disagreements, firstDisagreements } =
    report;
  const explained = [];
  for (const kind of changeKinds)
    for (const example of report.examples[kind]) explained.push({ kind, ...(await explain(example, sides)) });
  const described = {
    live: describe(sides.live),
    candidate: describe(sides.candidate),
    decisions,
    unchanged,
    changes,
    outcomes: report.outcomes,
    corridors,
    rules,
    examples: explained,
    checked,
    disagreements,
  };
  const lines = [
    `${grouped(decisions)} decisions: ${grouped(unchanged)} as before`,
    ...changeKinds
      .filter((kind) => changes[kind] > 0)
      .map((kind) => `  ${grouped(changes[kind]).padStart(9)}  ${titles[kind]}`),
    ...(corridors.length > 0 ? ['by corridor'] : []),
    ...corridors.map(
      ({ corridor, ...counts }) =>
        `  ${corridor}: ${changeKinds
          .filter((kind) => counts[kind] > 0)
          .map((kind) => `${grouped(counts[kind])} ${titles[kind]}`)
          .join(', ')}, of ${grouped(counts.decisions)}`,
    ),
    ...(rules.length > 0 ? ['by rule'] : []),
    ...rules.map(
      ({ rule, gained, lost }) =>
        `  ${rule}: fires ${grouped(gained)} times more, ${grouped(lost)} times less`,
    ),
    ...explained.flatMap(({ kind, line, id, live, candidate }) => [
      `${titles[kind]}: line ${line}${id === null ? '' : `, ${quote(id)}`}`,
      `  was  ${showSide(live)}`,
      `  is   ${showSide(candidate)}`,
    ]),
    ...(checked > 0 ? [`${grouped(checked)} decisions checked by the reference evaluator`] : []),
  ];
  if (disagreements === 0) return terminal.result(described, lines);
  for (const line of lines) terminal.say(line);
  const where = firstDisagreements.map(({ line, of }) => `line ${line} (${of})`).join(', ');
  return terminal.refuse(
    refuse(
      'rules_disagree',
      `machine and evaluator differ in ${disagreements} decisions, first ${where}: a defect; please report it`,
    ),
    described,
    exitCode.internal,
  );
}

function describe({ set }: Rules) {
  return { name: set.name, version: set.version, hash: toHex(set.hash) };
}

interface ExplainedSide {
  readonly verdict: string;
  readonly fired: readonly {
    readonly rule: string;
    readonly law: string | null;
    readonly says: string | null;
  }[];
  readonly errors: readonly string[];
  readonly missing: readonly string[];
}

async function explain(example: ReplayExample, { live, candidate, reader }: Sides) {
  const { line, id, facts, change } = example;
  return {
    line,
    id: id ?? null,
    change: { live: change.live, candidate: change.candidate, gained: change.gained, lost: change.lost },
    facts: JSON.parse(formatFacts({ id, facts })) as unknown,
    live: await explainSide(live, example, reader),
    candidate: await explainSide(candidate, example, reader),
  };
}

async function explainSide(rules: Rules, { facts }: ReplayExample, reader: Reader): Promise<ExplainedSide> {
  const { verdict, fired, missing, rules: outcomes } = await rules.explain(facts, reader);
  return {
    verdict,
    fired: fired.map((rule) => {
      const found = outcomes.find((one) => one.rule === rule);
      return { rule, law: found?.law ?? null, says: found?.says ?? null };
    }),
    errors: outcomes.filter(({ error }) => error !== undefined && error !== 'none').map(({ rule }) => rule),
    missing,
  };
}

function showSide({ verdict, fired, errors, missing }: ExplainedSide): string {
  const parts = fired.map(({ rule, says, law }) =>
    [rule, ...(says === null ? [] : [says]), ...(law === null ? [] : [`(${law})`])].join(' '),
  );
  const more = [
    ...(errors.length > 0 ? [`error in ${errors.join(', ')}`] : []),
    ...(missing.length > 0 ? [`missing ${missing.join(', ')}`] : []),
  ];
  return [verdict, ...parts, ...more].join('; ');
}

async function openSet(
  path: string,
  lists: readonly string[],
): Promise<{ ok: true; value: Rules } | FaultySet> {
  const read = await readRuleSource({ path, lists });
  if (!read.ok) return read;
  return succeed(await openRules(read.value.set, openMachine));
}

function readCounts(
  given: ReplayArguments,
): Result<{ examples: number; skip: number; limit: number | undefined }> {
  const { examples = '3', skip = '0', limit } = given;
  for (const [name, text] of [
    ['examples', examples],
    ['skip', skip],
    ['limit', limit ?? '0'],
  ] as const)
    if (!/^\d{1,12}$/.test(text))
      return refuse('usage', `--${name} ${quote(text)}: a whole number is accepted`);
  return succeed({
    examples: Math.min(Number(examples), 1000),
    skip: Number(skip),
    limit: limit === undefined ? undefined : Number(limit),
  });
}

const longestLine = 1024 * 1024;
class LineTooLong extends Error {}

/** The lines of a file as they are read, with how many bytes that were; of a line without an end no more than a million is kept. */
async function* linesOf({
  facts,
  stdin,
}: ReplayArguments): AsyncGenerator<{ lines: readonly string[]; read: number }> {
  const chunks: AsyncIterable<Uint8Array> =
    facts === '-' ? stdin.chunks() : createReadStream(facts, { highWaterMark: 1024 * 1024 });
  const decoder = new TextDecoder();
  let rest = '';
  let read = 0;
  for await (const chunk of chunks) {
    read += chunk.length;
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > longestLine)
      throw new LineTooLong(
        `a line of more than ${longestLine} characters: facts of one decision a line are accepted`,
      );
    yield { lines, read };
  }
  rest += decoder.decode();
  if (rest !== '') yield { lines: [rest], read };
}
