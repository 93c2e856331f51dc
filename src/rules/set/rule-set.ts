/**
 * A rule set: modules of stated versions, the values of their parameters, who has joined what. One is active at a time, and a decision
 * names it by version and hash.
 */
import type { CheckedModule, Rule, Value } from '../checker/checked.ts';
import type { ControlKind, Layer, TransactionKind } from '../language/syntax.ts';

export interface RuleSet {
  readonly name: string;
  /** Only ever greater: going back is a greater version with the hash of the old one. */
  readonly version: bigint;
  /** SHA-256 of all that the set means and not of its version (src/rules/set/). */
  readonly hash: Uint8Array;
  readonly modules: readonly CheckedModule[];
  /** Members of each union and convention. */
  readonly unions: ReadonlyMap<string, readonly string[]>;
  /** Jurisdiction of a currency's issuer where it is not the first two letters of the code. */
  readonly issuers: ReadonlyMap<string, string>;
  /** Of parameters that the set moves, by `MODULE/PARAM`. */
  readonly parameters: ReadonlyMap<string, Value>;
  /** Items of each list, by `MODULE/LIST`: symbols, or keys of 32 bytes. Ascending, none twice. */
  readonly lists: ReadonlyMap<string, readonly string[] | readonly Uint8Array[]>;
}

/** Between whom: what decides which rules apply. One program of the label machine serves all decisions of a corridor. */
export interface Corridor {
  readonly kind: TransactionKind;
  /** ISO 3166-1 alpha-2 */
  readonly origin: string;
  /** ISO 3166-1 alpha-2 */
  readonly destination: string;
  /** ISO 4217 */
  readonly currency: string;
}

/** Rules that meet: of one jurisdiction, layer and control, with their exceptions from wherever. */
export interface Group {
  /** Of a module's jurisdictions, with ` + ` between them. */
  readonly jurisdiction: string;
  readonly layer: Layer;
  readonly control: string;
  readonly of: ControlKind;
  readonly members: readonly Member[];
}

export interface Member {
  readonly rule: Rule;
  readonly module: CheckedModule;
  /** Places in `members` of all that this one beats, directly or not. */
  readonly beats: readonly number[];
}
