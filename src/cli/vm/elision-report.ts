/** Which checks a translation leaves out, and why each of them could never have failed. */

import { readLabel } from '../../../vm/label.ts';
import { showLabel } from '../../../vm/label-text.ts';
import { instructionAt, type Listing, showPlace } from '../../../vm/listing.ts';
import type { CodeWord } from '../../../vm/module.ts';
import type { Claims, ElidedCheck, Elision, Interval } from '../../../vm/translator/claims.ts';

/** Of each kind of check how many are left out; kinds without any are left out too. */
export function countElided(claims: Claims): ReadonlyMap<ElidedCheck, number> {
  const counts = new Map<ElidedCheck, number>();
  for (const claim of claims.functions)
    for (const [, check] of claim?.elided ?? []) counts.set(check, (counts.get(check) ?? 0) + 1);
  return counts;
}

interface ExplainedCheck {
  readonly check: ElidedCheck;
  /** How often at this instruction, with this label: by register or word. */
  readonly count: number;
  /** The most that the label can be. */
  readonly label: number;
}

interface ExplainedInstruction {
  readonly at: number;
  readonly checks: readonly ExplainedCheck[];
}

/** By function and instruction; lines for a person, and the same for a program. */
export function explainElided(
  listing: Listing,
  claims: Claims,
): { readonly json: readonly Record<string, unknown>[]; readonly lines: readonly string[] } {
  const json: Record<string, unknown>[] = [];
  const lines: string[] = [];
  for (const [index, claim] of claims.functions.entries()) {
    const name = listing.functions[index]?.name ?? '';
    if (claim === null) {
      lines.push(`${name}: no proven version calls it, and every check is made`);
      continue;
    }
    lines.push(`${name}: labels at most ${showLabel(claim.pc[1])} of pc${parametersOf(claim.parameters)}`);
    for (const { at, checks } of byInstruction(claim.elided)) {
      const { text, line, word } = instructionAt(listing, at);
      lines.push(`  ${showPlace(listing, at)} (#${at}): \`${text}\``);
      for (const { check, count, label } of checks) {
        const times = count === 1 ? '' : ` (${count} times)`;
        const reason = reasonOf(listing, word, check, label);
        lines.push(`    ${check}: ${reason}${times}`);
        json.push({
          function: name,
          instruction: at,
          place: showPlace(listing, at),
          line,
          text,
          check,
          count,
          label: showLabel(label),
          reason,
        });
      }
    }
  }
  return { json, lines };
}

function parametersOf(parameters: readonly Interval[]): string {
  if (parameters.length === 0) return '';
  return `, ${parameters.map(([, high], register) => `${showLabel(high)} of r${register}`).join(', ')}`;
}

/** Those of an instruction together, in the order in which they come; the same check with the same label once. */
function byInstruction(elided: readonly Elision[]): ExplainedInstruction[] {
  const found: { readonly at: number; readonly checks: ExplainedCheck[] }[] = [];
  for (const [at, check, label] of elided) {
    let last = found.at(-1);
    if (last?.at !== at) {
      last = { at, checks: [] };
      found.push(last);
    }
    const same = last.checks.findIndex((one) => one.check === check && one.label === label);
    const count = last.checks[same]?.count ?? 0;
    if (same === -1) last.checks.push({ check, count: 1, label });
    else last.checks[same] = { check, count: count + 1, label };
  }
  return found;
}

/** Why it passes for every label that is possible there. */
function reasonOf({ module, names }: Listing, word: CodeWord, check: ElidedCheck, label: number): string {
  const most = `at most ${showLabel(label)}`;
  const { index } = word;
  switch (check) {
    case 'allowed': {
      const level = names.levels[word.level] ?? '';
      return readLabel(label).categories.length === 0
        ? `${most}, no more secret than trusted, and of no category`
        : `${most}, no more secret than trusted, and ${level} is cleared for its categories`;
    }
    case 'handled':
      return `${most}, no more secret than trusted`;
    case 'raise':
      return `a register that is written under it: ${most}, no more secret than trusted`;
    case 'upgrade':
      return `${most}, and no word of ${names.segments[index]} is less`;
    case 'ceiling':
      return `${most}, which may be written to ${names.segments[index]}, up to ${showLabel(module.segments[index]?.ceiling ?? 0)}`;
    case 'port':
      return `${most}, which may leave by ${names.ports[index]}, up to ${showLabel(module.ports[index]?.label ?? 0)}`;
  }
}
