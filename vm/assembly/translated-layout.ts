/*
 * The memory map of a translated module (docs/TRANSLATOR.md). What is in the first four, and from TABLES on, its data
 * segments put there; TABLES is last, and has as much room as the module's tables need.
 *
 * ╒═ header ═╤═ segments, ports, grants ═╤═ words ═════════╤═ registers ═════╤═ audit ══╤═ entries of tables ═╕
 *   32 bytes   32, 32, 48 bytes each       i64; u32 label    of the main one   8 bytes    i64 each
 */
import { MAX_AUDIT, MAX_GRANTS, MAX_PORTS, MAX_REGISTERS, MAX_SEGMENTS, MAX_WORDS } from './isa';

/** Segments u32, ports u32, grants u32, authority of the main function u32, fuel of the dearest run u64, registers that `halt` leaves behind u32. */
export const HEADER: usize = memory.data(32, 16);

/** Where its values are u32, length u32, where its labels are u32, first label u32, whether uniform u32, type u32. */
export const SEGMENTS: usize = memory.data(<i32>MAX_SEGMENTS * 32, 16);
export const SEGMENT_BYTES: u32 = 32;

/** value i64, label u32, whether it was written u32, type u32. */
export const PORTS: usize = memory.data(<i32>MAX_PORTS * 32, 16);
export const PORT_BYTES: u32 = 32;

/** As in a module: kind u32, from u32, to u32, uses u32, least i64, most i64; then how often it was used u32. */
export const GRANTS: usize = memory.data(<i32>MAX_GRANTS * 48, 16);
export const GRANT_BYTES: u32 = 48;

/** Words of all segments, one behind the other. */
export const VALUES: usize = memory.data(<i32>MAX_WORDS * 8, 16);
export const LABELS: usize = memory.data(<i32>MAX_WORDS * 4, 16);

/** Of the main function, after a run: value i64, label u32. */
export const REGISTERS: usize = memory.data(<i32>MAX_REGISTERS * 16, 16);
export const REGISTER_BYTES: u32 = 16;

/** By use of a grant: instruction u32, grant u32. */
export const AUDIT: usize = memory.data(<i32>MAX_AUDIT * 8, 16);

export const TABLES: usize = memory.data(16, 16);
