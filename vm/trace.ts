/**
 * A run as JSON lines, the same bytes for the same run; docs/VM-TOOLS.md has the form. The first line says what ran, each
 * after it what one instruction did, the last how it ended. Words and fuel are decimal text, labels are text.
 */
import { Derivation } from './derivation.ts';
import type { InputWord } from './host.ts';
import { type TrapName, traps } from './isa.ts';
import { parseLabel, showLabel } from './label-text.ts';
import { instructionAt, type Listing } from './listing.ts';
import type { LabelledWord } from './stepping-machine.ts';
import { readSymbol } from './symbol.ts';
import { type Control, type Facts, type LineEnd, type Start, Timeline } from './timeline.ts';

const version = 1;

/** The first line. `hash` is the module's, in hex. */
export function traceStart(listing: Listing, hash: string, { inputs, fuel, fuelUsed }: Start): string {
  return JSON.stringify({
    trace: version,
    module: hash,
    fuel: String(fuel),
    fuelUsed: String(fuelUsed),
    inputs: inputs.map(({ segment, index, value }) => ({
      name: listing.names.segments[segment],
      segment,
      index,
      ...showValue(value),
    })),
  });
}

/** The line of step `step`, from 1; `before` is what was before it. */
export function traceStep(listing: Listing, step: number, before: Control, facts: Facts): string {
  const { names, functions } = listing;
  const { at, registers, stored, output, grant, after } = facts;
  const { owner, line, text } = instructionAt(listing, at);
  return JSON.stringify({
    step,
    at,
    function: functions[owner]?.name,
    line,
    text,
    pc: showLabel(before.context),
    registers:
      registers.length === 0
        ? undefined
        : registers.map(({ register, word }) => ({ register, ...showLabelled(word) })),
    word: stored && {
      name: names.segments[stored.segment],
      segment: stored.segment,
      index: stored.index,
      ...showLabelled(stored.word),
    },
    output: output && { name: names.ports[output.port], port: output.port, ...showValue(output.value) },
    grant: grant === undefined ? undefined : { name: names.grants[grant], grant },
    next: after.position,
    nextPc: showLabel(after.context),
    fuelUsed: String(after.fuelUsed),
    paid: after.isPaying ? undefined : true,
  });
}

/** The last line: `steps` is how many there were before it. */
export function traceEnd(listing: Listing, steps: number, end: LineEnd, fuelUsed: bigint): string {
  if (end.kind !== 'trapped') return JSON.stringify({ end: end.kind, steps, fuelUsed: String(fuelUsed) });
  const { trap, at, label } = end;
  const { owner, line, text } = instructionAt(listing, at);
  return JSON.stringify({
    end: end.kind,
    steps,
    trap,
    at,
    function: listing.functions[owner]?.name,
    line,
    text,
    label: showLabel(label),
  });
}

function showValue(value: bigint): { value: string; symbol: string | undefined } {
  return { value: String(value), symbol: readSymbol(value) };
}

function showLabelled({ value, label }: LabelledWord): {
  value: string;
  symbol: string | undefined;
  label: string;
} {
  return { ...showValue(value), label: showLabel(label) };
}

export type OpenedTrace =
  | { readonly ok: true; readonly timeline: Timeline }
  | { readonly ok: false; readonly code: 'trace_malformed' | 'trace_foreign'; readonly message: string };

/** What is wrong with one line. */
class TraceFault extends Error {}

/**
 * Opens a trace of the module of `listing`, whose hash is `hash`. Every line of it is walked before it is given, and every
 * label derived again; values are as the trace says.
 */
export function openTrace(text: string, listing: Listing, hash: string): OpenedTrace {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  let at = 0;
  try {
    const head = new Fields(lines[0] ?? '');
    if (head.integer('trace') !== version) throw new TraceFault(`\`trace\`: ${version} is accepted`);
    const module = head.text('module');
    if (module !== hash)
      return {
        ok: false,
        code: 'trace_foreign',
        message: `the trace is of another module, \`${module.slice(0, 16).replaceAll(/[^0-9a-f]/g, '?')}…\`; this one is \`${hash.slice(0, 16)}…\``,
      };
    const start = readStart(head);
    const timeline = new Timeline(listing, start, () => {
      at++;
      const line = lines[at];
      return line === undefined ? { kind: 'cut' } : readLine(new Fields(line), listing);
    });
    const derivation = new Derivation(timeline);
    while (timeline.ending === undefined) {
      const took = derivation.prepare();
      const facts = timeline.forward();
      if (facts !== undefined) took(facts);
    }
    if (timeline.ending.kind === 'trapped') derivation.trap(timeline.ending);
    if (at < lines.length - 1) throw new TraceFault('nothing is accepted after the end');
    while (timeline.back() !== undefined);
    return { ok: true, timeline };
  } catch (error) {
    if (!(error instanceof TraceFault || error instanceof RangeError)) throw error;
    return {
      ok: false,
      code: 'trace_malformed',
      message: `line ${at + 1} of the trace: ${error.message}`,
    };
  }
}

/** The fields of one JSON object, each asked for by name and kind. */
class Fields {
  private readonly fields: Readonly<Record<string, unknown>>;

  constructor(source: string | object) {
    let value: unknown = source;
    if (typeof source === 'string') {
      try {
        value = JSON.parse(source);
      } catch {
        throw new TraceFault('it is no JSON');
      }
    }
    if (typeof value !== 'object' || value === null) throw new TraceFault('a JSON object is accepted');
    this.fields = { ...value };
  }

  has(name: string): boolean {
    return this.fields[name] !== undefined;
  }

  text(name: string): string {
    const value = this.fields[name];
    if (typeof value !== 'string') throw new TraceFault(`\`${name}\`: text is accepted`);
    return value;
  }

  integer(name: string, below = Number.MAX_SAFE_INTEGER): number {
    const value = this.fields[name];
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value >= below)
      throw new TraceFault(`\`${name}\`: a whole number from 0 to ${below - 1} is accepted`);
    return value;
  }

  bigint(name: string): bigint {
    const text = this.text(name);
    if (!/^-?\d{1,19}$/.test(text)) throw new TraceFault(`\`${name}\`: a whole number as text is accepted`);
    const value = BigInt(text);
    if (value !== BigInt.asIntN(64, value))
      throw new TraceFault(`\`${name}\`: a signed 64-bit number is accepted`);
    return value;
  }

  label(name: string): number {
    const parsed = parseLabel(this.text(name));
    if (!parsed.ok) throw new TraceFault(`\`${name}\`: ${parsed.message}`);
    return parsed.label;
  }

  object(name: string): Fields {
    const value = this.fields[name];
    if (typeof value !== 'object' || value === null)
      throw new TraceFault(`\`${name}\`: an object is accepted`);
    return new Fields(value);
  }

  objects(name: string): Fields[] {
    const value = this.fields[name] ?? [];
    if (!Array.isArray(value)) throw new TraceFault(`\`${name}\`: an array of objects is accepted`);
    return value.map((item: unknown) => {
      if (typeof item !== 'object' || item === null)
        throw new TraceFault(`\`${name}\`: objects are accepted`);
      return new Fields(item);
    });
  }
}

function readStart(head: Fields): Start {
  return {
    fuel: head.bigint('fuel'),
    fuelUsed: head.bigint('fuelUsed'),
    inputs: head.objects('inputs').map(
      (input): InputWord => ({
        segment: input.integer('segment'),
        index: input.integer('index'),
        value: input.bigint('value'),
      }),
    ),
  };
}

function readLine(fields: Fields, listing: Listing): Facts | LineEnd {
  const count = listing.instructions.length;
  if (fields.has('end')) return readEnd(fields, count);
  const word = (of: Fields): LabelledWord => ({ value: of.bigint('value'), label: of.label('label') });
  const { ports, grants } = listing.module;
  const stored = fields.has('word') ? fields.object('word') : undefined;
  const output = fields.has('output') ? fields.object('output') : undefined;
  return {
    at: fields.integer('at', count),
    registers: fields.objects('registers').map((written) => ({
      register: written.integer('register'),
      word: word(written),
    })),
    stored: stored && {
      segment: stored.integer('segment'),
      index: stored.integer('index'),
      word: word(stored),
    },
    output: output && { port: output.integer('port', ports.length), value: output.bigint('value') },
    grant: fields.has('grant') ? fields.object('grant').integer('grant', grants.length) : undefined,
    after: {
      position: fields.integer('next', count),
      context: fields.label('nextPc'),
      fuelUsed: fields.bigint('fuelUsed'),
      isPaying: !fields.has('paid'),
    },
  };
}

function readEnd(fields: Fields, count: number): LineEnd {
  const kind = fields.text('end');
  if (kind === 'halted' || kind === 'cut') return { kind };
  const trap = kind === 'trapped' ? fields.text('trap') : '';
  if (!Object.hasOwn(traps, trap))
    throw new TraceFault('`end`: `halted`, `cut`, or `trapped` with the name of a `trap`, is accepted');
  return {
    kind: 'trapped',
    trap: trap as TrapName,
    at: fields.integer('at', count),
    label: fields.label('label'),
  };
}
