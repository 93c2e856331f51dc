/**
 * Modules of the label machine as bytes; the layout is drawn in vm/assembly/load.ts, which checks every one of them.
 * What is written here is what was asked for: a module that breaks a rule is encoded all the same, and refused by the loader.
 */

export interface Segment {
  /** Words. */
  readonly length: number;
  /** Of its words before a run. */
  readonly label: number;
  /** The most that may be written to it. */
  readonly ceiling: number;
}

export interface Grant {
  readonly kind: 'declassify' | 'endorse';
  /** The most secret, least trusted value that the grant covers. */
  readonly from: number;
  readonly to: number;
  /** Values outside this range trap: what a grant lets through is no wider than it says. */
  readonly least: bigint;
  readonly most: bigint;
}

export interface CodeWord {
  readonly opcode: number;
  readonly level: number;
  readonly registers: readonly [d: number, a: number, b: number, c: number];
  /** Into constants, segments, grants or ports. */
  readonly index: number;
}

export interface Module {
  readonly levels: readonly number[];
  readonly constants: readonly { readonly value: bigint; readonly label: number }[];
  readonly segments: readonly Segment[];
  readonly ports: readonly number[];
  readonly grants: readonly Grant[];
  readonly code: readonly CodeWord[];
}

const headerBytes = 32;
const magic = 0x4d564d52;
const version = 1;

export function encodeModule(module: Module): Uint8Array {
  const { levels, constants, segments, ports, grants, code } = module;
  const length =
    headerBytes +
    levels.length * 8 +
    constants.length * 16 +
    segments.length * 16 +
    ports.length * 8 +
    grants.length * 32 +
    code.length * 8;
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, magic, true);
  view.setUint32(4, version, true);
  for (const [index, table] of [levels, constants, segments, ports, grants, code].entries()) {
    view.setUint16(8 + 2 * index, table.length, true);
  }
  view.setUint32(20, length, true);
  let at = headerBytes;
  for (const label of levels) {
    view.setUint32(at, label, true);
    at += 8;
  }
  for (const { value, label } of constants) {
    view.setBigInt64(at, value, true);
    view.setUint32(at + 8, label, true);
    at += 16;
  }
  for (const segment of segments) {
    view.setUint32(at, segment.length, true);
    view.setUint32(at + 4, segment.label, true);
    view.setUint32(at + 8, segment.ceiling, true);
    at += 16;
  }
  for (const label of ports) {
    view.setUint32(at, label, true);
    at += 8;
  }
  for (const grant of grants) {
    view.setUint32(at, grant.kind === 'declassify' ? 1 : 2, true);
    view.setUint32(at + 4, grant.from, true);
    view.setUint32(at + 8, grant.to, true);
    view.setBigInt64(at + 16, grant.least, true);
    view.setBigInt64(at + 24, grant.most, true);
    at += 32;
  }
  for (const { opcode, level, registers, index } of code) {
    bytes.set([opcode, level, ...registers], at);
    view.setUint16(at + 6, index, true);
    at += 8;
  }
  return bytes;
}
