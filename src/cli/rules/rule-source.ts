/** Rule sets as commands are given them: a folder, or a bundle. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { quote, type Refusal, type Result, refuse, succeed } from '../../kit/result.ts';
import type { VerificationKey } from '../../records/signature.ts';
import { type BundleCode, type BundleTrust, openBundle } from '../../rules/set/bundle.ts';
import { type RuleSetSource, readRuleSet } from '../../rules/set/read-rule-set.ts';
import { type SetFault, showSetFault } from '../../rules/set/set-fault.ts';
import type { SignatureCode } from '../../rules/set/signatures.ts';
import { makeNodeVerifySignature } from '../../verifier/signature-node.ts';
import { type ExitCode, exitCode, exitCodeOf } from '../exit-code.ts';
import { readInput, readInputs } from '../file.ts';
import type { Terminal } from '../terminal.ts';

const folderEndings = ['.ruleset', '.rules', '.list', '.sig'];
const mostBytes = 64 * 1024 * 1024;

export interface RuleSourceArguments {
  /** A folder with one `*.ruleset`, or a bundle. */
  readonly path: string;
  /** Files of lists that a bundle lacks. */
  readonly lists?: readonly string[];
  /** Where given: a bundle that one of them signed, and that has all its jurisdictions' signatures, is taken, and nothing else. */
  readonly publishers?: readonly VerificationKey[];
}

/** What is wrong with a set's files, besides a refusal of any other kind. */
export interface FaultySet extends Refusal {
  readonly faults?: readonly SetFault[];
}

/** A set, and of a bundle whose signature was asked for, whose it is. */
export interface GivenSet extends RuleSetSource {
  readonly publisher?: VerificationKey | undefined;
}

/** The set of a folder or a bundle, checked. */
export async function readRuleSource(
  given: RuleSourceArguments,
): Promise<{ readonly ok: true; readonly value: GivenSet } | FaultySet> {
  const { path, lists = [], publishers } = given;
  const entry = await stat(path).catch(() => undefined);
  if (entry?.isDirectory() === true) {
    if (publishers !== undefined)
      return refuse(
        'rule_publisher_missing',
        `${quote(path)} is a folder, and nobody signs folders: a bundle of \`ringmint rules build\` is accepted`,
      );
    return readFolder(path);
  }
  const bytes = await readInput(path, mostBytes);
  if (!bytes.ok) return bytes;
  const listBytes = await readInputs(lists, mostBytes);
  if (!listBytes.ok) return listBytes;
  const trust: BundleTrust | undefined =
    publishers === undefined ? undefined : { publishers, verifySignature: makeNodeVerifySignature() };
  return openBundle(bytes.value, { trust, lists: listBytes.value });
}

/** The set whose text, modules, lists and signatures are in a folder; `text` is that of the set where no file has it. */
export async function readFolder(
  path: string,
  text?: string,
): Promise<{ readonly ok: true; readonly value: RuleSetSource } | FaultySet> {
  const files = await readFiles(path);
  if (!files.ok) return files;
  const given = text === undefined ? [] : [['the modules.ruleset', new TextEncoder().encode(text)] as const];
  const { source, faults } = readRuleSet(new Map([...files.value, ...given]));
  if (source !== undefined) return succeed(source);
  const count = `${faults.length} ${faults.length === 1 ? 'fault' : 'faults'}`;
  return {
    ...refuse('rules_malformed', `${quote(path)}: ${count}; a rule set without any is accepted`),
    faults,
  };
}

async function readFiles(path: string): Promise<Result<ReadonlyMap<string, Uint8Array>>> {
  const found = new Map<string, Uint8Array>();
  let names: string[];
  try {
    names = await readdir(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    return refuse(
      'file_unreadable',
      `cannot read ${quote(path)} (${code}): a folder with a rule set is accepted`,
    );
  }
  for (const name of names.filter((one) => folderEndings.some((ending) => one.endsWith(ending))).toSorted()) {
    const file = join(path, name);
    const { size = 0 } = (await stat(file).catch(() => undefined)) ?? {};
    // An empty file is for the reader of the set to refuse, with its name.
    const bytes = size === 0 ? succeed(new Uint8Array()) : await readInput(file, mostBytes);
    if (!bytes.ok) return bytes;
    found.set(name, bytes.value);
  }
  return succeed(found);
}

const signatureCodes: ReadonlySet<string> = new Set<SignatureCode | BundleCode>([
  'rule_signature_malformed',
  'rule_signature_type',
  'rule_signature_invalid',
  'rule_signature_missing',
  'rule_key_unknown',
  'rule_key_missing',
  'rule_publisher_missing',
  'rule_bundle_hash',
]);

/** Tells why there is no set: each fault with its file, line and column; with `--json` as a list `faults`. */
export function refuseRuleSource(terminal: Terminal, refusal: FaultySet): ExitCode {
  const { faults, code } = refusal;
  if (faults === undefined)
    return terminal.refuse(refusal, {}, signatureCodes.has(code) ? exitCode.notAuthentic : exitCodeOf(code));
  for (const fault of faults) terminal.say(showSetFault(fault));
  return terminal.refuse(refusal, {
    faults: faults.map(({ code, message, place, other }) => ({
      code,
      message,
      file: place.source,
      line: place.line,
      column: place.column,
      other: other === undefined ? null : { file: other.source, line: other.line, column: other.column },
    })),
  });
}
