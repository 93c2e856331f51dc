/**
 * The issuance decision as a program of the label machine, as it was before there were rules. Amounts in minor units.
 *
 * Levels: C0 public, C4 confidential to the issuer and central management (category 1). A2 is what an
 * issuer says, A6 what the systems know. The request's amount is untrusted until it is endorsed within
 * its range; the ceiling is secret, and what leaves of it is one bit, through one grant with range 0 to 1.
 */
export const issuanceProgramVersion = 2;

export const issuanceProgram = `
level decide   C0 A6 {1}

constant zero  0 C0 A8
constant one   1 C0 A8

segment request 1 C0 A2     ceiling C0 A2       ; amount
segment limits  5 C0 A6     ceiling C0 A6       ; available, left of the day, requests in the window, their cap, most in one request
segment secret  1 C4 A8 {1} ceiling C4 A6 {1}   ; ceiling

port approved         C0 A6
port quota_exceeded   C0 A6
port daily_limit      C0 A6
port frequency_cap    C0 A6
port request_maximum  C0 A6
port issuer_ceiling   C0 A6
port would_pass       C0 A6

grant amount      endorse    C0 A2     to C0 A6 range 1 1000000000000000
grant ceiling_bit declassify C4 A6 {1} to C0 A6 range 0 1

at decide
const r0 zero
const r1 one
const r30 one

load r2 request r0
endorse r2 r2 amount

load r3 limits r0        ; available
load r4 limits r1        ; left of the day
add r30 r1 r1
load r5 limits r30       ; requests in the window
add r30 r30 r1
load r6 limits r30       ; their cap
add r30 r30 r1
load r7 limits r30       ; most in one request
load r8 secret r0        ; the ceiling, C4 {1} from here on

lt r10 r3 r2
lt r11 r4 r2
le r12 r6 r5
lt r13 r7 r2
lt r14 r8 r2
declassify r14 r14 ceiling_bit

output quota_exceeded  r10
output daily_limit     r11
output frequency_cap   r12
output request_maximum r13
output issuer_ceiling  r14

; what the limits that are no secret would let pass; zero where one of them did not deny
or r15 r10 r11
or r15 r15 r13
min r16 r3 r4
min r16 r16 r7
select r17 r15 r16 r0
output would_pass r17

or r18 r15 r12
or r18 r18 r14
eq r19 r18 r0
output approved r19
halt
`;
