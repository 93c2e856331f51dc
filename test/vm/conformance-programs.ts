/**
 * The programs of vm/conformance.txt that run: every instruction at its limits and every trap. What a run comes to is not
 * said here but by vm/specification.ts.
 */
import type { Module } from '../../vm/module.ts';
import { assembled } from './machine.ts';
import type { Input } from './random-program.ts';

/**
 * Levels: `all` handles everything, `plain` no category, `low` at most C2, `loud` is C3 itself. Constants: p public,
 * m negative, s secret, k of category 1, u untrusted, y a symbol. A program gets the lines that it names.
 */
const prelude = `
level all   C0 A8 {1 2}
level plain C0 A8
level low   C0 A2 {1 2}
level loud  C3 A8 {1 2}
constant p0 0 C0 A8
constant p1 1 C0 A8
constant p2 2 C0 A8
constant p3 3 C0 A8
constant p5 5 C0 A8
constant p7 7 C0 A8
constant p63 63 C0 A8
constant p64 64 C0 A8
constant p300 300 C0 A8
constant m1 -1 C0 A8
constant m2 -2 C0 A8
constant m3 -3 C0 A8
constant m5 -5 C0 A8
constant m7 -7 C0 A8
constant big 9223372036854775807 C0 A8
constant least -9223372036854775808 C0 A8
constant half 4294967296 C0 A8
constant most 4294967295 C0 A8
constant s0 0 C4 A8
constant s1 1 C4 A8
constant s9 9 C4 A8
constant k1 1 C1 A8 {1}
constant u1 1 C0 A1
constant yusd 'USD' C0 A8
constant yeur 'EUR' C0 A8
constant ychf 'CHF' C0 A8
constant yx 'X' C0 A8
constant ysec 'USD' C4 A8
segment pub  2 C0 A8     ceiling C0 A8
segment sec  2 C4 A8 {1} ceiling C4 A4 {1}
segment low2 2 C0 A2     ceiling C0 A2
segment open 2 C0 A8     ceiling C8 A8 {1}
segment four 4 C0 A6     ceiling C0 A6
segment name 2 symbol C0 A8 ceiling C4 A8
table five sorted C0 A8 : -3 0 1 7 4294967296
table deep sorted C4 A8 {1} : 1 3
table loose C0 A6 : 7 -3 7
table code sorted C0 A8 : 'CHF' 'EUR' 'USD'
port out  C0 A8
port also C0 A8
port high C4 A4 {1}
port word symbol C0 A8
port weak C0 A2
grant bit  declassify C4 A4 {1} to C0 A4 range 0 1 uses 300
grant once declassify C4 A4 {1} to C0 A4 range -1 1
grant keep declassify C4 A4 {1} to C0 A4 {1} range 0 9 uses 2
grant lift endorse    C0 A1 to C0 A6 range 1 9 uses 2
`;

/**
 * `name: code | inputs and fuel`: instructions parted by commas, `halt` is added, and `at all` comes first unless the code
 * has functions or another level to begin with. Inputs are `segment index value`, fuel is a number, or `exact` or `short`:
 * what the run uses, and one less.
 */
const runs = `
halt:
const_public: const r1 p7, const r31 least
const_label: const r1 s9, const r2 k1, const r3 u1
const_level: at low, const r1 p1, at loud, const r2 p1
const_label_trap: at low, const r1 s1
const_clearance_trap: at plain, const r1 k1
mov: const r1 s9, mov r2 r1, mov r3 r2
mov_label_trap: const r1 s1, at low, mov r2 r1
mov_clearance_trap: const r1 k1, at plain, mov r2 r1
mov_itself_at_a_higher_level: const r1 p1, at loud, mov r1 r1
add: const r1 p3, const r2 m7, add r3 r1 r2, const r4 big, const r5 least, add r6 r4 r5, const r7 p0, add r8 r4 r7
add_overflow: const r1 big, const r2 p1, add r3 r1 r2
add_overflow_below: const r1 least, const r2 m1, add r3 r1 r2
add_labels: const r1 s9, const r2 k1, add r3 r1 r2, const r4 p1, add r5 r4 r1, add r6 r1 r4
add_label_trap: const r1 s1, const r2 u1, add r3 r1 r2
add_clearance_trap: const r1 k1, const r2 p1, at plain, add r3 r2 r1
sub: const r1 p3, const r2 p7, sub r3 r1 r2, const r4 least, const r5 m1, sub r6 r5 r4
sub_overflow: const r1 p0, const r2 least, sub r3 r1 r2
sub_overflow_below: const r1 least, const r2 p1, sub r3 r1 r2
mul: const r1 m3, const r2 p7, mul r3 r1 r2, const r4 least, const r5 p1, mul r6 r4 r5, const r7 big, const r8 m1, mul r9 r7 r8, const r10 p0, mul r11 r10 r4
mul_halves: const r1 most, mul r2 r1 r1, const r3 half, const r4 p2, mul r5 r3 r4
mul_overflow: const r1 half, mul r2 r1 r1
mul_overflow_least: const r1 least, const r2 m1, mul r3 r1 r2
mul_overflow_least_reversed: const r1 least, const r2 m1, mul r3 r2 r1
muldiv_roundings: const r1 p7, const r2 p1, const r3 p2, muldiv r4 r1 r2 r3 floor, muldiv r5 r1 r2 r3 ceiling, muldiv r6 r1 r2 r3 down, muldiv r7 r1 r2 r3 up, muldiv r8 r1 r2 r3 half_even, muldiv r9 r1 r2 r3 half_up
muldiv_roundings_negative: const r1 m7, const r2 p1, const r3 p2, muldiv r4 r1 r2 r3 floor, muldiv r5 r1 r2 r3 ceiling, muldiv r6 r1 r2 r3 down, muldiv r7 r1 r2 r3 up, muldiv r8 r1 r2 r3 half_even, muldiv r9 r1 r2 r3 half_up
muldiv_ties_to_even: const r1 p5, const r2 p1, const r3 p2, muldiv r4 r1 r2 r3 half_even, muldiv r5 r1 r2 r3 half_up, const r6 m5, muldiv r7 r6 r2 r3 half_even, muldiv r8 r6 r2 r3 half_up
muldiv_thirds: const r1 p5, const r2 p1, const r3 p3, muldiv r4 r1 r2 r3 half_even, muldiv r5 r1 r2 r3 half_up, const r6 p7, muldiv r7 r6 r2 r3 half_even, muldiv r8 r6 r2 r3 up
muldiv_128_bits: const r1 big, muldiv r2 r1 r1 r1 floor, const r3 least, muldiv r4 r3 r3 r3 floor, muldiv r5 r3 r1 r1 up, const r6 p3, muldiv r7 r1 r6 r6 down, const r8 half, muldiv r9 r1 r8 r8 floor
muldiv_signs: const r1 m3, const r2 p5, const r3 m7, muldiv r4 r1 r2 r3 floor, muldiv r5 r1 r2 r3 ceiling, const r6 m1, muldiv r7 r1 r6 r3 floor, muldiv r8 r1 r3 r6 floor
muldiv_overflow: const r1 big, const r2 p2, const r3 p1, muldiv r4 r1 r2 r3 floor
muldiv_overflow_by_rounding: const r1 big, const r2 p3, const r3 p5, muldiv r4 r1 r1 r1 up, const r5 least, const r6 m1, muldiv r7 r5 r6 r3 floor, muldiv r8 r5 r6 r6 floor, muldiv r9 r5 r6 r2 floor, const r10 p1, muldiv r11 r5 r6 r10 floor
muldiv_overflow_high_word: const r1 big, const r2 p1, muldiv r3 r1 r1 r2 floor
muldiv_division: const r1 big, const r2 p0, muldiv r3 r1 r1 r2 half_up
muldiv_labels: const r1 s9, const r2 p1, const r3 k1, muldiv r4 r2 r1 r3 floor, muldiv r5 r1 r2 r2 up, muldiv r6 r2 r2 r1 down
div_roundings: const r1 p7, const r2 p2, div r3 r1 r2 floor, div r4 r1 r2 ceiling, div r5 r1 r2 down, div r6 r1 r2 up, div r7 r1 r2 half_even, div r8 r1 r2 half_up
div_roundings_negative: const r1 p7, const r2 m2, div r3 r1 r2 floor, div r4 r1 r2 ceiling, div r5 r1 r2 down, div r6 r1 r2 up, div r7 r1 r2 half_even, div r8 r1 r2 half_up
div_limits: const r1 least, const r2 p1, div r3 r1 r2 floor, const r4 big, const r5 m1, div r6 r4 r5 floor, div r7 r1 r1 floor, div r8 r4 r1 floor, div r9 r4 r1 ceiling, div r10 r4 r1 half_even
div_overflow: const r1 least, const r2 m1, div r3 r1 r2 floor
div_division: const r1 p7, const r2 p0, div r3 r1 r2 ceiling
div_label_trap: const r1 u1, const r2 s9, div r3 r1 r2 floor
rem: const r1 p7, const r2 p3, rem r3 r1 r2, const r4 m7, rem r5 r4 r2, const r6 m3, rem r7 r1 r6, rem r8 r4 r6, rem r9 r2 r2
rem_limits: const r1 least, const r2 m1, rem r3 r1 r2, const r4 big, rem r5 r1 r4, rem r6 r4 r1, rem r7 r1 r1
rem_division: const r1 p7, const r2 p0, rem r3 r1 r2
bits: const r1 p3, const r2 m3, and r3 r1 r2, or r4 r1 r2, xor r5 r1 r2, not r6 r1, const r7 least, not r8 r7, and r9 r7 r2
bits_labels: const r1 s9, const r2 u1, const r3 p1, and r4 r1 r3, or r5 r3 r2, xor r6 r2 r3, not r7 r1
not_clearance_trap: const r1 k1, at plain, not r2 r1
shifts: const r1 m7, const r2 p1, shl r3 r1 r2, shr r4 r1 r2, sar r5 r1 r2, rotl r6 r1 r2
shifts_by_63: const r1 m7, const r2 p63, shl r3 r1 r2, shr r4 r1 r2, sar r5 r1 r2, rotl r6 r1 r2
shifts_by_none: const r1 m7, const r2 p0, shl r3 r1 r2, shr r4 r1 r2, sar r5 r1 r2, rotl r6 r1 r2
shl_by_64: const r1 p1, const r2 p64, shl r3 r1 r2
shr_by_less_than_none: const r1 p1, const r2 m1, shr r3 r1 r2
sar_by_64: const r1 p1, const r2 p64, sar r3 r1 r2
rotl_by_least: const r1 p1, const r2 least, rotl r3 r1 r2
shift_by_a_secret: const r1 p1, const r2 s9, shl r3 r1 r2
comparisons: const r1 m3, const r2 p3, eq r3 r1 r2, ne r4 r1 r2, lt r5 r1 r2, le r6 r1 r2, lt r7 r2 r1, le r8 r2 r1, eq r9 r1 r1, ne r10 r1 r1, lt r11 r1 r1, le r12 r1 r1
comparisons_at_limits: const r1 least, const r2 big, lt r3 r1 r2, lt r4 r2 r1, le r5 r1 r2, eq r6 r1 r2
comparisons_of_symbols: const r1 yusd, const r2 yeur, const r3 yusd, eq r4 r1 r2, eq r5 r1 r3, ne r6 r1 r2, lt r7 r2 r1, le r8 r1 r2, const r9 ychf, lt r10 r9 r2
comparison_of_a_secret: const r1 ysec, const r2 yusd, eq r3 r1 r2, ne r4 r2 r1
min_and_max: const r1 m3, const r2 p3, min r3 r1 r2, max r4 r1 r2, const r5 least, const r6 big, min r7 r5 r6, max r8 r5 r6, min r9 r1 r1
select: const r1 p1, const r2 p3, const r3 p7, select r4 r1 r2 r3, const r5 p0, select r6 r5 r2 r3, const r7 m1, select r8 r7 r2 r3
select_labels: const r1 p1, const r2 p3, const r3 s9, select r4 r1 r2 r3, const r5 u1, select r6 r5 r1 r2, select r7 r3 r1 r2
select_symbols: const r1 p0, const r2 yusd, const r3 yeur, select r4 r1 r2 r3
select_label_trap: const r1 u1, const r2 p3, const r3 s9, select r4 r1 r2 r3
find: const r1 p7, find r2 five r1, const r3 m3, find r4 five r3, const r5 half, find r6 five r5, const r7 p2, find r8 five r7, const r9 least, find r10 five r9, const r11 big, find r12 five r11
find_symbols: const r1 yeur, find r2 code r1, const r3 yx, find r4 code r3, const r5 ychf, find r6 code r5, const r7 yusd, find r8 code r7
find_in_a_secret_table: const r1 p3, find r2 deep r1, find r3 five r1
find_label_trap: const r1 u1, find r2 deep r1
find_clearance_trap: const r1 p3, at plain, find r2 deep r1
find_fuel: const r1 p3, const r5 yx, find r2 five r1, find r3 deep r1, find r4 code r5 | fuel short
entry: const r1 p0, entry r2 five r1, const r3 p2, entry r4 loose r3, entry r5 code r3, const r6 p1, entry r7 deep r6
entry_bounds: const r1 p5, entry r2 five r1
entry_bounds_below: const r1 m1, entry r2 five r1
entry_bounds_of_a_secret: const r1 s9, entry r2 five r1
entry_clearance_trap: const r1 p0, at plain, entry r2 deep r1
load: const r1 p0, load r2 pub r1, const r3 p1, load r4 pub r3, load r5 sec r1, load r6 low2 r3 | pub 0 11, pub 1 -12, sec 0 13, low2 1 9223372036854775807
load_of_zero: const r1 p1, load r2 pub r1, load r3 sec r1
load_symbol: const r1 p0, load r2 name r1, const r3 yusd, eq r4 r2 r3 | name 0 6148899999486377984
load_by_a_secret: const r1 s1, load r2 pub r1, load r3 open r1 | pub 1 5, open 1 6
load_bounds: const r1 p2, load r2 pub r1
load_bounds_below: const r1 m1, load r2 pub r1
load_bounds_least: const r1 least, load r2 sec r1
load_label_trap_of_the_address: const r1 u1, load r2 sec r1
load_label_trap_of_the_level: const r1 p0, at low, load r2 sec r1
load_clearance_trap: const r1 p0, at plain, load r2 sec r1
store: const r1 p0, const r2 p7, store pub r1 r2, const r3 p1, store sec r3 r2, store open r3 r2, load r4 pub r1, load r5 open r3 | pub 0 1, pub 1 2, sec 0 3
store_secret: const r1 p0, const r2 s9, store open r1 r2, store sec r1 r2, load r3 open r1, load r4 sec r1
store_twice: const r1 p0, const r2 s9, store open r1 r2, const r3 p1, store open r1 r3, load r4 open r1
store_symbol: const r1 p1, const r2 ysec, store name r1 r2, load r3 name r1
store_bounds: const r1 p2, store pub r1 r1
store_bounds_below: const r1 m1, store open r1 r1
store_upgrade_by_the_address: const r1 s1, const r2 p1, store open r1 r2
store_upgrade_by_pc: const r1 s1, const r2 p0, if r1, store open r2 r2, end
store_upgrade_by_the_level: const r1 p0, at loud, store open r1 r1
store_upgrade_before_secret_store: const r1 p0, const r2 s9, store open r1 r2, const r3 s0, store open r3 r2
store_label_trap: const r1 p0, const r2 s9, at low, store low2 r1 r2
store_clearance_trap: const r1 p0, const r2 k1, at plain, store open r1 r2
store_ceiling: const r1 p0, const r2 s9, store pub r1 r2
store_ceiling_of_authority: const r1 p0, const r2 u1, store sec r1 r2
store_ceiling_of_categories: const r1 p0, const r2 k1, store pub r1 r2
if_taken: const r1 p1, const r2 p3, if r1, const r2 p5, end, output out r2
if_not_taken: const r1 p0, const r2 p3, if r1, const r2 p5, end, output out r2
if_else: const r1 p0, if r1, const r2 p5, else, const r2 p7, end, output out r2
if_first_arm: const r1 m1, if r1, const r2 p5, else, const r2 p7, end, output out r2
if_empty: const r1 p1, if r1, end, if r1, else, end, const r2 p0, if r2, else, end
if_raises_what_either_arm_writes: const r1 s1, const r2 p3, const r3 p5, if r1, const r2 p7, else, const r3 p7, end, const r4 p1
if_raises_though_not_taken: const r1 s0, const r2 p3, if r1, const r2 p7, end, output high r2
if_gives_pc_back: const r1 s1, if r1, const r2 p1, end, const r3 p1, output out r3
if_nested: const r1 s1, const r2 k1, const r3 p0, const r4 p0, if r1, if r2, const r3 p1, else, const r4 p1, end, const r5 p2, end, const r6 p3
if_charges_the_dearer_arm: const r1 s0, if r1, const r2 p1, mul r2 r2 r2, mul r2 r2 r2, else, const r2 p2, end
if_charges_the_dearer_arm_either_way: const r1 s1, if r1, const r2 p1, else, const r2 p2, mul r2 r2 r2, mul r2 r2 r2, end
if_label_trap: const r1 u1, at loud, if r1, end
if_label_trap_of_a_written_register: const r1 u1, const r2 s9, if r1, mov r2 r2, end
if_clearance_trap: const r1 k1, at plain, if r1, end
if_output_under_a_secret: const r1 s1, const r2 p1, if r1, output out r2, end
if_output_under_a_secret_to_a_high_port: const r1 s1, const r2 p1, if r1, output high r2, end, output out r2
if_untrusted: const r1 u1, if r1, const r2 p3, else, const r2 p5, end, output weak r2
loop: const r1 p3, const r2 p0, const r3 p1, loop p5, while r1, add r2 r2 r3, sub r1 r1 r3, end, output out r2
loop_no_round: const r1 p0, loop p5, while r1, end
loop_to_its_bound: const r1 p5, const r3 p1, loop p5, while r1, sub r1 r1 r3, end
loop_beyond_its_bound: const r1 p5, const r3 p1, loop p3, while r1, sub r1 r1 r3, end
loop_of_bound_one: const r1 p1, const r3 p1, loop p1, while r1, sub r1 r1 r3, end
loop_forever: const r1 p1, loop p300, while r1, end
loop_two_whiles: const r1 p5, const r2 p2, const r3 p1, const r4 p0, loop p7, while r1, sub r1 r1 r3, while r2, sub r2 r2 r3, add r4 r4 r3, end, output out r4
loop_before_its_while: const r1 p3, const r2 p0, const r3 p1, loop p5, add r2 r2 r3, while r1, sub r1 r1 r3, end, output out r2
loop_nested: const r1 p3, const r3 p1, const r4 p0, loop p5, while r1, const r2 p2, loop p3, while r2, add r4 r4 r3, sub r2 r2 r3, end, sub r1 r1 r3, end, output out r4
loop_of_a_secret: const r1 p0, load r1 sec r1, const r3 p1, const r4 p0, loop p5, while r1, sub r1 r1 r3, add r4 r4 r3, end, const r5 p7, output out r5, output high r4 | sec 0 2
loop_of_a_secret_charges_alike: const r1 p0, load r1 sec r1, const r3 p1, const r4 p0, loop p5, while r1, sub r1 r1 r3, add r4 r4 r3, end, const r5 p7, output out r5, output high r4 | sec 0 5
loop_of_a_secret_beyond_its_bound: const r1 p0, load r1 sec r1, const r3 p1, loop p3, while r1, sub r1 r1 r3, end | sec 0 4
loop_that_becomes_secret: const r1 p3, const r2 s1, const r3 p1, loop p5, while r1, sub r1 r1 r2, end, output high r1
loop_of_the_untrusted: const r1 p0, load r1 low2 r1, const r3 p1, loop p5, while r1, sub r1 r1 r3, end, output weak r1 | low2 0 2
loop_label_trap: const r1 u1, const r2 s9, loop p3, while r1, mov r2 r2, sub r1 r1 r1, end
loop_clearance_trap: const r1 k1, at plain, loop p3, while r1, sub r1 r1 r1, end
loop_of_the_largest_bound: const r1 p0, loop most, while r1, end
loop_of_a_secret_with_the_largest_bound: const r1 s0, loop most, while r1, end
loop_bounds_multiply: const r1 p0, const r2 p0, const r3 p0, loop most, while r1, loop most, while r2, loop most, while r3, end, end, end
loop_with_a_branch: const r1 p5, const r2 p1, const r3 p0, const r4 p2, loop p7, while r1, rem r5 r1 r4, if r5, add r3 r3 r2, else, sub r3 r3 r4, end, sub r1 r1 r2, end, output out r3
call: function twice (number) -> (number), at all, add r0 r0 r0, return r0, main, const r1 p7, call r2 r1 twice, output out r2
call_no_words: function none () -> (), at all, const r1 p7, return r0, main, const r1 p1, call r0 r0 none, output out r1
call_many_words: function turn (number number symbol number number number number symbol) -> (symbol number number number number number symbol number), at all, mov r10 r2, mov r11 r0, mov r12 r1, mov r13 r3, mov r14 r4, mov r15 r5, mov r16 r7, mov r17 r6, return r10, main, const r0 p0, const r1 p1, const r2 yusd, const r3 p3, const r4 s9, const r5 p5, const r6 k1, const r7 ysec, call r20 r0 turn
call_keeps_registers: function f (number) -> (number), at all, const r5 p7, const r0 p0, mov r1 r5, return r1, main, const r0 p1, const r5 p3, call r6 r0 f
call_labels: function f (number) -> (number), at all, const r1 p1, return r0, main, const r1 s9, call r2 r1 f, const r3 u1, call r4 r3 f, const r5 k1, call r6 r5 f
call_authority: function f (number) -> (number number) A4, at all, const r1 p1, return r0, main, const r2 p7, call r3 r2 f, const r5 p1
call_authority_label_trap: function f (number) -> () A2, at all, return r0, main, const r2 s9, call r0 r2 f
call_from_main_with_authority: function f () -> (number), at all, const r0 p1, return r0, main A6, at all, call r3 r0 f, output weak r3
call_in_a_loop: function add1 (number) -> (number), at all, const r1 p1, add r0 r0 r1, return r0, main, const r1 p3, const r2 p0, const r3 p1, loop p5, while r1, call r2 r2 add1, sub r1 r1 r3, end, output out r2
call_of_a_call: function inner (number) -> (number), at all, mul r0 r0 r0, return r0, function outer (number) -> (number), at all, call r1 r0 inner, call r1 r1 inner, return r1, main, const r1 p3, call r2 r1 outer, output out r2
call_at_a_secret_level: function f (number) -> (number), at all, const r1 p1, add r0 r0 r1, return r0, main, const r1 p3, at loud, call r2 r1 f, at all, const r3 p1, output out r3
call_under_a_secret: function f (number) -> (number), at all, const r1 p1, add r0 r0 r1, return r0, main, const r1 s1, const r2 p3, if r1, call r2 r2 f, end, output high r2
call_branching: function f (number) -> (number), at all, if r0, const r1 p3, else, const r1 p5, end, return r1, main, const r1 p1, call r2 r1 f, const r3 s0, call r4 r3 f
call_clearance_trap: function f (number) -> (number), at all, return r0, main, const r1 k1, at plain, call r2 r1 f
call_label_trap: function f (number) -> (number), at all, return r0, main, const r1 s9, at low, call r2 r1 f
call_label_trap_without_words: function f () -> () A2, at all, return r0, main, at loud, call r0 r0 f
return_clearance_trap: function f () -> (number), at all, const r0 k1, at plain, return r0, main, at all, call r2 r0 f
return_clearance_trap_of_the_call: function f () -> (number), at all, const r0 k1, return r0, main, at plain, call r2 r0 f
return_label_trap: function f () -> (number), at all, const r0 s9, at low, return r0, main, at all, call r2 r0 f
return_raises: function f () -> (number), at all, const r0 p1, at loud, return r0, main, at all, call r2 r0 f
call_begins_with_zeros: function f () -> (number), at all, const r3 p7, const r0 p0, return r0, function g () -> (number), at all, const r0 p0, loop p1, while r0, const r3 p1, end, mov r1 r0, return r1, main, call r1 r0 f, call r2 r0 g
declassify: const r1 p0, load r2 sec r1, declassify r3 r2 bit, output out r1, output weak r3 | sec 0 1
declassify_zero: const r1 p0, load r2 sec r1, declassify r3 r2 bit | sec 0 0
declassify_keeps_categories_of_the_grant: const r1 p0, load r2 sec r1, declassify r3 r2 keep, declassify r4 r2 keep | sec 0 9
declassify_a_public_word: const r1 p1, declassify r2 r1 bit
declassify_range_above: const r1 p0, load r2 sec r1, declassify r3 r2 bit | sec 0 2
declassify_range_below: const r1 p0, load r2 sec r1, declassify r3 r2 bit | sec 0 -1
declassify_twice: const r1 p0, load r2 sec r1, declassify r3 r2 once, declassify r4 r2 once
declassify_of_too_high_a_word: const r1 s1, at loud, mov r1 r1, at all, const r2 p0, load r3 sec r2, add r3 r3 r1, declassify r4 r3 bit
declassify_of_too_little_authority: const r1 u1, declassify r2 r1 bit
declassify_under_a_secret: const r1 s1, const r2 p1, if r1, declassify r2 r2 bit, end
declassify_at_a_secret_level: const r1 p1, at loud, declassify r2 r1 bit
declassify_at_a_level_of_too_little_authority: const r1 p1, at low, declassify r2 r1 bit
declassify_clearance_trap: const r1 p0, load r2 sec r1, at plain, declassify r3 r2 bit
declassify_clearance_trap_of_the_result: const r1 p1, at plain, declassify r2 r1 keep
declassify_256_times: const r1 p64, const r2 p1, const r3 p0, loop p64, while r1, declassify r3 r2 bit, declassify r3 r2 bit, declassify r3 r2 bit, declassify r3 r2 bit, sub r1 r1 r2, end
declassify_257_times: const r1 p64, const r2 p1, const r3 p0, loop p64, while r1, declassify r3 r2 bit, declassify r3 r2 bit, declassify r3 r2 bit, declassify r3 r2 bit, sub r1 r1 r2, end, declassify r3 r2 bit
endorse: const r1 p0, load r2 low2 r1, endorse r3 r2 lift, const r4 p1, load r5 low2 r4, endorse r6 r5 lift | low2 0 1, low2 1 9
endorse_and_meet_a_secret: const r1 p0, load r2 low2 r1, endorse r2 r2 lift, load r3 sec r1, lt r4 r3 r2, declassify r4 r4 bit, output weak r4 | low2 0 5, sec 0 4
endorse_range_below: const r1 p0, load r2 low2 r1, endorse r3 r2 lift | low2 0 0
endorse_range_above: const r1 p0, load r2 low2 r1, endorse r3 r2 lift | low2 0 10
endorse_too_often: const r1 u1, endorse r2 r1 lift, endorse r3 r1 lift, endorse r4 r1 lift
endorse_of_a_secret: const r1 s1, endorse r2 r1 lift
endorse_under_the_untrusted: const r1 u1, if r1, endorse r2 r1 lift, end
endorse_under_a_secret: const r1 s1, const r2 u1, const r3 p1, if r1, endorse r3 r3 lift, end
endorse_lowers_nothing: const r1 p7, endorse r2 r1 lift
output: const r1 p7, output out r1, const r2 m3, output also r2, const r3 s9, output high r3, const r4 yusd, output word r4
output_twice: const r1 p7, output out r1, const r2 p5, output out r2
output_lower_than_its_port: const r1 p7, output high r1, output weak r1
output_port_trap: const r1 s9, output out r1
output_port_trap_of_authority: const r1 u1, output high r1
output_port_trap_of_categories: const r1 k1, output out r1
output_port_trap_after_another_port: const r1 p7, output out r1, const r2 s9, output also r2
output_label_trap: const r1 s9, at low, output weak r1
output_clearance_trap: const r1 k1, at plain, output high r1
fuel_exact: const r1 p3, const r3 p1, loop p5, while r1, sub r1 r1 r3, end, output out r1 | fuel exact
fuel_short: const r1 p3, const r3 p1, loop p5, while r1, sub r1 r1 r3, end, output out r1 | fuel short
fuel_none: const r1 p3 | fuel 0
fuel_none_for_nothing: | fuel 0
fuel_one_for_two: const r1 p3, const r2 p3 | fuel 1
fuel_in_a_round: const r1 p3, const r3 p1, loop p5, while r1, sub r1 r1 r3, end | fuel 7
fuel_in_an_arm: const r1 p1, if r1, const r2 p1, else, const r2 p2, end | fuel 2
fuel_in_a_second_arm: const r1 p0, if r1, const r2 p1, else, const r2 p2, end | fuel 2
fuel_after_an_end: const r1 p1, if r1, end, const r2 p1 | fuel 2
fuel_of_a_secret_arm: const r1 s1, if r1, const r2 p1, const r3 p1, end | fuel 3
fuel_of_a_secret_loop: const r1 s0, loop p3, while r1, const r2 p1, end | fuel 5
fuel_of_a_secret_call: function f () -> (), at all, const r1 p1, return r0, main, at loud, call r0 r0 f | fuel 3
fuel_of_a_call: function f () -> (), at all, const r1 p1, return r0, main, call r0 r0 f | fuel 3
fuel_after_a_call: function f () -> (), at all, const r1 p1, return r0, main, call r0 r0 f, const r1 p1 | fuel short
fuel_of_all_there_is: const r1 p1, output out r1 | fuel 18446744073709551615
main_with_authority: main A2, at all, const r1 p1, output weak r1
main_with_authority_label_trap: main A2, at all, const r1 s9
inputs_at_their_limits: const r1 p0, load r2 four r1, const r3 p1, load r4 four r3, const r5 p2, load r6 four r5 | four 0 9223372036854775807, four 1 -9223372036854775808, four 2 -1
inputs_read_and_left: const r1 p0, load r2 pub r1, output out r2 | pub 0 1, pub 0 2, pub 1 3
`;

export interface RunCase {
  readonly name: string;
  readonly module: Module;
  readonly inputs: readonly Input[];
  /** A number, or what the run uses, or one less. */
  readonly fuel: bigint | 'exact' | 'short';
}

const plenty = 100_000n;

export function runCases(): RunCase[] {
  return runs
    .trim()
    .split('\n')
    .map((line) => {
      const [, name = '', code = '', rest = ''] = /^(\w+): ?([^|]*?) ?(?:\| (.*))?$/.exec(line) ?? [];
      if (name === '') throw new Error(`no case: ${line}`);
      const items = rest === '' ? [] : rest.split(', ');
      const { module, names } = assembled(sourceOf(code, rest));
      let fuel: RunCase['fuel'] = plenty;
      const inputs: Input[] = [];
      for (const item of items) {
        const [head = '', index = '', value = ''] = item.split(' ');
        if (head === 'fuel') fuel = index === 'exact' || index === 'short' ? index : BigInt(index);
        else
          inputs.push({ segment: names.segments.indexOf(head), index: Number(index), value: BigInt(value) });
      }
      return { name, module, inputs, fuel };
    });
}

function sourceOf(code: string, rest: string): string {
  const words = new Set(`${code} ${rest} all`.split(/[\s,]+/));
  const declared = prelude.split('\n').filter((line) => words.has(line.split(/\s+/)[1] ?? ''));
  const beginning = /^(?:function|main)/.test(code) ? [] : ['at all'];
  // Whatever was the level of the function before, main begins at `all`.
  const lines = code.split(', ').flatMap((line) => (line === 'main' ? [line, 'at all'] : [line]));
  return [...declared, ...beginning, ...lines, 'halt'].join('\n');
}
