/**
 * What a host has to know to decide by the program of a corridor without any of this code: how facts become words of the input, and where in the words
 * of the ports everything is that a decision says. docs/RULE-TOOLS.md, "A rule set as WebAssembly", has what each field means.
 */
import { toHex } from '../../kit/bytes.ts';
import type { CorridorProgram, RulePlace } from '../compiler/compile.ts';
import type { Input } from '../compiler/input.ts';
import type { Slot } from '../compiler/packing.ts';
import { noRoom } from '../compiler/ruling.ts';
import { verdicts } from '../language/syntax.ts';
import { schema } from '../schema.ts';
import type { Corridor, RuleSet } from './rule-set.ts';

/** A number below others in the word of a port, or one that is the same in every decision. */
type Place = { readonly port: number; readonly shift: number; readonly width: number } | { value: number };

export interface CorridorIndex extends Corridor {
  /** Of the translation, beside the index. */
  readonly file: string;
  /** SHA-256 of that file, hex. */
  readonly sha256: string;
  /** SHA-256 of the machine's module that it is a translation of, hex: what records and traces name. */
  readonly program: string;
  /** Whose secrets there are; others speak of them by their numbers. */
  readonly owners: readonly string[];
  readonly inputs: readonly Readonly<Record<string, unknown>>[];
  /** By number: who has to have cleared a reader of it. */
  readonly ports: readonly { readonly owners: readonly number[] }[];
  readonly verdict: Place;
  readonly room: { readonly port: number } | null;
  readonly rules: readonly Readonly<Record<string, unknown>>[];
  readonly groups: readonly Readonly<Record<string, unknown>>[];
}

export interface ProgramIndex {
  readonly version: 1;
  readonly rule_set: { readonly name: string; readonly version: number; readonly hash: string };
  readonly verdicts: readonly string[];
  /** Of a port of the room: that nothing limits it. */
  readonly no_room: string;
  readonly corridors: readonly CorridorIndex[];
}

export function programIndex(set: RuleSet, corridors: readonly CorridorIndex[]): ProgramIndex {
  return {
    version: 1,
    rule_set: { name: set.name, version: Number(set.version), hash: toHex(set.hash) },
    verdicts,
    no_room: String(noRoom),
    corridors,
  };
}

/** The part of an index on one corridor; `files` says where its program is. */
export function corridorIndex(
  corridor: Corridor,
  compiled: CorridorProgram,
  files: Pick<CorridorIndex, 'file' | 'sha256' | 'program'>,
): CorridorIndex {
  const { program, verdict, room, rules, groups } = compiled;
  const { kind, origin, destination, currency } = corridor;
  return {
    kind,
    origin,
    destination,
    currency,
    ...files,
    owners: program.owners,
    inputs: program.inputs.map((input) => inputOf(input, program.names.segments)),
    ports: portOwners(compiled).map((owners) => ({ owners: bitsOf(owners) })),
    verdict: { port: verdict, shift: 0, width: 2 },
    room: room === undefined ? null : { port: room },
    rules: rules.map(ruleOf),
    groups: groups.map(({ group, ...places }) => ({
      jurisdiction: group.jurisdiction,
      layer: group.layer,
      control: group.control,
      verdict: placeOf(places.verdict),
      conflict: placeOf(places.conflict),
    })),
  };
}

function inputOf(
  { segment, index, source, isSecret }: Input,
  segments: readonly string[],
): Readonly<Record<string, unknown>> {
  const { of, ...rest } = source;
  const type = 'field' in source ? schema.get(source.field)?.type : undefined;
  return {
    segment: segments.indexOf(segment),
    index,
    word: of,
    ...('seconds' in rest ? { window_seconds: Number(rest.seconds) } : rest),
    ...(type === undefined ? {} : { type: type.kind }),
    owners: isSecret ? [Number(segment.slice('secret_'.length))] : [],
  };
}

function ruleOf({ rule, module, applies, error, met, fired, beaters }: RulePlace) {
  const { body, law, says } = rule;
  return {
    rule: rule.id,
    verdict: body.verdict,
    ...(body.kind === 'require' ? { requires: body.field.name } : {}),
    law: law ?? module.law ?? null,
    says: says ?? null,
    applies: placeOf(applies),
    error: placeOf(error),
    met: placeOf(met),
    fired: placeOf(fired),
    beaten_by: beaters,
  };
}

function placeOf(slot: Slot): Place {
  if ('constant' in slot) return { value: slot.constant };
  const { port, divisor, modulus } = slot;
  return { port, shift: Math.log2(divisor), width: Math.log2(modulus) };
}

/** The categories of each port's label. */
function portOwners({ program }: CorridorProgram): readonly number[] {
  return program.module.ports.map(({ label }) => (label >>> 8) & 0xffff);
}

function bitsOf(owners: number): readonly number[] {
  return Array.from({ length: 16 }, (_, number) => number).filter((number) => owners & (1 << number));
}
