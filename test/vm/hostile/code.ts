/** Instructions with fields that they cannot have: opcodes, levels, registers, indexes, and what an instruction has no use for. */
import { instructions, limits, type Operand, operandByte } from '../../../vm/isa.ts';
import { codeByte, type Field, type HostileCase, placesOf, poked, program } from './case.ts';

/** Before each: numbers in r1, r2, r3, symbols in r8, r9; r20 is never set. */
const setUp = 'const r1 p1, const r2 p2, const r3 p3, const r8 yusd, const r9 yeur, ';
const one = 'function one (number) -> (number), return r0\nmain\n';

const threes = 'add sub mul rem and or xor shl shr sar rotl eq ne lt le min max'.split(' ');

/** By mnemonic: text before, the text with it, and how far into that text it is. */
const places: Readonly<Record<string, readonly [text: string, at: number]>> = {
  const: [`${setUp}const r5 p5, halt`, 5],
  mov: [`${setUp}mov r5 r1, halt`, 5],
  ...Object.fromEntries(threes.map((name) => [name, [`${setUp}${name} r5 r1 r2, halt`, 5]])),
  muldiv: [`${setUp}muldiv r5 r1 r2 r3 up, halt`, 5],
  div: [`${setUp}div r5 r1 r2 down, halt`, 5],
  not: [`${setUp}not r5 r1, halt`, 5],
  select: [`${setUp}select r5 r1 r2 r3, halt`, 5],
  find: [`${setUp}find r5 five r1, halt`, 5],
  entry: [`${setUp}entry r5 five r1, halt`, 5],
  load: [`${setUp}load r5 pub r1, halt`, 5],
  store: [`${setUp}store pub r1 r2, halt`, 5],
  if: [`${setUp}if r1, end, halt`, 5],
  else: [`${setUp}if r1, else, end, halt`, 6],
  loop: [`${setUp}loop p5, while r1, end, halt`, 5],
  while: [`${setUp}loop p5, while r1, end, halt`, 6],
  end: [`${setUp}loop p5, while r1, end, halt`, 7],
  call: [`${one}${setUp}call r5 r1 one, halt`, 6],
  return: [`${one}${setUp}call r5 r1 one, halt`, 0],
  declassify: [`${setUp}declassify r5 r1 bit, halt`, 5],
  endorse: [`${setUp}endorse r5 r1 lift, halt`, 5],
  output: [`${setUp}output out r1, halt`, 5],
  halt: [`${setUp}halt`, 5],
};

export interface Placed {
  readonly mnemonic: string;
  readonly operands: readonly Operand[];
  readonly bytes: Uint8Array;
  /** The byte of the instruction. */
  readonly at: number;
}

/** Every instruction in a good program. */
export const placed: readonly Placed[] = instructions.map(({ mnemonic, operands }) => {
  const place = places[mnemonic];
  if (place === undefined) throw new Error(`no program with ${mnemonic}`);
  const bytes = program(place[0]);
  return { mnemonic, operands, bytes, at: codeByte(bytes, place[1]) };
});

const counts: Readonly<Partial<Record<Operand, number>>> = {
  constant: 10,
  segment: 12,
  table: 14,
  port: 16,
  grant: 18,
  function: 20,
};

function mostOf(bytes: Uint8Array, operand: Operand): number {
  const byte = counts[operand];
  return byte === undefined ? 6 : new DataView(bytes.buffer).getUint16(byte, true);
}

function casesOf({ mnemonic, operands, bytes, at }: Placed): HostileCase[] {
  const refuse = (what: string, refused: HostileCase['refused'], field: Field): HostileCase => ({
    name: `${mnemonic} with ${what}`,
    refused,
    offset: at,
    bytes: poked(bytes, field),
  });
  const levels = (placesOf(bytes).constants - placesOf(bytes).levels) / 8;
  const used = new Set(operands.map((operand) => operandByte[operand]));
  const index = operands.find((operand) => operandByte[operand] === 6);
  return [
    refuse('opcode 0', 'opcode', ['u8', at, 0]),
    refuse('the opcode after the last', 'opcode', ['u8', at, instructions.length + 1]),
    refuse('opcode 255', 'opcode', ['u8', at, 255]),
    refuse('the level after the last', 'level', ['u8', at + 1, levels]),
    refuse('level 255', 'level', ['u8', at + 1, 255]),
    ...[2, 3, 4, 5].flatMap((byte) =>
      used.has(byte)
        ? [limits.registers, 128, 255].map((register) =>
            refuse(`register ${register} in byte ${byte}`, 'operand', ['u8', at + byte, register]),
          )
        : [1, 255].map((value) =>
            refuse(`${value} in byte ${byte}, which it has no use for`, 'operand', ['u8', at + byte, value]),
          ),
    ),
    ...(index === undefined
      ? [1, 0xffff].map((value) =>
          refuse(`index ${value}, which it has no use for`, 'operand', ['u16', at + 6, value]),
        )
      : [mostOf(bytes, index), 0x8000, 0xffff].map((value) =>
          refuse(`${index} ${value}, which is not there`, 'operand', ['u16', at + 6, value]),
        )),
  ];
}

export const code: readonly HostileCase[] = placed.flatMap(casesOf);
