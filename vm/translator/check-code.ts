/** Compares code with what is expected of it, byte by byte: a little writer whose bytes go nowhere. */

const opcodes = {
  unreachable: [0x00],
  block: [0x02, 0x40],
  loop: [0x03, 0x40],
  if: [0x04, 0x40],
  else: [0x05],
  end: [0x0b],
  return: [0x0f],
  select: [0x1b],
  'i32.eqz': [0x45],
  'i32.eq': [0x46],
  'i32.ne': [0x47],
  'i64.eqz': [0x50],
  'i64.eq': [0x51],
  'i64.ne': [0x52],
  'i64.lt_s': [0x53],
  'i64.gt_s': [0x55],
  'i64.gt_u': [0x56],
  'i64.le_s': [0x57],
  'i64.ge_s': [0x59],
  'i64.ge_u': [0x5a],
  'i32.add': [0x6a],
  'i32.and': [0x71],
  'i32.or': [0x72],
  'i32.xor': [0x73],
  'i32.shl': [0x74],
  'i64.add': [0x7c],
  'i64.sub': [0x7d],
  'i64.mul': [0x7e],
  'i64.and': [0x83],
  'i64.or': [0x84],
  'i64.xor': [0x85],
  'i64.shl': [0x86],
  'i64.shr_s': [0x87],
  'i64.shr_u': [0x88],
  'i64.rotl': [0x89],
  'i32.wrap_i64': [0xa7],
  'i64.extend_i32_u': [0xad],
  'i64.extend32_s': [0xc4],
} as const;

export type Operation = keyof typeof opcodes;

/** With the natural alignment. */
const accesses = {
  'i32.load': [0x28, 2],
  'i64.load': [0x29, 3],
  'i32.store': [0x36, 2],
  'i64.store': [0x37, 3],
} as const;

export class CodeMatch {
  private readonly bytes: Uint8Array | undefined;
  at: number;
  private readonly to: number;
  private readonly differs: (offset: number) => never;

  /** Without bytes nothing is compared. */
  constructor(bytes: Uint8Array | undefined, at: number, to: number, differs: (offset: number) => never) {
    this.bytes = bytes;
    this.at = at;
    this.to = to;
    this.differs = differs;
  }

  get compares(): boolean {
    return this.bytes !== undefined;
  }

  raw(bytes: ArrayLike<number>): this {
    if (this.bytes === undefined) return this;
    for (let index = 0; index < bytes.length; index++, this.at++)
      if (this.at >= this.to || this.bytes[this.at] !== bytes[index]) this.differs(this.at);
    return this;
  }

  /** That nothing is left. */
  end(): void {
    if (this.bytes !== undefined && this.at !== this.to) this.differs(this.at);
  }

  unsigned(value: number): this {
    const bytes: number[] = [];
    let rest = value;
    for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
    return this.raw([...bytes, rest]);
  }

  private signed(value: bigint): this {
    const bytes: number[] = [];
    let rest = value;
    for (; rest > 63n || rest < -64n; rest >>= 7n) bytes.push(Number(rest & 127n) | 0x80);
    return this.raw([...bytes, Number(rest & 127n)]);
  }

  op(...operations: readonly Operation[]): this {
    for (const operation of operations) this.raw(opcodes[operation]);
    return this;
  }

  i32(value: number): this {
    return this.bytes === undefined ? this : this.raw([0x41]).signed(BigInt(value | 0));
  }

  i64(value: bigint): this {
    return this.bytes === undefined ? this : this.raw([0x42]).signed(BigInt.asIntN(64, value));
  }

  brIf(depth: number): this {
    return this.raw([0x0d]).unsigned(depth);
  }

  br(depth: number): this {
    return this.raw([0x0c]).unsigned(depth);
  }

  call(index: number): this {
    return this.raw([0x10]).unsigned(index);
  }

  get(...locals: readonly number[]): this {
    for (const local of locals) this.raw([0x20]).unsigned(local);
    return this;
  }

  set(local: number): this {
    return this.raw([0x21]).unsigned(local);
  }

  tee(local: number): this {
    return this.raw([0x22]).unsigned(local);
  }

  getGlobal(index: number): this {
    return this.raw([0x23]).unsigned(index);
  }

  setGlobal(index: number): this {
    return this.raw([0x24]).unsigned(index);
  }

  access(name: keyof typeof accesses, offset: number): this {
    return this.raw(accesses[name]).unsigned(offset);
  }
}
