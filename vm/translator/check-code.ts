/** Compares code with what is expected of it, byte by byte: a little writer whose bytes go nowhere. */

/** Instructions without an immediate, blocks without a type, and loads and stores up to their offset, with the natural alignment; in hex. */
const opcodes: ReadonlyMap<string, readonly number[]> = new Map(
  `unreachable 00, block 0240, loop 0340, if 0440, else 05, end 0b, return 0f, select 1b,
  i32.load 2802, i64.load 2903, i32.store 3602, i64.store 3703, i32.eqz 45, i32.eq 46, i32.ne 47,
  i64.eqz 50, i64.eq 51, i64.ne 52, i64.lt_s 53, i64.gt_s 55, i64.gt_u 56, i64.le_s 57, i64.ge_s 59, i64.ge_u 5a,
  i32.add 6a, i32.and 71, i32.or 72, i32.xor 73, i32.shl 74, i64.add 7c, i64.sub 7d, i64.mul 7e, i64.and 83, i64.or 84,
  i64.xor 85, i64.shl 86, i64.shr_s 87, i64.shr_u 88, i64.rotl 89, i32.wrap_i64 a7, i64.extend_i32_u ad, i64.extend32_s c4`
    .split(/,\s+/)
    .map((entry) => entry.split(' '))
    .map(([name = '', hex = '']) => [name, hex.match(/../g)?.map((byte) => Number.parseInt(byte, 16)) ?? []]),
);

export interface Bytes {
  readonly bytes: Uint8Array;
  readonly at: number;
  readonly to: number;
}

export class CodeMatch {
  private readonly code: Bytes | undefined;
  private readonly differs: (offset: number) => never;
  at: number;

  /** Without bytes nothing is compared; `differs` throws. */
  constructor(code: Bytes | undefined, differs: (offset: number) => never) {
    this.code = code;
    this.differs = differs;
    this.at = code?.at ?? 0;
  }

  get compares(): boolean {
    return this.code !== undefined;
  }

  raw(bytes: ArrayLike<number>): this {
    for (let index = 0; index < bytes.length; index++) this.byte(bytes[index]);
    return this;
  }

  private byte(value: number | undefined): this {
    if (this.code === undefined) return this;
    if (this.at >= this.code.to || this.code.bytes[this.at] !== value) this.differs(this.at);
    this.at++;
    return this;
  }

  /** That nothing is left. */
  end(): void {
    if (this.code !== undefined && this.at !== this.code.to) this.differs(this.at);
  }

  unsigned(value: number): this {
    let rest = value;
    for (; rest > 0x7f; rest = Math.floor(rest / 128)) this.byte((rest % 128) | 0x80);
    return this.byte(rest);
  }

  private signed(value: bigint): this {
    let rest = value;
    for (; rest > 63n || rest < -64n; rest >>= 7n) this.byte(Number(rest & 127n) | 0x80);
    return this.byte(Number(rest & 127n));
  }

  op(...names: readonly string[]): this {
    for (const name of names) {
      const bytes = opcodes.get(name);
      if (bytes === undefined) throw new Error(`invariant broken: \`${name}\` has no opcode`);
      this.raw(bytes);
    }
    return this;
  }

  i32(value: number): this {
    this.byte(0x41);
    let rest = value | 0;
    for (; rest > 63 || rest < -64; rest >>= 7) this.byte((rest & 127) | 0x80);
    return this.byte(rest & 127);
  }

  i64(value: bigint): this {
    return this.code === undefined ? this : this.byte(0x42).signed(BigInt.asIntN(64, value));
  }

  access(name: string, offset: number): this {
    return this.op(name).unsigned(offset);
  }

  get(...locals: readonly number[]): this {
    for (const local of locals) this.byte(0x20).unsigned(local);
    return this;
  }

  set(local: number): this {
    return this.byte(0x21).unsigned(local);
  }

  tee(local: number): this {
    return this.byte(0x22).unsigned(local);
  }

  getGlobal(index: number): this {
    return this.byte(0x23).unsigned(index);
  }

  setGlobal(index: number): this {
    return this.byte(0x24).unsigned(index);
  }

  br(depth: number): this {
    return this.byte(0x0c).unsigned(depth);
  }

  brIf(depth: number): this {
    return this.byte(0x0d).unsigned(depth);
  }

  call(index: number): this {
    return this.byte(0x10).unsigned(index);
  }
}
