/** What a run of a corridor's program says, taken apart only as far as somebody asks. */
import { sha256 } from '../kit/bytes.ts';
import { CborWriter } from '../kit/encoding.ts';
import type { CorridorProgram, RulePlace } from './compiler/compile.ts';
import { bytesOfWords } from './compiler/input-words.ts';
import { numbersOf, readSlot, type Slot } from './compiler/packing.ts';
import { noRoom } from './compiler/ruling.ts';
import type { GroupOutcome, RuleDecision, RuleOutcome } from './decision.ts';
import { type Verdict, verdicts } from './language/syntax.ts';
import type { Corridor, RuleSet } from './set/rule-set.ts';

/** Why a decision is HOLD although no rule says so. */
export type DecisionCode =
  /** The machine stopped the program: a defect. */
  | 'rule_trapped'
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

/** What there is to read of one run. */
export interface Ran {
  readonly set: RuleSet;
  readonly corridor: Corridor;
  readonly compiled: CorridorProgram;
  readonly program: Uint8Array;
  readonly fuelUsed: bigint;
  /** By number; none that the reader is not cleared for. */
  readonly ports: ReadonlyMap<number, bigint>;
  /** Of owners that have cleared the reader. */
  readonly clearedFor: number;
  /** Words of the input that are no secret. */
  readonly publicInput: readonly bigint[];
}

const errors = ['none', 'none', 'HOLD', 'DENY'] as const;

/** A decision on which nothing is read before it is asked for: most who ask want the verdict. */
export class RanDecision implements MachineDecision {
  readonly verdict: Verdict;
  readonly room: bigint | null;
  readonly fuelUsed: bigint;
  readonly program: Uint8Array;
  private readonly ran: Ran;
  private readonly made: {
    fired?: readonly string[];
    rules?: readonly RuleOutcome[];
    groups?: readonly GroupOutcome[];
    missing?: readonly string[];
    traceHash?: Uint8Array;
    words?: readonly number[];
  } = {};

  constructor(ran: Ran) {
    const { compiled, ports } = ran;
    this.ran = ran;
    this.verdict = verdicts[Number(ports.get(compiled.verdict) ?? 3n)] ?? 'DENY';
    const room = compiled.room === undefined ? noRoom : (ports.get(compiled.room) ?? noRoom);
    this.room = room === noRoom ? null : room;
    this.fuelUsed = ran.fuelUsed;
    this.program = ran.program;
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
    this.made.rules ??= this.ran.compiled.rules.map((place) => this.outcomeOf(place));
    return this.made.rules;
  }

  get groups(): readonly GroupOutcome[] {
    this.made.groups ??= this.ran.compiled.groups.map(
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
    const { set, corridor, compiled, ports, publicInput, fuelUsed } = this.ran;
    this.made.traceHash ??= sha256(
      new CborWriter()
        .array(8)
        .byteString(set.hash)
        .text(corridor.kind)
        .text(corridor.origin)
        .text(corridor.destination)
        .text(corridor.currency)
        .byteString(bytesOfWords(publicInput))
        .byteString(bytesOfWords(compiled.publicPorts.map((port) => ports.get(port) ?? 0n)))
        .integer(fuelUsed)
        .finish(),
    );
    return this.made.traceHash;
  }

  private outcomeOf(place: RulePlace): RuleOutcome {
    const { rule, owners, ownersOfFired, ownersWithBeaters, beaters } = place;
    const { rules } = this.ran.compiled;
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
    return this.ran.compiled.rules.filter(
      ({ fired, ownersOfFired }) => this.mayRead(ownersOfFired) && this.read(fired) === 1,
    );
  }

  private mayRead(owners: number): boolean {
    return (owners & ~this.ran.clearedFor) === 0;
  }

  private read(slot: Slot): number {
    this.made.words ??= numbersOf(this.ran.ports);
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
