/** The modules of vm/conformance.txt that are refused: why, and at which byte, is written here by hand, from docs/LABEL-MACHINE.md. */
import { instructions, limits, type RefusalName } from '../../vm/isa.ts';
import { makeLabel } from '../../vm/label.ts';
import { type CodeWord, encodeModule, type Module } from '../../vm/module.ts';
import { packSymbol } from '../../vm/symbol.ts';
import { headerBytes, type SectionName, sectionNames, sectionSizes } from './fuzzing/sections.ts';

export interface RefusedCase {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly refused: RefusalName;
  /** The byte that the refusal is about. */
  readonly offset: number;
}

const label = (secrecy: number, authority: number, ...categories: number[]): number =>
  makeLabel({ secrecy, authority, categories });

const opcodes = new Map(instructions.map(({ mnemonic, opcode }) => [mnemonic, opcode]));

type Registers = readonly [number, number, number, number];

function op(mnemonic: string, registers: Registers = [0, 0, 0, 0], index = 0, level = 0): CodeWord {
  const opcode = opcodes.get(mnemonic);
  if (opcode === undefined) throw new Error(`no instruction ${mnemonic}`);
  return { opcode, level, registers, index };
}

const halt = op('halt');
const usd = packSymbol('USD') ?? 0n;

/** One of everything, and of code what each case gives. Constants: 0 the number 1, 1 a symbol, 2 the number 5 and secret. */
const base: Omit<Module, 'functions'> = {
  levels: [label(0, 8, 1)],
  constants: [
    { type: 'number', value: 1n, label: 0 },
    { type: 'symbol', value: usd, label: 0 },
    { type: 'number', value: 5n, label: label(4, 8) },
  ],
  segments: [
    { type: 'number', length: 2, label: 0, ceiling: 0 },
    { type: 'symbol', length: 2, label: 0, ceiling: 0 },
  ],
  tables: [
    { type: 'number', label: 0, sorted: true, entries: [1n, 2n] },
    { type: 'number', label: 0, sorted: false, entries: [2n, 1n] },
  ],
  ports: [{ type: 'number', label: 0 }],
  grants: [
    { kind: 'declassify', from: label(4, 4, 1), to: label(0, 4), uses: 1, least: 0n, most: 1n },
    { kind: 'endorse', from: label(0, 2), to: label(0, 6), uses: 1, least: 0n, most: 1n },
  ],
};

/** Where an entry is in the bytes of a module (docs/LABEL-MACHINE.md, Modules). */
function offsetOf(module: Module, section: SectionName, index: number): number {
  const entries = module.tables.flatMap((table) => table.entries);
  const code = module.functions.flatMap((body) => body.code);
  const lists = { ...module, entries, code };
  const before = sectionNames.slice(0, sectionNames.indexOf(section));
  const start = before.reduce((at, name) => at + lists[name].length * sectionSizes[name], headerBytes);
  return start + index * sectionSizes[section];
}

type At = number | readonly [section: SectionName, index: number];

function refusedCase(name: string, refused: RefusalName, at: At, module: Module): RefusedCase {
  const offset = typeof at === 'number' ? at : offsetOf(module, at[0], at[1]);
  return { name, bytes: encodeModule(module), refused, offset };
}

function coded(name: string, refused: RefusalName, instruction: number, ...code: CodeWord[]): RefusedCase {
  const module = { ...base, functions: [{ authority: 0, parameters: [], results: [], code }] };
  return refusedCase(name, refused, ['code', instruction], module);
}

const main = { authority: 0, parameters: [], results: [], code: [halt] };

function changed(name: string, refused: RefusalName, at: At, change: Partial<Module>): RefusedCase {
  return refusedCase(name, refused, at, { ...base, functions: [main], ...change });
}

/** A good module with its bytes changed. */
function damaged(
  name: string,
  refused: RefusalName,
  offset: number,
  change: (bytes: Uint8Array) => Uint8Array,
): RefusedCase {
  return { name, refused, offset, bytes: change(encodeModule({ ...base, functions: [main] })) };
}

const poke =
  (at: number, ...values: number[]) =>
  (bytes: Uint8Array): Uint8Array => {
    bytes.set(values, at);
    return bytes;
  };

const times = <T>(count: number, item: T): T[] => Array.from({ length: count }, () => item);
const called = (
  code: CodeWord[],
  from: Partial<Module['functions'][number]> = {},
): Module['functions'][number] => ({
  authority: 0,
  parameters: [],
  results: [],
  code,
  ...from,
});

export function refusedCases(): RefusedCase[] {
  const one = op('const', [1, 0, 0, 0], 0);
  const symbol = op('const', [2, 0, 0, 0], 1);
  const zero = base.constants[0] ?? { type: 'number', value: 1n, label: 0 };
  return [
    { name: 'nothing', bytes: new Uint8Array(), refused: 'header', offset: 0 },
    { name: 'zeros', bytes: new Uint8Array(64), refused: 'header', offset: 0 },
    damaged('cut_off', 'header', 0, (bytes) => bytes.slice(0, -1)),
    damaged('cut_off_in_the_header', 'header', 0, (bytes) => bytes.slice(0, 63)),
    damaged('one_byte_more', 'header', 0, (bytes) => new Uint8Array([...bytes, 0])),
    damaged('other_magic', 'header', 0, poke(0, 0x72)),
    damaged('version_1', 'header', 0, poke(4, 1)),
    damaged('version_3', 'header', 0, poke(4, 3)),
    damaged('reserved_header_bytes', 'header', 0, poke(22, 1)),
    damaged('one_constant_more_than_there_is', 'header', 0, poke(10, 4)),
    damaged('no_instructions', 'count', 0, poke(28, 0)),
    changed('no_functions', 'count', 0, { functions: [] }),
    changed('too_many_levels', 'count', 0, { levels: times(limits.levels + 1, 0) }),
    damaged('too_many_constants', 'count', 0, poke(10, 0x01, 0x04)),
    damaged('too_many_segments', 'count', 0, poke(12, 65)),
    damaged('too_many_tables', 'count', 0, poke(14, 65)),
    damaged('too_many_ports', 'count', 0, poke(16, 65)),
    damaged('too_many_grants', 'count', 0, poke(18, 65)),
    damaged('too_many_functions', 'count', 0, poke(20, 0x01, 0x01)),
    damaged('too_many_entries', 'count', 0, poke(24, 0xff, 0xff, 0xff, 0xff)),
    damaged('too_many_instructions', 'count', 0, poke(28, 0x01, 0x40)),
    changed('level_no_thermometer', 'label', ['levels', 0], { levels: [0x02000000] }),
    changed('level_no_thermometer_of_authority', 'label', ['levels', 1], { levels: [0, 0x01] }),
    changed('level_above_its_authority', 'label', ['levels', 0], { levels: [0x0f0000f8] }),
    damaged('level_reserved_bytes', 'label', 64, poke(68, 1)),
    changed('constant_above_its_authority', 'label', ['constants', 1], {
      constants: [zero, { ...zero, label: 0x010000ff }],
    }),
    damaged('constant_of_type_2', 'label', 72, poke(84, 2)),
    changed('segment_label', 'label', ['segments', 0], {
      segments: [{ type: 'number', length: 1, label: 0x05000000, ceiling: 0 }],
    }),
    changed('segment_ceiling', 'label', ['segments', 0], {
      segments: [{ type: 'number', length: 1, label: 0, ceiling: 0x40 }],
    }),
    changed('table_label', 'label', ['tables', 0], {
      tables: [{ type: 'number', label: 0x7f000001, sorted: false, entries: [1n] }],
    }),
    changed('port_label', 'label', ['ports', 1], {
      ports: [
        { type: 'number', label: 0 },
        { type: 'number', label: 0x00000010 },
      ],
    }),
    changed('grant_label', 'label', ['grants', 0], {
      grants: [{ kind: 'declassify', from: 0x02000000, to: 0, uses: 1, least: 0n, most: 1n }],
    }),
    changed('function_authority_no_label', 'label', ['functions', 0], {
      functions: [{ ...main, authority: 0x7f }],
    }),
    changed('segment_empty', 'segment', ['segments', 0], {
      segments: [{ type: 'number', length: 0, label: 0, ceiling: 0 }],
    }),
    changed('segment_too_long', 'segment', ['segments', 0], {
      segments: [{ type: 'number', length: limits.words + 1, label: 0, ceiling: 0 }],
    }),
    changed('segment_of_all_lengths', 'segment', ['segments', 0], {
      segments: [{ type: 'number', length: 0xffffffff, label: 0, ceiling: 0 }],
    }),
    changed('segments_too_long_together', 'segment', ['segments', 1], {
      segments: [limits.words - 1, 2].map((length) => ({ type: 'number', length, label: 0, ceiling: 0 })),
    }),
    changed('segment_above_its_ceiling', 'segment', ['segments', 0], {
      segments: [{ type: 'number', length: 1, label: label(1, 8), ceiling: 0 }],
    }),
    damaged('grant_of_kind_3', 'grant', 192, poke(192, 3)),
    damaged('grant_of_kind_0', 'grant', 192, poke(192, 0)),
    changed('grant_never_used', 'grant', ['grants', 0], {
      grants: [{ kind: 'declassify', from: label(4, 4), to: label(0, 4), uses: 0, least: 0n, most: 1n }],
    }),
    changed('grant_of_no_range', 'grant', ['grants', 0], {
      grants: [{ kind: 'declassify', from: label(4, 4), to: label(0, 4), uses: 1, least: 1n, most: 0n }],
    }),
    changed('declassify_raises_secrecy', 'grant', ['grants', 0], {
      grants: [{ kind: 'declassify', from: label(0, 4), to: label(4, 4), uses: 1, least: 0n, most: 1n }],
    }),
    changed('declassify_raises_authority', 'grant', ['grants', 0], {
      grants: [{ kind: 'declassify', from: label(4, 4), to: label(0, 8), uses: 1, least: 0n, most: 1n }],
    }),
    changed('declassify_lowers_authority', 'grant', ['grants', 0], {
      grants: [{ kind: 'declassify', from: label(4, 8), to: label(0, 4), uses: 1, least: 0n, most: 1n }],
    }),
    changed('endorse_lowers_secrecy', 'grant', ['grants', 0], {
      grants: [{ kind: 'endorse', from: label(1, 2), to: label(0, 6), uses: 1, least: 0n, most: 1n }],
    }),
    changed('endorse_lowers_authority', 'grant', ['grants', 0], {
      grants: [{ kind: 'endorse', from: label(0, 6), to: label(0, 2), uses: 1, least: 0n, most: 1n }],
    }),
    changed('endorse_drops_categories', 'grant', ['grants', 0], {
      grants: [{ kind: 'endorse', from: label(0, 2, 1), to: label(0, 6), uses: 1, least: 0n, most: 1n }],
    }),
    changed('table_descends', 'table', ['entries', 2], {
      tables: [{ type: 'number', label: 0, sorted: true, entries: [1n, 3n, 2n] }],
    }),
    changed('table_stands_still', 'table', ['entries', 1], {
      tables: [{ type: 'number', label: 0, sorted: true, entries: [3n, 3n] }],
    }),
    changed('table_empty', 'table', ['tables', 0], {
      tables: [{ type: 'number', label: 0, sorted: false, entries: [] }],
    }),
    damaged('table_longer_than_its_entries', 'table', 168, poke(176, 3)),
    damaged('table_shorter_than_its_entries', 'table', 184, poke(176, 1)),
    damaged('table_neither_sorted_nor_not', 'table', 152, poke(164, 2)),
    changed('function_of_no_code', 'function', ['functions', 0], { functions: [called([]), main] }),
    changed('function_of_nine_parameters', 'function', ['functions', 0], {
      functions: [called([op('return')], { parameters: times(9, 'number') }), main],
    }),
    changed('function_of_nine_results', 'function', ['functions', 0], {
      functions: [called([op('return')], { results: times(9, 'number') }), main],
    }),
    changed('function_authority_secret', 'function', ['functions', 0], {
      functions: [called([op('return')], { authority: label(4, 8) }), main],
    }),
    changed('function_authority_with_a_category', 'function', ['functions', 0], {
      functions: [called([op('return')], { authority: label(0, 8, 1) }), main],
    }),
    changed('main_of_a_parameter', 'function', ['functions', 0], {
      functions: [{ ...main, parameters: ['number'] }],
    }),
    changed('main_of_a_result', 'function', ['functions', 0], {
      functions: [{ ...main, results: ['number'] }],
    }),
    damaged('function_longer_than_the_code', 'function', 256, poke(256, 2)),
    coded('opcode_0', 'opcode', 0, { ...halt, opcode: 0 }, halt),
    coded('opcode_39', 'opcode', 1, one, { ...halt, opcode: instructions.length + 1 }, halt),
    coded('opcode_255', 'opcode', 0, { ...halt, opcode: 255 }, halt),
    coded('register_32', 'operand', 1, one, op('mov', [32, 1, 0, 0]), halt),
    coded('register_255', 'operand', 1, one, op('mov', [0, 255, 0, 0]), halt),
    coded('operand_that_is_not_there', 'operand', 1, one, op('mov', [0, 1, 1, 0]), halt),
    coded('index_that_is_not_there', 'operand', 1, one, op('mov', [0, 1, 0, 0], 1), halt),
    coded('halt_with_an_operand', 'operand', 0, op('halt', [1, 0, 0, 0])),
    coded('constant_3_of_3', 'operand', 0, op('const', [0, 0, 0, 0], 3), halt),
    coded('segment_2_of_2', 'operand', 1, one, op('load', [0, 1, 0, 0], 2), halt),
    coded('table_65535', 'operand', 1, one, op('entry', [0, 1, 0, 0], 65_535), halt),
    coded('port_1_of_1', 'operand', 1, one, op('output', [0, 1, 0, 0], 1), halt),
    coded('grant_2_of_2', 'operand', 1, one, op('declassify', [1, 1, 0, 0], 2), halt),
    coded('rounding_6', 'operand', 1, one, op('div', [1, 1, 1, 0], 6), halt),
    coded('function_1_of_1', 'operand', 0, op('call', [0, 0, 0, 0], 1), halt),
    coded('level_1_of_1', 'level', 0, op('halt', [0, 0, 0, 0], 0, 1)),
    changed('no_levels', 'level', ['code', 0], { levels: [] }),
    coded('end_of_nothing', 'structure', 0, op('end'), halt),
    coded('else_of_nothing', 'structure', 0, op('else'), halt),
    coded('else_twice', 'structure', 3, one, op('if', [0, 1, 0, 0]), op('else'), op('else'), op('end'), halt),
    coded('else_of_a_loop', 'structure', 2, one, op('loop', [0, 0, 0, 0], 0), op('else'), op('end'), halt),
    coded('while_of_nothing', 'structure', 1, one, op('while', [0, 1, 0, 0]), halt),
    coded(
      'while_in_a_branch',
      'structure',
      3,
      one,
      op('loop', [0, 0, 0, 0], 0),
      op('if', [0, 1, 0, 0]),
      op('while', [0, 1, 0, 0]),
      op('end'),
      op('end'),
      halt,
    ),
    coded('no_halt', 'last', 0, one),
    coded('halt_twice', 'last', 0, halt, halt),
    coded('halt_in_a_branch', 'last', 2, one, op('if', [0, 1, 0, 0]), halt, op('end'), halt),
    coded('branch_left_open', 'last', 2, one, op('if', [0, 1, 0, 0]), halt),
    coded('main_returns', 'last', 0, op('return')),
    changed('function_halts', 'last', ['code', 0], {
      functions: [called([halt]), called([op('call'), halt])],
    }),
    coded('declassify_by_an_endorsement', 'grantKind', 1, one, op('declassify', [1, 1, 0, 0], 1), halt),
    coded('endorse_by_a_declassification', 'grantKind', 1, one, op('endorse', [1, 1, 0, 0], 0), halt),
    coded('find_in_a_table_that_is_not_sorted', 'table', 1, one, op('find', [1, 1, 0, 0], 1), halt),
    coded('register_never_set', 'type', 0, op('mov', [1, 0, 0, 0]), halt),
    coded(
      'register_set_in_one_arm',
      'type',
      4,
      one,
      op('if', [0, 1, 0, 0]),
      op('const', [3, 0, 0, 0], 0),
      op('end'),
      op('mov', [4, 3, 0, 0]),
      halt,
    ),
    coded(
      'register_of_two_types',
      'type',
      6,
      one,
      op('if', [0, 1, 0, 0]),
      op('const', [3, 0, 0, 0], 0),
      op('else'),
      op('const', [3, 0, 0, 0], 1),
      op('end'),
      op('mov', [4, 3, 0, 0]),
      halt,
    ),
    coded('sum_of_a_symbol', 'type', 2, one, symbol, op('add', [3, 1, 2, 0]), halt),
    coded('comparison_of_number_and_symbol', 'type', 2, one, symbol, op('eq', [3, 1, 2, 0]), halt),
    coded('condition_is_a_symbol', 'type', 1, symbol, op('if', [0, 2, 0, 0]), op('end'), halt),
    coded('choice_of_number_and_symbol', 'type', 2, one, symbol, op('select', [3, 1, 1, 2]), halt),
    coded('address_is_a_symbol', 'type', 1, symbol, op('load', [1, 2, 0, 0], 0), halt),
    coded('store_of_a_symbol_as_a_number', 'type', 2, one, symbol, op('store', [0, 1, 2, 0], 0), halt),
    coded('store_of_a_number_as_a_symbol', 'type', 1, one, op('store', [0, 1, 1, 0], 1), halt),
    coded('find_of_a_symbol_among_numbers', 'type', 1, symbol, op('find', [1, 2, 0, 0], 0), halt),
    coded('output_of_a_symbol_as_a_number', 'type', 1, symbol, op('output', [0, 2, 0, 0], 0), halt),
    coded(
      'loop_that_changes_a_type',
      'type',
      4,
      one,
      op('loop', [0, 0, 0, 0], 0),
      op('while', [0, 1, 0, 0]),
      op('const', [1, 0, 0, 0], 1),
      op('end'),
      halt,
    ),
    changed('argument_of_another_type', 'type', ['code', 2], {
      functions: [
        called([op('return')], { parameters: ['number'] }),
        called([symbol, op('call', [0, 2, 0, 0]), halt]),
      ],
    }),
    changed('result_never_set', 'type', ['code', 0], {
      functions: [called([op('return', [0, 1, 0, 0])], { results: ['number'] }), called([op('call'), halt])],
    }),
    coded('bound_is_secret', 'bound', 0, op('loop', [0, 0, 0, 0], 2), halt),
    coded('bound_is_a_symbol', 'bound', 0, op('loop', [0, 0, 0, 0], 1), halt),
    changed('bound_is_0', 'bound', ['code', 0], {
      constants: [{ ...zero, value: 0n }],
      functions: [called([op('loop'), halt])],
    }),
    changed('bound_is_less_than_0', 'bound', ['code', 0], {
      constants: [{ ...zero, value: -1n }],
      functions: [called([op('loop'), halt])],
    }),
    changed('bound_is_2_to_the_32', 'bound', ['code', 0], {
      constants: [{ ...zero, value: 2n ** 32n }],
      functions: [called([op('loop'), halt])],
    }),
    coded('loop_without_while', 'unreachable', 1, op('loop'), op('end'), halt),
    changed('function_never_called', 'unreachable', ['code', 0], {
      functions: [called([op('return')]), main],
    }),
    changed('second_function_never_called', 'unreachable', ['code', 1], {
      functions: [called([op('return')]), called([op('call'), op('return')]), main],
    }),
    coded(
      'sixty_five_branches',
      'depth',
      65,
      one,
      ...times(65, op('if', [0, 1, 0, 0])),
      ...times(65, op('end')),
      halt,
    ),
    changed('function_calls_itself', 'call', ['code', 0], {
      functions: [called([op('call'), op('return')]), called([op('call'), halt])],
    }),
    changed('function_calls_a_later_one', 'call', ['code', 0], {
      functions: [called([op('call', [0, 0, 0, 0], 1), op('return')]), called([op('return')]), main],
    }),
    coded('main_calls_itself', 'call', 0, op('call'), halt),
    changed('arguments_beyond_the_registers', 'operand', ['code', 2], {
      functions: [
        called([op('return')], { parameters: ['number', 'number'] }),
        called([one, op('call', [0, 31, 0, 0]), halt]),
      ],
    }),
  ];
}
