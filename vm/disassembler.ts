/** Modules to text: what comes out assembles to the same bytes, which is tried before it is given. */
import { assemble } from './assembler.ts';
import type { WordType } from './isa.ts';
import { showLabel } from './label-text.ts';
import { type ListedFunction, type Listing, showWord, tryListing } from './listing.ts';
import { type Module, readNames, stripNames } from './module.ts';
import { readModule } from './module-reader.ts';

export type Disassembled =
  | { readonly ok: true; readonly text: string }
  | {
      readonly ok: false;
      /** `not_expressible`: bytes that no text gives, and that the loader refuses. */
      readonly code: 'module_malformed' | 'not_expressible';
      readonly message: string;
    };

/** Disassembles a module file, with its names where it has them. */
export function disassemble(file: Uint8Array): Disassembled {
  const read = readModule(file);
  if (!read.ok) return read;
  const listing = tryListing(read.module, readNames(file));
  if (listing === undefined) return inexpressible('it has an opcode that is not defined');
  const text = write(read.module, listing);
  const again = assemble(text);
  if (!again.ok) return inexpressible(again.faults[0]?.message ?? again.message);
  const module = stripNames(file);
  if (again.bytes.length !== module.length || again.bytes.some((byte, index) => byte !== module[index]))
    return inexpressible('it has bytes that should be zero, or does not carry its own hash');
  return { ok: true, text };
}

function inexpressible(why: string): Disassembled {
  return {
    ok: false,
    code: 'not_expressible',
    message: `no text gives this module, and the loader refuses it: ${why}`,
  };
}

function write(module: Module, listing: Listing): string {
  const { names } = listing;
  const lines: string[] = [];
  const section = (declared: readonly string[]): void => {
    if (declared.length > 0) lines.push(...declared, '');
  };
  section(module.levels.map((label, index) => `level ${names.levels[index]} ${showLabel(label)}`));
  section(
    module.constants.map(
      ({ type, value, label }, index) =>
        `constant ${names.constants[index]} ${showWord(type, value)} ${showLabel(label)}`,
    ),
  );
  section(
    module.segments.map(
      ({ type, length, label, ceiling }, index) =>
        `segment ${names.segments[index]} ${length} ${type} ${showLabel(label)} ceiling ${showLabel(ceiling)}`,
    ),
  );
  section(
    module.tables.map(
      ({ type, label, sorted, entries }, index) =>
        `table ${names.tables[index]} ${sorted ? 'sorted ' : ''}${showLabel(label)} : ${entries.map((entry) => showWord(type, entry)).join(' ')}`,
    ),
  );
  section(
    module.ports.map(({ type, label }, index) => `port ${names.ports[index]} ${type} ${showLabel(label)}`),
  );
  section(
    module.grants.map(
      ({ kind, from, to, least, most, uses }, index) =>
        `grant ${names.grants[index]} ${kind} ${showLabel(from)} to ${showLabel(to)} range ${least} ${most} uses ${uses}`,
    ),
  );
  let level: number | undefined;
  for (const [index, listed] of listing.functions.entries()) {
    lines.push(heading(listed, index === listing.functions.length - 1));
    let depth = 1;
    for (const { at, word, instruction, text } of listing.instructions.slice(
      listed.first,
      listed.first + listed.body.code.length,
    )) {
      if (word.level !== level) lines.push(`at ${names.levels[word.level] ?? `level#${word.level}`}`);
      level = word.level;
      if (instruction.mnemonic === 'end' || instruction.mnemonic === 'else') depth--;
      const code = `${'  '.repeat(Math.max(1, depth))}${text}`;
      lines.push(`${code.padEnd(40)} ; ${at}`);
      if (['if', 'else', 'loop'].includes(instruction.mnemonic)) depth++;
    }
    lines.push('');
  }
  return `${lines.join('\n').trimEnd()}\n`;
}

function heading({ name, body }: ListedFunction, isMain: boolean): string {
  const authority = body.authority === 0 ? '' : ` ${showLabel(body.authority).slice('C0 '.length)}`;
  if (isMain) return `main${authority}`;
  const types = (list: readonly WordType[]): string => `(${list.join(' ')})`;
  return `function ${name} ${types(body.parameters)} -> ${types(body.results)}${authority}`;
}
