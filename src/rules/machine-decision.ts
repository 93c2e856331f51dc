/** What a run of a corridor's program says, taken apart only as far as somebody asks. */
import { sha256 } from '../kit/bytes.ts';
import { CborWriter } from '../kit/encoding.ts';
import type { Facts } from './checker/checked.ts';
import type { CorridorProgram, RulePlace } from './compiler/compile.ts';
import { bytesOfWords, type InputWords } from './compiler/input-words.ts';
import { numbersOf, readSlot, type Slot } from './compiler/packing.ts';
import { noRoom } from './compiler/ruling.ts';
import type { GroupOutcome, RuleDecision, RuleOutcome } from './decision.ts';
import { type Verdict, verdicts } from './language/syntax.ts';
import type { Corridor, RuleSet } from './set/rule-set.ts';

/** Why a decision is HOLD although no rule says so. */
export type DecisionCode =
  /** The machine stopped the program: a defect. */
  | 'rule_trapped'
  /** The machine and the translation of the program came to different things: a defect. */
  | 'engines_differ'
  /** The rules of this corridor do not fit the machine. */
  | 'rules_refused'
  /** The facts do not say between whom, in which currency or when. */
  | 'facts_insufficient';

export interface MachineDecision extends RuleDecision {
  /** Not there where the rules decided. */
  readonly code?: DecisionCode;
  /** SHA-256 of the machine's module that decided; null where none was run. */
  readonly program: Uint8Array | null;
  readonly fuelUsed: bigint;
  /** SHA-256 over rule set, corridor, inputs that are no secret, outputs that are none, and fuel, as deterministic CBOR. */
  readonly traceHash: Uint8Array;
}

/** A corridor's program, and how facts are put into it. */
export interface OpenProgram {
  readonly corridor: Corridor;
  readonly compiled: CorridorProgram;
  /** SHA-256 of the machine's module. */
  readonly hash: Uint8Array;
  readonly words: InputWords;
}

const errors = ['none', 'none', 'HOLD', 'DENY'] as const;

/** A decision on which nothing is read before it is asked for: most who ask want the verdict. */
export class RanDecision implements MachineDecision {
  readonly verdict: Verdict;
  readonly fuelUsed: bigint;
  private readonly set: RuleSet;
  private readonly opened: OpenProgram;
  private readonly facts: Facts;
  /** By number; none that the reader is not cleared for. */
  private readonly ports: ReadonlyMap<number, bigint>;
  /** Bits of the owners that have cleared the reader. */
  private readonly clearedFor: number;
  private readonly made: {
    fired?: readonly string[];
    rules?: readonly RuleOutcome[];
    groups?: readonly GroupOutcome[];
    missing?: readonly string[];
    traceHash?: Uint8Array;
    words?: readonly number[];
  } = {};

  constructor(
    set: RuleSet,
    opened: OpenProgram,
    facts: Facts,
    ports: ReadonlyMap<number, bigint>,
    fuelUsed: bigint,
    clearedFor: number,
  ) {
    this.set = set;
    this.opened = opened;
    this.facts = facts;
    this.ports = ports;
    this.clearedFor = clearedFor;
    this.fuelUsed = fuelUsed;
    this.verdict = verdicts[Number(ports.get(opened.compiled.verdict) ?? 3n)] ?? 'DENY';
  }

  get program(): Uint8Array {
    return this.opened.hash;
  }

  get room(): bigint | null {
    const { room } = this.opened.compiled;
    const most = room === undefined ? noRoom : (this.ports.get(room) ?? noRoom);
    return most === noRoom ? null : most;
  }

  get fired(): readonly string[] {
    this.made.fired ??= this.firedPlaces().map(({ rule }) => rule.id);
    return this.made.fired;
  }

  get missing(): readonly string[] {
    this.made.missing ??= [
      ...new Set(
        this.firedPlaces().flatMap(({ rule: { body } }) =>
          body.kind === 'require' ? [body.field.name] : [],
        ),
      ),
    ];
    return this.made.missing;
  }

  get rules(): readonly RuleOutcome[] {
    this.made.rules ??= this.opened.compiled.rules.map((place) => this.outcomeOf(place));
    return this.made.rules;
  }

  get groups(): readonly GroupOutcome[] {
    this.made.groups ??= this.opened.compiled.groups.map(
      ({ group: { jurisdiction, layer, control }, verdict, conflict, ownersOfConflict }) => ({
        jurisdiction,
        layer,
        control,
        verdict: verdicts[this.read(verdict)] as Verdict,
        ...(this.mayRead(ownersOfConflict) ? { conflict: this.read(conflict) === 1 } : {}),
      }),
    );
    return this.made.groups;
  }

  get traceHash(): Uint8Array {
    const { corridor, compiled, words } = this.opened;
    this.made.traceHash ??= sha256(
      new CborWriter()
        .array(8)
        .byteString(this.set.hash)
        .text(corridor.kind)
        .text(corridor.origin)
        .text(corridor.destination)
        .text(corridor.currency)
        .byteString(bytesOfWords(words.publicWords(this.facts)))
        .byteString(bytesOfWords(compiled.publicPorts.map((port) => this.ports.get(port) ?? 0n)))
        .integer(this.fuelUsed)
        .finish(),
    );
    return this.made.traceHash;
  }

  private outcomeOf(place: RulePlace): RuleOutcome {
    const { rule, owners, ownersOfFired, ownersWithBeaters, beaters } = place;
    const { rules } = this.opened.compiled;
    const outcome: { -readonly [Name in keyof RuleOutcome]: RuleOutcome[Name] } = { rule: rule.id };
    if (this.mayRead(owners)) {
      outcome.applies = this.read(place.applies) === 1;
      outcome.error = errors[this.read(place.error)] as 'none' | 'HOLD' | 'DENY';
      outcome.met = this.read(place.met) === 1;
    }
    if (this.mayRead(ownersOfFired)) outcome.fired = this.read(place.fired) === 1;
    if (this.mayRead(ownersWithBeaters))
      outcome.defeatedBy =
        this.read(place.applies) === 0
          ? []
          : beaters
              .map((beater) => rules[beater] as RulePlace)
              .filter((beater) => this.read(beater.applies) === 1)
              .map((beater) => beater.rule.id);
    return outcome;
  }

  private firedPlaces(): RulePlace[] {
    return this.opened.compiled.rules.filter(
      ({ fired, ownersOfFired }) => this.mayRead(ownersOfFired) && this.read(fired) === 1,
    );
  }

  private mayRead(owners: number): boolean {
    return (owners & ~this.clearedFor) === 0;
  }

  private read(slot: Slot): number {
    this.made.words ??= numbersOf(this.ports);
    return readSlot(slot, this.made.words);
  }
}

/** HOLD, of which nothing is known but why. */
export function undecided(set: RuleSet, code: DecisionCode, program: Uint8Array | null): MachineDecision {
  return {
    verdict: 'HOLD',
    code,
    fired: [],
    rules: [],
    groups: [],
    missing: [],
    room: null,
    program,
    fuelUsed: 0n,
    traceHash: sha256(new CborWriter().array(2).byteString(set.hash).text(code).finish()),
  };
}
