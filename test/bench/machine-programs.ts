/** What the machine is measured on, each with the same work in other languages beside it (test/bench/machine.ts). */

/** Primes below 8,192, ten times over: loads, stores, two nested loops. */
export const sieve = `
level all C0 A8
constant zero 0 C0 A8
constant one 1 C0 A8
constant two 2 C0 A8
constant size 8192 C0 A8
constant times 10 C0 A8
segment flags 8192 C0 A8 ceiling C0 A8
port count C0 A8
at all
const r0 zero
const r1 one
const r2 size
const r3 times
const r4 zero          ; times done
const r5 zero          ; primes found
loop times
lt r6 r4 r3
while r6
  const r7 zero
  loop size            ; all are prime, until crossed out
  lt r6 r7 r2
  while r6
    store flags r7 r1
    add r7 r7 r1
  end
  const r5 zero
  const r7 two
  loop size
  lt r6 r7 r2
  while r6
    load r8 flags r7
    if r8
      add r5 r5 r1
      add r9 r7 r7
      loop size
      lt r6 r9 r2
      while r6
        store flags r9 r0
        add r9 r9 r7
      end
    end
    add r7 r7 r1
  end
  add r4 r4 r1
end
output count r5
halt
`;

/** The 90th Fibonacci number, 10,000 times over: additions and moves. */
export const fibonacci = `
level all C0 A8
constant zero 0 C0 A8
constant one 1 C0 A8
constant n 90 C0 A8
constant times 10000 C0 A8
port answer C0 A8
function fib (number) -> (number)
at all
const r1 zero
const r2 one
const r4 one
loop n
while r0
  add r3 r1 r2
  mov r1 r2
  mov r2 r3
  sub r0 r0 r4
end
return r1
main
const r0 zero
const r1 one
const r2 times
const r4 n
mov r5 r0
loop times
lt r3 r0 r2
while r3
  call r5 r4 fib
  add r0 r0 r1
end
output answer r5
halt
`;

/** A linear congruence with shifts and bit operations, 300,000 times over. */
export const arithmetic = `
level all C0 A8
constant zero 0 C0 A8
constant one 1 C0 A8
constant factor 1103515245 C0 A8
constant addend 12345 C0 A8
constant mask 2147483647 C0 A8
constant by 7 C0 A8
constant times 300000 C0 A8
port answer C0 A8
at all
const r1 one
const r2 factor
const r3 addend
const r4 mask
const r5 by
const r6 times
const r7 one
loop times
while r6
  mul r7 r7 r2
  add r7 r7 r3
  and r7 r7 r4
  shr r8 r7 r5
  xor r7 r7 r8
  sub r6 r6 r1
end
output answer r7
halt
`;

/** Five clauses over an amount and its limits, one of them secret, 40,000 times over; labels are mixed. */
export const rule = `
level all C0 A6 {1}
constant zero 0 C0 A8
constant one 1 C0 A8
constant two 2 C0 A8
constant three 3 C0 A8
constant step 37 C0 A8
constant times 40000 C0 A8
segment limits 4 C0 A6 ceiling C0 A6
segment secret 1 C4 A8 {1} ceiling C4 A6 {1}
port denied C4 A6 {1}
at all
const r0 zero
const r1 one
const r2 two
const r3 three
const r4 step
const r5 times
const r6 zero
const r7 zero
mov r20 r0
loop times
lt r8 r6 r5
while r8
  add r7 r7 r4           ; the amount
  load r10 limits r0     ; the most in one request
  load r11 limits r1     ; left of the day
  load r12 limits r2     ; left of the quota
  load r13 limits r3     ; requests left in the window
  load r14 secret r0     ; a ceiling that nobody may learn
  lt r10 r10 r7
  lt r11 r11 r7
  lt r12 r12 r7
  lt r13 r13 r1
  lt r14 r14 r7
  or r10 r10 r11
  or r12 r12 r13
  or r10 r10 r12
  if r10
    mov r15 r1
  else
    mov r15 r0
  end
  or r15 r15 r14
  add r20 r20 r15
  add r6 r6 r1
end
output denied r20
halt
`;

/** The limits and the ceiling that `rule` is run with. */
export const ruleWords: readonly (readonly [number, number, bigint])[] = [
  [0, 0, 900_000n],
  [0, 1, 1_200_000n],
  [0, 2, 1_000_000n],
  [0, 3, 5n],
  [1, 0, 1_100_000n],
];
