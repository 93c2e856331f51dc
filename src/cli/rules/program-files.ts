/**
 * `ringmint rules build --target wasm`: programs of a rule set as WebAssembly that any host runs, and an index of how they are asked.
 *
 * ```
 * OUT/index.json                     which corridors, and of each how facts go in and decisions come out
 * OUT/transfer-US-FR-USD.wasm        the translation, checked
 * OUT/transfer-US-FR-USD.module      the program of the label machine that it is of: with it anybody checks the translation again
 * OUT/index.json.sig                 of `ringmint rules sign`
 * ```
 */
import { dirname, join } from 'node:path';
import { moduleHash } from '../../../vm/module.ts';
import { checkTranslation } from '../../../vm/translator/checker.ts';
import { decodeUtf8, sha256, toHex } from '../../kit/bytes.ts';
import { assert, quote, type Result, refuse, succeed } from '../../kit/result.ts';
import { compileCorridor } from '../../rules/compiler/compile.ts';
import { transactionKinds } from '../../rules/language/syntax.ts';
import { type CorridorIndex, corridorIndex, programIndex } from '../../rules/set/program-index.ts';
import type { Corridor } from '../../rules/set/rule-set.ts';
import { translateChecked } from '../../rules/translation.ts';
import { type ExitCode, exitCode } from '../exit-code.ts';
import { makeFolder, readInput, writeOutput } from '../file.ts';
import type { Terminal } from '../terminal.ts';
import { openMachine } from '../vm/program-file.ts';
import { readRuntime } from '../vm/translation-file.ts';
import { readBuildable } from './bundle-file.ts';

export const indexName = 'index.json';
const translationEnding = '.wasm';
const programEnding = '.module';
const mostBytes = 64 * 1024 * 1024;

export interface ProgramArguments {
  /** With a rule set. */
  readonly folder: string;
  /** `KIND:ORIGIN:DESTINATION:CURRENCY` each. */
  readonly corridors: readonly string[];
  /** A folder; `NAME-VERSION.wasm` where nothing is said. */
  readonly out: string | undefined;
}

/** Writes the programs of some corridors, the same bytes for the same files; what `ringmint rules build` refuses is refused. */
export async function runBuildPrograms(terminal: Terminal, given: ProgramArguments): Promise<ExitCode> {
  const corridors = readCorridors(given.corridors);
  if (!corridors.ok) return terminal.refuse(corridors);
  const read = await readBuildable(terminal, given.folder);
  if (typeof read === 'number') return read;
  const { set } = read.source;
  const runtime = await readRuntime();
  const machine = await openMachine();
  const out = given.out ?? `${set.name}-${set.version}${translationEnding}`;
  const index: CorridorIndex[] = [];
  const files = new Map<string, Uint8Array>();
  const secretOf = new Set<string>();
  for (const corridor of corridors.value) {
    const name = nameOf(corridor);
    terminal.status(`  ${name}`);
    const compiled = compileCorridor(set, corridor);
    if (!compiled.ok) {
      for (const { code, message } of compiled.faults) terminal.say(`${code}: ${message}`);
      return terminal.refuse(
        refuse(
          'rules_refused',
          `${name}: the machine does not take the rules: ${compiled.faults[0]?.message}`,
        ),
      );
    }
    const { program } = compiled.compiled;
    const loaded = machine.load(program.bytes);
    assert(loaded.ok, `the machine takes what was compiled${loaded.ok ? '' : `: ${loaded.message}`}`);
    const translated = translateChecked(program.bytes, runtime);
    if (!translated.ok)
      // An unproven one is a defect of the translator.
      return terminal.refuse(
        refuse(translated.code, `${name}: ${translated.message}`),
        {},
        translated.code === 'translation_unproven' ? exitCode.internal : exitCode.refused,
      );
    const wasm = translated.value;
    files.set(`${name}${translationEnding}`, wasm);
    files.set(`${name}${programEnding}`, program.bytes);
    const place = {
      file: `${name}${translationEnding}`,
      sha256: toHex(sha256(wasm)),
      program: toHex(moduleHash(program.bytes)),
    };
    index.push(corridorIndex(corridor, compiled.compiled, place));
    for (const { label } of [...program.module.tables, ...program.module.constants])
      for (const [number, owner] of program.owners.entries())
        if (label & (1 << (8 + number))) secretOf.add(owner);
  }
  const text = `${JSON.stringify(programIndex(set, index), null, 2)}\n`;
  // What names the others is written when they are there.
  files.set(indexName, new TextEncoder().encode(text));
  const made = await makeFolder(out);
  if (!made.ok) return terminal.refuse(made);
  for (const [name, bytes] of files) {
    const written = await writeOutput(join(out, name), bytes);
    if (!written.ok) return terminal.refuse(written);
  }
  const owners = [...secretOf].sort();
  const programs = index.map(({ file, program, sha256: hash }) => ({
    file,
    bytes: files.get(file)?.length ?? 0,
    sha256: hash,
    program,
  }));
  const indexFile = join(out, indexName);
  return terminal.result(
    {
      folder: out,
      index: indexFile,
      rule_set: { name: set.name, version: set.version, hash: toHex(set.hash) },
      programs,
      secrets_of: owners,
    },
    [
      `${indexFile}: rule set ${set.name} ${set.version}, ${index.length} ${index.length === 1 ? 'corridor' : 'corridors'}`,
      ...programs.map(({ file, bytes }) => `  ${file}  ${bytes} bytes, checked against its program`),
      ...(owners.length === 0
        ? []
        : [`  secrets of ${owners.join(', ')} are in it: whoever has the files has them`]),
      `  next: \`ringmint rules sign ${indexFile}\`, by its publisher`,
    ],
  );
}

function readCorridors(texts: readonly string[]): Result<readonly Corridor[]> {
  const corridors = new Map<string, Corridor>();
  for (const text of texts) {
    const corridor = readCorridor(text);
    if (corridor === undefined)
      return refuse(
        'usage',
        `--corridor ${quote(text)}: KIND:ORIGIN:DESTINATION:CURRENCY, such as \`transfer:US:FR:USD\`, is accepted`,
      );
    corridors.set(nameOf(corridor), corridor);
  }
  return corridors.size > 0
    ? succeed([...corridors.values()])
    : refuse(
        'usage',
        'between whom? a program is of one corridor: `--corridor transfer:US:FR:USD` is accepted, and may be given again',
      );
}

function readCorridor(text: string): Corridor | undefined {
  const [kindText, origin = '', destination = '', currency = '', ...rest] = text.split(':');
  const kind = transactionKinds.find((one) => one === kindText);
  const isCountry = (code: string): boolean => /^[A-Z]{2}$/.test(code);
  if (kind === undefined || !isCountry(origin) || !isCountry(destination)) return undefined;
  if (!/^[A-Z]{3}$/.test(currency) || rest.length > 0) return undefined;
  return { kind, origin, destination, currency };
}

function nameOf({ kind, origin, destination, currency }: Corridor): string {
  return `${kind}-${origin}-${destination}-${currency}`;
}

/** The bytes of an index whose programs are beside it, as it says, and checked again: nobody signs for what a file could have become since. */
export async function readPrograms(path: string, bytes: Uint8Array): Promise<Result<Uint8Array>> {
  const malformed = (what: string): Result<never> =>
    refuse(
      'rule_programs_malformed',
      `${quote(path)}: ${what}: what \`ringmint rules build --target wasm\` wrote is accepted`,
    );
  const text = decodeUtf8(bytes);
  const files = text === undefined ? undefined : readFiles(text);
  if (files === undefined) return malformed('no index of programs of version 1');
  const runtime = await readRuntime();
  const machine = await openMachine();
  for (const { file, sha256: hash, program } of files) {
    const at = join(dirname(path), file);
    const wasm = await readInput(at, mostBytes);
    if (!wasm.ok) return wasm;
    const source = await readInput(at.replace(/\.wasm$/, programEnding), mostBytes);
    if (!source.ok) return source;
    if (toHex(sha256(wasm.value)) !== hash || toHex(moduleHash(source.value)) !== program)
      return malformed(`${quote(file)} or its program is another than the index says`);
    const loaded = machine.load(source.value);
    if (!loaded.ok) return refuse(loaded.code, `the program of ${quote(file)}: ${loaded.message}`);
    const checked = checkTranslation({ source: source.value, translated: wasm.value, runtime });
    if (!checked.ok) return refuse(checked.code, `${quote(file)}: ${checked.message}`);
  }
  return succeed(bytes);
}

type Files = readonly Pick<CorridorIndex, 'file' | 'sha256' | 'program'>[];

function readFiles(text: string): Files | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Nothing but the text decides whether it is JSON.
    return undefined;
  }
  if (typeof value !== 'object' || value === null || !('version' in value) || !('corridors' in value))
    return undefined;
  const { version, corridors } = value;
  if (version !== 1 || !Array.isArray(corridors) || corridors.length === 0) return undefined;
  const files: Files[number][] = [];
  for (const one of corridors as readonly unknown[]) {
    if (typeof one !== 'object' || one === null) return undefined;
    const { file, sha256: hash, program } = one as Readonly<Record<string, unknown>>;
    if (typeof file !== 'string' || typeof hash !== 'string' || typeof program !== 'string') return undefined;
    if (!/^[A-Za-z-]+\.wasm$/.test(file)) return undefined;
    files.push({ file, sha256: hash, program });
  }
  return files;
}
