/*
 * The memory map: every table has its place when the machine is compiled; nothing is allocated while running.
 *
 * ╒═ module ═╤═ tables of the module ═╤═ code, decoded ═╤═ words ═══════╤═ frames ═════════╤═ stack, audit ═╕
 *   as given   16 to 64 bytes an entry   32 bytes each     i64; u32 label   i64, u32 label      pc, way back
 */
import {
  MAX_AUDIT,
  MAX_CODE,
  MAX_CONSTANTS,
  MAX_DEPTH,
  MAX_FRAMES,
  MAX_FUNCTIONS,
  MAX_GRANTS,
  MAX_LEVELS,
  MAX_MODULE_BYTES,
  MAX_PORTS,
  MAX_REGISTERS,
  MAX_SEGMENTS,
  MAX_TABLES,
  MAX_WORDS,
} from './isa';

/** The module's bytes, where the host puts them. The entries of its tables are read from here while it runs. */
export const MODULE: usize = memory.data(<i32>MAX_MODULE_BYTES, 16);

export const LEVELS: usize = memory.data(<i32>MAX_LEVELS * 4, 16);

/** value i64, label u32, type u32. */
export const CONSTANTS: usize = memory.data(<i32>MAX_CONSTANTS * 16, 16);
export const CONSTANT_BYTES: u32 = 16;

/** Where its values are u32, length u32, where its labels are u32, ceiling u32, first label u32, type u32. */
export const SEGMENTS: usize = memory.data(<i32>MAX_SEGMENTS * 32, 16);
export const SEGMENT_BYTES: u32 = 32;

/** Where its values are u32, count u32, label u32, type u32, whether it ascends u32. */
export const TABLES: usize = memory.data(<i32>MAX_TABLES * 32, 16);
export const TABLE_BYTES: u32 = 32;

/** value i64, label u32, whether it was written u32, type u32. */
export const PORTS: usize = memory.data(<i32>MAX_PORTS * 32, 16);
export const PORT_BYTES: u32 = 32;

/** As in the module: kind u32, from u32, to u32, uses u32, least i64, most i64; then how often it was used u32. */
export const GRANTS: usize = memory.data(<i32>MAX_GRANTS * 48, 16);
export const GRANT_BYTES: u32 = 48;

/**
 *  0 first instruction (its place in CODE) │ 4 authority │ 8 registers │ 12 registers with all that it calls
 * 16 depth with all that it calls │ 20 whether it is called      u32 each
 * 24 fuel of its dearest run u64 │ 32 parameters, results, which of either are symbols, u8 each
 * 40 instructions │ 44 fuel of its first block      u32 each
 */
export const FUNCTIONS: usize = memory.data(<i32>MAX_FUNCTIONS * 48, 16);
export const FUNCTION_BYTES: u32 = 48;

/**
 * By instruction, decoded:
 *
 *   0 operation │ 2 d │ 4 a │ 6 b        u16 each; registers as byte offsets in their frame
 *   8 level without categories │ 12 the categories that it is not cleared for       u32 each
 *  16 c │ 18 index                       u16 each
 *  20 target: where the entry of its table is, or the instruction it may go to       u32
 *  24 the registers written under it, a bit each │ 28 fuel of the block after it      u32 each
 *
 * A load or store has its segment there: 16 ceiling │ 20 where its values are │ 24 length │ 28 where its labels are.
 */
export const CODE: usize = memory.data(<i32>MAX_CODE * 32, 16);
export const DECODED_BYTES: u32 = 32;

/** By instruction, the fuel charged at once where pc goes above public: dearer arm, rest of the round, function. */
export const DEAREST: usize = memory.data(<i32>MAX_CODE * 8, 16);

export const WORD_VALUES: usize = memory.data(<i32>MAX_WORDS * 8, 16);
export const WORD_LABELS: usize = memory.data(<i32>MAX_WORDS * 4, 16);

/** Registers of every open function, one frame after the other: value i64, label u32, zero u32. */
export const FRAMES: usize = memory.data(<i32>(MAX_FRAMES + MAX_REGISTERS) * 16, 16);
export const REGISTER_BYTES: u32 = 16;

/** Of an open `if`: pc before it. Of a `loop` also the rounds u32. Of a `call` also where it is and the frame, u32 each. */
export const STACK: usize = memory.data(<i32>MAX_DEPTH * 16, 16);
export const STACK_BYTES: u32 = 16;

/** While a module is checked, by open `if` or `loop`: see verify.ts. */
export const OPEN: usize = memory.data(<i32>MAX_DEPTH * 64, 16);
export const OPEN_BYTES: u32 = 64;

/** By use of a grant: instruction u32, grant u32. */
export const AUDIT: usize = memory.data(<i32>MAX_AUDIT * 8, 16);
