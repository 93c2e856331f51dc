/** The runtime that all translated modules have in common (vm/assembly/translated.ts, compiled), taken apart, and a translated module put together with it: docs/TRANSLATOR.md, "The runtime". */
import { abiFunctions } from './abi.ts';
import { claimsSection } from './claims.ts';
import {
  customSection,
  functionBody,
  functionType,
  joined,
  section,
  signed,
  sized,
  unsigned,
  type ValueType,
  vector,
} from './wasm.ts';

export interface TranslatedFunction {
  readonly parameters: readonly ValueType[];
  readonly results: readonly ValueType[];
  /** Besides the parameters. */
  readonly locals: readonly ValueType[];
  /** With its `end`. */
  readonly body: Uint8Array;
}

export interface DataSegment {
  readonly at: number;
  /** A segment without any is left out. */
  readonly bytes: Uint8Array;
}

export interface ModuleParts {
  /** They follow the functions of the runtime, in this order. */
  readonly functions: readonly TranslatedFunction[];
  /** What function 0 does, with its `end`: it has no parameter and no local, and gives an i32. */
  readonly stub: Uint8Array;
  readonly data: readonly DataSegment[];
  /** What the custom section holds. */
  readonly claims: Uint8Array;
}

/** Each method that takes a name throws where the runtime exports nothing of that name and kind. */
export interface Runtime {
  /** The stub counts: it has the index 0. */
  readonly functionCount: number;
  functionIndex(name: string): number;
  globalIndex(name: string): number;
  /** What a constant global holds. */
  address(name: string): number;
  /** A translated module. */
  assemble(parts: ModuleParts): Uint8Array<ArrayBuffer>;
}

/** What a translated module exports, as `machine.wasm` does. */
const hostExports: ReadonlySet<string> = new Set(['memory', ...abiFunctions]);

const sectionIds = {
  custom: 0,
  type: 1,
  import: 2,
  function: 3,
  memory: 5,
  global: 6,
  export: 7,
  start: 8,
  code: 10,
  data: 11,
  dataCount: 12,
} as const;

type SectionName = keyof typeof sectionIds;

/** "\0asm", and version 1. */
const preamble = new Uint8Array([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]);
const pageBytes = 65_536;
const functionKind = 0;
const globalKind = 3;
const typeOfI32 = 0x7f;
const i32Const = 0x41;
const i64Const = 0x42;
const end = 0x0b;

interface Export {
  readonly name: string;
  readonly kind: number;
  readonly index: number;
  readonly bytes: Uint8Array;
}

/** Throws where it is not what `asc` makes of vm/assembly/translated.ts. */
export function readRuntime(wasm: Uint8Array): Runtime {
  const sections = readSections(wasm);
  const types = counted(sections, 'type');
  const functions = counted(sections, 'function');
  const code = counted(sections, 'code');
  const stubType = readImport(new Reader(contentOf(sections, 'import')));
  const pages = readMemory(new Reader(contentOf(sections, 'memory')));
  const globals = readGlobals(new Reader(contentOf(sections, 'global')));
  const exported = readExports(new Reader(contentOf(sections, 'export')));

  const indexes = [functionKind, globalKind].map(
    (kind) =>
      new Map(exported.filter((entry) => entry.kind === kind).map(({ name, index }) => [name, index])),
  );
  function indexOf(name: string, kind: number): number {
    const found = indexes[kind === functionKind ? 0 : 1]?.get(name);
    if (found === undefined)
      throw new Error(`invariant broken: the runtime does not export \`${name}\` as kind ${kind}`);
    return found;
  }

  return {
    functionCount: functions.count + 1,
    functionIndex: (name) => indexOf(name, functionKind),
    globalIndex: (name) => indexOf(name, globalKind),
    address(name) {
      const value = globals[indexOf(name, globalKind)];
      if (value === undefined) throw new Error(`invariant broken: \`${name}\` of the runtime is no address`);
      return value;
    },
    assemble(parts) {
      const added = parts.functions;
      const data = parts.data.filter(({ bytes }) => bytes.length > 0);
      const least = Math.max(
        pages,
        ...data.map(({ at, bytes }) => Math.ceil((at + bytes.length) / pageBytes)),
      );
      const contents: Partial<Record<SectionName, Uint8Array>> = {
        type: joined(
          unsigned(types.count + added.length),
          types.entries,
          ...added.map(({ parameters, results }) => functionType(parameters, results)),
        ),
        function: joined(
          unsigned(functions.count + 1 + added.length),
          unsigned(stubType),
          functions.entries,
          ...added.map((_, index) => unsigned(types.count + index)),
        ),
        memory: joined(new Uint8Array([1, 1]), unsigned(least), unsigned(least)),
        global: contentOf(sections, 'global'),
        export: vector(exported.filter(({ name }) => hostExports.has(name)).map(({ bytes }) => bytes)),
        start: unsigned(indexOf('initialise', functionKind)),
        code: joined(
          unsigned(code.count + 1 + added.length),
          functionBody([], parts.stub),
          code.entries,
          ...added.map(({ locals, body }) => functionBody(locals, body)),
        ),
        ...(data.length === 0 ? {} : { data: vector(data.map(dataSegment)) }),
      };
      return joined(
        preamble,
        ...Object.entries(contents).map(([name, content]) =>
          section(sectionIds[name as SectionName], content),
        ),
        customSection(claimsSection, parts.claims),
      );
    },
  };
}

/** Of memory 0, put there when the module is instantiated. */
function dataSegment({ at, bytes }: DataSegment): Uint8Array {
  return joined(new Uint8Array([0, i32Const]), signed(at), new Uint8Array([end]), sized(bytes));
}

type Sections = ReadonlyMap<number, Uint8Array>;

function readSections(wasm: Uint8Array): Sections {
  const reader = new Reader(wasm);
  if (!preamble.every((byte) => byte === reader.byte())) throw new Error('the runtime is no WebAssembly');
  const known = new Set<number>(Object.values(sectionIds));
  known.delete(sectionIds.start);
  const sections = new Map<number, Uint8Array>();
  while (!reader.isAtEnd()) {
    const id = reader.byte();
    const content = reader.take(reader.unsigned());
    if (id === sectionIds.custom) continue;
    if (!known.has(id)) throw new Error(`invariant broken: the runtime has a section ${id}`);
    sections.set(id, content);
  }
  return sections;
}

function contentOf(sections: Sections, name: SectionName): Uint8Array {
  const content = sections.get(sectionIds[name]);
  if (content === undefined) throw new Error(`invariant broken: the runtime has no section ${name}`);
  return content;
}

interface Counted {
  readonly count: number;
  readonly entries: Uint8Array;
}

/** A section that is a number of entries, and those. */
function counted(sections: Sections, name: SectionName): Counted {
  const reader = new Reader(contentOf(sections, name));
  return { count: reader.unsigned(), entries: reader.rest() };
}

/** The type of the one function that is imported. */
function readImport(reader: Reader): number {
  if (reader.unsigned() !== 1 || reader.name() !== 'env' || reader.name() !== 'main')
    throw new Error('invariant broken: the runtime imports something else than env.main');
  if (reader.byte() !== functionKind) throw new Error('invariant broken: env.main is no function');
  return reader.unsigned();
}

/** Pages that it begins with. */
function readMemory(reader: Reader): number {
  if (reader.unsigned() !== 1) throw new Error('invariant broken: the runtime has more than one memory');
  reader.byte();
  return reader.unsigned();
}

/** By index: the value of a constant i32, which all addresses are; else undefined. */
function readGlobals(reader: Reader): readonly (number | undefined)[] {
  return Array.from({ length: reader.unsigned() }, () => {
    const type = reader.byte();
    const isMutable = reader.byte() !== 0;
    const opcode = reader.byte();
    if (opcode !== i32Const && opcode !== i64Const)
      throw new Error('invariant broken: a global of the runtime that begins as no constant');
    const value = reader.signed();
    if (reader.byte() !== end) throw new Error('invariant broken: a global of the runtime has no end');
    return type === typeOfI32 && !isMutable ? value : undefined;
  });
}

function readExports(reader: Reader): readonly Export[] {
  return Array.from({ length: reader.unsigned() }, () => {
    const from = reader.position;
    const name = reader.name();
    return { name, kind: reader.byte(), index: reader.unsigned(), bytes: reader.since(from) };
  });
}

const decoder = new TextDecoder();

/** Reads the bytes of one section from the first to the last; throws behind the last. */
class Reader {
  readonly #bytes: Uint8Array;
  position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  isAtEnd(): boolean {
    return this.position === this.#bytes.length;
  }

  byte(): number {
    const byte = this.#bytes[this.position++];
    if (byte === undefined) throw new Error('invariant broken: the runtime ends too early');
    return byte;
  }

  take(length: number): Uint8Array {
    const from = this.position;
    this.position += length;
    if (this.position > this.#bytes.length) throw new Error('invariant broken: the runtime ends too early');
    return this.since(from);
  }

  rest(): Uint8Array {
    return this.take(this.#bytes.length - this.position);
  }

  since(from: number): Uint8Array {
    return this.#bytes.subarray(from, this.position);
  }

  name(): string {
    return decoder.decode(this.take(this.unsigned()));
  }

  /** LEB128 of 32 bits. */
  unsigned(): number {
    return this.#groups().value >>> 0;
  }

  /** LEB128 of as many as 64 bits, of which the lowest 32 are given. */
  signed(): number {
    const { value, bits, last } = this.#groups();
    return bits < 32 && (last & 0x40) !== 0 ? value | (-1 << bits) : value;
  }

  #groups(): { readonly value: number; readonly bits: number; readonly last: number } {
    let value = 0;
    let bits = 0;
    for (;;) {
      const last = this.byte();
      // A shift by 32 or more would begin at the lowest bit again.
      if (bits < 32) value |= (last & 0x7f) << bits;
      bits += 7;
      if ((last & 0x80) === 0) return { value, bits, last };
    }
  }
}
