/*
 * The memory map: every table has its place when the module is compiled; nothing is allocated while running.
 *
 * ╒═ module ═╤═ levels ═╤═ constants ═╤═ segments ═╤═ ports ═╤═ grants ═╤═ code ═╤═ words ═╤═ registers ═╤═ stacks, audit ═╕
 *   as given    u32        i64 u32       base, n,     label,    from, to,   u64      i64,      i64, u32      pc, silence
 *                                        labels       value     range       + plan   u32
 */
import {
  MAX_AUDIT,
  MAX_CODE,
  MAX_CONSTANTS,
  MAX_DEPTH,
  MAX_GRANTS,
  MAX_LEVELS,
  MAX_MODULE_BYTES,
  MAX_PORTS,
  MAX_REGISTERS,
  MAX_SEGMENTS,
  MAX_WORDS,
} from './isa';

/** The module's bytes, where the host puts them. */
export const MODULE: usize = memory.data(<i32>MAX_MODULE_BYTES, 16);

export const LEVELS: usize = memory.data(<i32>MAX_LEVELS * 4, 16);
export const CONSTANT_VALUES: usize = memory.data(<i32>MAX_CONSTANTS * 8, 16);
export const CONSTANT_LABELS: usize = memory.data(<i32>MAX_CONSTANTS * 4, 16);

/** By segment: base (in words), length, first label, ceiling; u32 each. */
export const SEGMENTS: usize = memory.data(<i32>MAX_SEGMENTS * 16, 16);

export const PORT_LABELS: usize = memory.data(<i32>MAX_PORTS * 4, 16);
export const PORT_VALUES: usize = memory.data(<i32>MAX_PORTS * 8, 16);
export const PORT_WRITTEN: usize = memory.data(<i32>MAX_PORTS, 16);

/** By grant: kind u32, from u32, to u32, zero u32, least i64, most i64: 32 bytes, as in the module. */
export const GRANTS: usize = memory.data(<i32>MAX_GRANTS * 32, 16);

export const CODE: usize = memory.data(<i32>MAX_CODE * 8, 16);
/** By instruction, of an `if`: where its `else` or `end` is. Of an `else`: where its `end` is. */
export const TARGETS: usize = memory.data(<i32>MAX_CODE * 4, 16);
/** By instruction, of an `if`: the registers written in either arm, a bit each. */
export const WRITES: usize = memory.data(<i32>MAX_CODE * 4, 16);
/** By instruction, of an `if`: the fuel of its dearer arm, everything in it included. */
export const DEAREST: usize = memory.data(<i32>MAX_CODE * 4, 16);

export const WORD_VALUES: usize = memory.data(<i32>MAX_WORDS * 8, 16);
export const WORD_LABELS: usize = memory.data(<i32>MAX_WORDS * 4, 16);

export const REGISTERS: usize = memory.data(<i32>MAX_REGISTERS * 8, 16);
export const REGISTER_LABELS: usize = memory.data(<i32>MAX_REGISTERS * 4, 16);

/** The labels that `end` gives back to pc. */
export const PC_STACK: usize = memory.data(<i32>MAX_DEPTH * 4, 16);

/** While a module is checked, by open `if`: its index, whether `else` was seen, fuel of the first arm and of this one, writes. */
export const OPEN: usize = memory.data(<i32>MAX_DEPTH * 32, 16);

/** By use of a grant: instruction u32, grant u32. */
export const AUDIT: usize = memory.data(<i32>MAX_AUDIT * 8, 16);
