/** Findings as a person reads them, and as JSON. */

import { showCorridor } from '../../rules/analysis/corridors.ts';
import type { Place, Witness } from '../../rules/analysis/finding.ts';
import { type Judged, nameOfFinding } from '../../rules/analysis/suppression.ts';
import type { CheckedModule, Facts } from '../../rules/checker/checked.ts';
import { formatFacts } from '../../rules/facts-json.ts';
import { placeOf } from '../../rules/language/place.ts';
import type { Corridor } from '../../rules/set/rule-set.ts';

type Files = ReadonlyMap<string, string>;

/** The finding with the places of all that it is about, the transaction that shows it, and what the machine decides. */
export function showFinding(
  { finding, suppressedBy, expired, isRefused }: Judged,
  files: Files,
): readonly string[] {
  const { code, message, places, corridor, witnesses } = finding;
  const state =
    suppressedBy === undefined
      ? isRefused
        ? ''
        : ' (told only)'
      : ` (accepted until ${suppressedBy.until}: ${suppressedBy.because})`;
  const [first, ...others] = places.map((place) => showPlace(place, files));
  return [
    `${first === undefined ? '' : `${first}: `}${code}: ${message}${state}`,
    ...others.map((place) => `    and ${place}`),
    ...(expired === undefined ? [] : [`    was accepted until ${expired.until}`]),
    ...(corridor === undefined ? [] : [`    in ${showCorridor(corridor)}`]),
    ...witnesses.map(
      ({ facts, decision }) =>
        `    ${decision.verdict}${showFired(decision.fired)}: ${formatFacts({ id: undefined, facts })}`,
    ),
  ];
}

export function findingAsJson(
  { finding, suppressedBy, isRefused }: Judged,
  files: Files,
): Readonly<Record<string, unknown>> {
  const { code, rules, message, places, corridor, witnesses } = finding;
  return {
    code,
    name: nameOfFinding(finding),
    refused: isRefused,
    accepted_until: suppressedBy?.until ?? null,
    message,
    rules,
    places: places.map(({ module, span }) => ({
      file: fileOf(module, files),
      ...placeOf(module.text, span.start),
    })),
    corridor: corridor ?? null,
    witnesses: witnesses.map(witnessAsJson),
  };
}

function witnessAsJson({ facts, decision }: Witness): Readonly<Record<string, unknown>> {
  return { facts: factsAsJson(facts), verdict: decision.verdict, fired: decision.fired };
}

export function factsAsJson(facts: Facts): unknown {
  return JSON.parse(formatFacts({ id: undefined, facts }));
}

export function corridorAsText(
  corridor: Corridor,
  origins: readonly string[],
  destinations: readonly string[],
): string {
  const others = (all: readonly string[], first: string): string => {
    const more = all.filter((one) => one !== first);
    return more.length === 0
      ? first
      : `${first} (as ${more.slice(0, 3).join(', ')}${more.length > 3 ? ', …' : ''})`;
  };
  const { origin, destination, currency, kind } = corridor;
  return `${others(origins, origin)} to ${others(destinations, destination)} in ${currency}, ${kind}`;
}

export function showFired(fired: readonly string[]): string {
  return fired.length === 0 ? '' : ` ${fired.join(', ')}`;
}

export function showPlace({ module, span }: Place, files: Files): string {
  const { line, column } = placeOf(module.text, span.start);
  return `${fileOf(module, files)}:${line}:${column}`;
}

function fileOf({ name }: CheckedModule, files: Files): string {
  return files.get(name) ?? name;
}
