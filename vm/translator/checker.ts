/**
 * The claim checker (docs/TRANSLATOR.md): proves what a translated module claims of itself, and compares all of it, byte by byte, with what the
 * source, the runtime and those claims allow. It is what has to be trusted of a translation. It shares nothing with the
 * translator but the instruction table, the reader of modules and the types of the claims.
 */

import { moduleHash, stripNames } from '../module.ts';
import { readModule } from '../module-reader.ts';
import { readClaims } from './check-claims.ts';
import { type Bytes, CodeMatch } from './check-code.ts';
import type { Findings } from './check-function.ts';
import { checkAround } from './check-module.ts';
import { CheckedProgram, type Entry, readFunctions } from './check-program.ts';
import { exactly, isSame, meet } from './check-state.ts';
import { checkVersion } from './check-version.ts';
import { type CheckCode, Cursor, Refusal, readRuntime, readSections, type Section } from './check-wasm.ts';
import { type Claims, claimsSection } from './claims.ts';

export interface CheckInput {
  /** A module file that the machine's loader has accepted: what that checks is not looked at again. */
  readonly source: Uint8Array;
  /** Any bytes. */
  readonly translated: Uint8Array;
  /** `vm/translator-runtime.wasm`, as it was built. */
  readonly runtime: Uint8Array;
}

export type CheckResult =
  | { readonly ok: true; readonly claims: Claims }
  | {
      readonly ok: false;
      readonly code: CheckCode;
      readonly message: string;
      readonly function?: number;
      /** Of the source, counted over all functions. */
      readonly instruction?: number;
      /** Byte of the translation. */
      readonly offset?: number;
    };

/**
 * Whether `translated` means what `source` does. Total for any bytes of `translated`; `translation_malformed`: it is no WebAssembly that could be a
 * translation; `translation_foreign`: it is of another source or with another runtime; `claim_invalid`: the claims have not the
 * form that they are to have; `claim_unproven`: a claim is wrong, or wider than it has to be; `translation_differs`: code or data are
 * not those of the source.
 */
export function checkTranslation(input: CheckInput): CheckResult {
  try {
    return { ok: true, claims: check(input) };
  } catch (refusal) {
    if (!(refusal instanceof Refusal)) throw refusal;
    const { code, message, place } = refusal;
    return { ok: false, code, message, ...place };
  }
}

function check({ source, translated, runtime: runtimeBytes }: CheckInput): Claims {
  const read = readModule(source);
  if (!read.ok) throw new Refusal('translation_foreign', read.message);
  const { module } = read;
  const runtime = readRuntime(runtimeBytes);
  const sections = readSections(translated);
  const functions = readFunctions(module);
  const hash = Array.from(moduleHash(stripNames(source)), hexOf).join('');
  const claims = readClaims(claimsBytes(translated, sections), hash, module.segments.length, functions);
  const program = new CheckedProgram(module, functions, runtime, claims);
  const rest = checkAround(program, translated, sections);
  checkFunctions(program, rest);
  return claims;
}

const hexOf = (byte: number): string => byte.toString(16).padStart(2, '0');

/** The content of the last section, which has to be the claims. */
function claimsBytes(translated: Uint8Array, sections: readonly Section[]): Uint8Array {
  const last = sections.at(-1);
  if (last?.id !== 0) throw new Refusal('translation_malformed', 'its last section is not its claims');
  const cursor = new Cursor(translated, last.from, last.to);
  const name = cursor.take(cursor.unsigned());
  const expected = new TextEncoder().encode(claimsSection);
  if (name.length !== expected.length || name.some((byte, index) => byte !== expected[index]))
    throw new Refusal('translation_malformed', `its last section is not \`${claimsSection}\``, {
      offset: last.from,
    });
  return cursor.rest();
}

/** Every function in both versions, and then the claims that are about more than one. */
function checkFunctions(program: CheckedProgram, code: Cursor): void {
  const { module, claims } = program;
  const called = new Map<number, Entry>();
  const main = program.functions.length - 1;
  called.set(main, {
    pc: exactly(module.functions[main]?.authority ?? 0),
    uncleared: exactly(0),
    parameters: [],
  });
  const mixed = new Set<number>();
  const findings: Findings = {
    called(callee, entry) {
      const before = called.get(callee);
      called.set(callee, before === undefined ? entry : meetEntries(before, entry));
    },
    notUniform: (segment) => mixed.add(segment),
  };
  for (const index of program.functions.keys()) {
    for (const claim of [undefined, claims.functions[index] ?? null]) {
      const length = code.unsigned();
      const at = code.at;
      const bytes = { bytes: code.bytes, at, to: at + code.take(length).length };
      if (claim === null) checkAbsent(index, bytes);
      else checkVersion(program, index, claim, bytes, findings);
    }
  }
  if (code.at !== code.to) throw code.malformed('there is more code than functions');
  for (const index of program.functions.keys()) {
    const claim = claims.functions[index] ?? undefined;
    const entry = called.get(index);
    if (claim === undefined ? entry !== undefined : entry === undefined || !isSameEntry(claim, entry))
      throw new Refusal(
        'claim_unproven',
        `function ${index} is not claimed to be called with ${entry === undefined ? 'nothing' : JSON.stringify(entry)}`,
        { function: index },
      );
  }
  for (const [segment, isUniform] of claims.uniform.entries())
    if (isUniform === mixed.has(segment))
      throw new Refusal('claim_unproven', `segment ${segment} is ${isUniform ? 'not ' : ''}uniform`);
}

/** In place of a proven version that nothing calls. */
function checkAbsent(index: number, code: Bytes): void {
  new CodeMatch(code, (offset) => {
    throw new Refusal('translation_differs', `function ${index}, proven: nothing calls it`, {
      function: index,
      offset,
    });
  })
    .raw([0])
    .op('unreachable', 'end')
    .end();
}

function meetEntries(one: Entry, other: Entry): Entry {
  return {
    pc: meet(one.pc, other.pc),
    uncleared: meet(one.uncleared, other.uncleared),
    parameters: one.parameters.map((label, index) => meet(label, other.parameters[index] ?? label)),
  };
}

function isSameEntry(one: Entry, other: Entry): boolean {
  return (
    isSame(one.pc, other.pc) &&
    isSame(one.uncleared, other.uncleared) &&
    one.parameters.every((label, index) => isSame(label, other.parameters[index] ?? [0, 0]))
  );
}
