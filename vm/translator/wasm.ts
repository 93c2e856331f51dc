/** Encoder of WebAssembly (Core Specification 2.0, chapter 5): as much of it as translated modules need. */

export type ValueType = 'i32' | 'i64';

/** Opcodes of instructions without an immediate, and of those that open a block, which here gives no value. */
const opcodes = {
  unreachable: 0x00,
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  end: 0x0b,
  return: 0x0f,
  drop: 0x1a,
  select: 0x1b,
  'i32.eqz': 0x45,
  'i32.eq': 0x46,
  'i32.ne': 0x47,
  'i32.lt_s': 0x48,
  'i32.lt_u': 0x49,
  'i32.gt_s': 0x4a,
  'i32.gt_u': 0x4b,
  'i32.le_s': 0x4c,
  'i32.le_u': 0x4d,
  'i32.ge_s': 0x4e,
  'i32.ge_u': 0x4f,
  'i64.eqz': 0x50,
  'i64.eq': 0x51,
  'i64.ne': 0x52,
  'i64.lt_s': 0x53,
  'i64.lt_u': 0x54,
  'i64.gt_s': 0x55,
  'i64.gt_u': 0x56,
  'i64.le_s': 0x57,
  'i64.le_u': 0x58,
  'i64.ge_s': 0x59,
  'i64.ge_u': 0x5a,
  'i32.add': 0x6a,
  'i32.sub': 0x6b,
  'i32.and': 0x71,
  'i32.or': 0x72,
  'i32.xor': 0x73,
  'i32.shl': 0x74,
  'i32.shr_s': 0x75,
  'i32.shr_u': 0x76,
  'i64.add': 0x7c,
  'i64.sub': 0x7d,
  'i64.mul': 0x7e,
  'i64.and': 0x83,
  'i64.or': 0x84,
  'i64.xor': 0x85,
  'i64.shl': 0x86,
  'i64.shr_s': 0x87,
  'i64.shr_u': 0x88,
  'i64.rotl': 0x89,
  'i32.wrap_i64': 0xa7,
  'i64.extend_i32_s': 0xac,
  'i64.extend_i32_u': 0xad,
  'i64.extend32_s': 0xc4,
} as const;

export type Opcode = keyof typeof opcodes;

const emptyBlockType = 0x40;

/** Opcode, and the exponent of the natural alignment, which is always given. */
const accesses = {
  'i32.load': [0x28, 2],
  'i64.load': [0x29, 3],
  'i32.store': [0x36, 2],
  'i64.store': [0x37, 3],
} as const;

const typeBytes: Readonly<Record<ValueType, number>> = { i32: 0x7f, i64: 0x7e };

/** Instructions, one after the other, as the body of a function has them behind its locals. */
export class Code {
  // Mostly enough: each time that bytes grow takes as long as some hundred of them.
  readonly #bytes = new ByteList(2_048);

  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.copy();
  }

  op(name: Opcode): this {
    this.#bytes.push(opcodes[name]);
    if (name === 'block' || name === 'loop' || name === 'if') this.#bytes.push(emptyBlockType);
    return this;
  }

  /** Signed or unsigned 32 bits. */
  i32(value: number): this {
    if (!Number.isInteger(value) || value < -0x8000_0000 || value > 0xffff_ffff)
      throw new RangeError(`invariant broken: ${value} does not fit 32 bits`);
    this.#bytes.push(0x41);
    pushSigned(this.#bytes, value | 0);
    return this;
  }

  /** Signed or unsigned 64 bits. */
  i64(value: bigint): this {
    if (BigInt.asIntN(64, value) !== value && BigInt.asUintN(64, value) !== value)
      throw new RangeError(`invariant broken: ${value} does not fit 64 bits`);
    this.#bytes.push(0x42);
    pushSignedLong(this.#bytes, BigInt.asIntN(64, value));
    return this;
  }

  get(local: number): this {
    return this.#indexed(0x20, local);
  }

  set(local: number): this {
    return this.#indexed(0x21, local);
  }

  tee(local: number): this {
    return this.#indexed(0x22, local);
  }

  globalGet(index: number): this {
    return this.#indexed(0x23, index);
  }

  globalSet(index: number): this {
    return this.#indexed(0x24, index);
  }

  br(depth: number): this {
    return this.#indexed(0x0c, depth);
  }

  brIf(depth: number): this {
    return this.#indexed(0x0d, depth);
  }

  call(index: number): this {
    return this.#indexed(0x10, index);
  }

  load(name: 'i32.load' | 'i64.load', offset: number): this {
    return this.#access(name, offset);
  }

  store(name: 'i32.store' | 'i64.store', offset: number): this {
    return this.#access(name, offset);
  }

  #indexed(opcode: number, index: number): this {
    this.#bytes.push(opcode);
    pushUnsigned(this.#bytes, index);
    return this;
  }

  #access(name: keyof typeof accesses, offset: number): this {
    const [opcode, alignment] = accesses[name];
    this.#bytes.push(opcode);
    this.#bytes.push(alignment);
    pushUnsigned(this.#bytes, offset);
    return this;
  }
}

/** LEB128 of an unsigned 32-bit number, in as few bytes as it needs. */
export function unsigned(value: number): Uint8Array<ArrayBuffer> {
  const bytes = new ByteList(5);
  pushUnsigned(bytes, value);
  return bytes.copy();
}

/** LEB128 of a signed or unsigned 32-bit number, as `i32.const` has it. */
export function signed(value: number): Uint8Array<ArrayBuffer> {
  const bytes = new ByteList(5);
  pushSigned(bytes, value | 0);
  return bytes.copy();
}

/** Its length, then the bytes. */
export function sized(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return joined(unsigned(bytes.length), bytes);
}

/** How many there are, then one after the other. */
export function vector(entries: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return joined(unsigned(entries.length), ...entries);
}

export function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let length = 0;
  for (const part of parts) length += part.length;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

export function section(id: number, content: Uint8Array): Uint8Array<ArrayBuffer> {
  return joined(new Uint8Array([id]), sized(content));
}

export function customSection(name: string, content: Uint8Array): Uint8Array<ArrayBuffer> {
  return section(0, joined(sized(new TextEncoder().encode(name)), content));
}

export function functionType(
  parameters: readonly ValueType[],
  results: readonly ValueType[],
): Uint8Array<ArrayBuffer> {
  return joined(new Uint8Array([0x60]), vector(parameters.map(typeByte)), vector(results.map(typeByte)));
}

/** An entry of the code section: locals that follow each other are one group where their type is the same. */
export function functionBody(locals: readonly ValueType[], body: Uint8Array): Uint8Array<ArrayBuffer> {
  const groups: { count: number; readonly type: ValueType }[] = [];
  for (const type of locals) {
    const last = groups.at(-1);
    if (last?.type === type) last.count++;
    else groups.push({ count: 1, type });
  }
  return sized(
    joined(vector(groups.map(({ count, type }) => joined(unsigned(count), typeByte(type)))), body),
  );
}

function typeByte(type: ValueType): Uint8Array<ArrayBuffer> {
  return new Uint8Array([typeBytes[type]]);
}

/** Bytes that grow. */
class ByteList {
  #bytes: Uint8Array<ArrayBuffer>;
  #length = 0;

  constructor(capacity: number) {
    this.#bytes = new Uint8Array(capacity);
  }

  push(value: number): void {
    if (this.#length === this.#bytes.length) {
      const more = new Uint8Array(2 * this.#length);
      more.set(this.#bytes);
      this.#bytes = more;
    }
    this.#bytes[this.#length++] = value;
  }

  copy(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }
}

function pushUnsigned(bytes: ByteList, value: number): void {
  if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff)
    throw new RangeError(`invariant broken: ${value} does not fit 32 bits`);
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  bytes.push(rest);
}

/** Ends where all that is left is the sign, which the last byte has too. */
function pushSigned(bytes: ByteList, value: number): void {
  let rest = value;
  while (rest > 0x3f || rest < -0x40) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>= 7;
  }
  bytes.push(rest & 0x7f);
}

function pushSignedLong(bytes: ByteList, value: bigint): void {
  let rest = value;
  // As long as it does not fit 32 bits.
  while (BigInt.asIntN(32, rest) !== rest) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  pushSigned(bytes, Number(rest));
}
