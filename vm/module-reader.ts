/** Modules from bytes, for tools: takes apart what `encodeModule` put together. Whether it may run, only the loader says. */
import { type WordType, wordTypes } from './isa.ts';
import type { CodeWord, FunctionBody, Grant, Module } from './module.ts';
import { stripNames } from './module.ts';

export type ReadResult =
  | { readonly ok: true; readonly module: Module }
  | { readonly ok: false; readonly code: 'module_malformed'; readonly message: string };

class Reader {
  private readonly view: DataView;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u8(): number {
    return this.view.getUint8(this.at++);
  }

  u16(): number {
    this.at += 2;
    return this.view.getUint16(this.at - 2, true);
  }

  u32(): number {
    this.at += 4;
    return this.view.getUint32(this.at - 4, true);
  }

  i64(): bigint {
    this.at += 8;
    return this.view.getBigInt64(this.at - 8, true);
  }

  type(): WordType {
    const number = this.u32();
    const type = wordTypes[number];
    if (type === undefined)
      throw new RangeError(`type ${number} at byte ${this.at - 4}: 0 and 1 are accepted`);
    return type;
  }

  list<T>(count: number, read: () => T): T[] {
    const items: T[] = [];
    for (let left = count; left > 0; left--) items.push(read());
    return items;
  }
}

/** Takes a module file apart, its names left aside. */
export function readModule(file: Uint8Array): ReadResult {
  const bytes = stripNames(file);
  if (bytes.length < 64 || new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true) !== 0x4d564d52)
    return malformed('it does not begin with a header of 64 bytes and `RMVM`');
  try {
    return { ok: true, module: read(new Reader(bytes)) };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return malformed(error.message.includes('accepted') ? error.message : 'it ends before its tables do');
  }
}

function malformed(why: string): ReadResult {
  return { ok: false, code: 'module_malformed', message: `this is no module: ${why}` };
}

function read(reader: Reader): Module {
  reader.at = 4;
  const version = reader.u32();
  if (version !== 2) throw new RangeError(`version ${version}: 2 is accepted`);
  const [levels, constants, segments, tables, ports, grants, functions] = reader.list(7, () => reader.u16());
  reader.at = 64;
  const levelList = reader.list(levels ?? 0, () => {
    const label = reader.u32();
    reader.at += 4;
    return label;
  });
  const constantList = reader.list(constants ?? 0, () => {
    const value = reader.i64();
    return { value, label: reader.u32(), type: reader.type() };
  });
  const segmentList = reader.list(segments ?? 0, () => {
    const length = reader.u32();
    return { length, label: reader.u32(), ceiling: reader.u32(), type: reader.type() };
  });
  const tableList = reader.list(tables ?? 0, () => {
    const label = reader.u32();
    return { label, type: reader.type(), count: reader.u32(), sorted: reader.u32() !== 0 };
  });
  const portList = reader.list(ports ?? 0, () => ({ label: reader.u32(), type: reader.type() }));
  const grantList = reader.list(grants ?? 0, () => readGrant(reader));
  const functionList = reader.list(functions ?? 0, () => {
    const count = reader.u32();
    const authority = reader.u32();
    const [parameters, results, parameterSymbols, resultSymbols] = reader.list(4, () => reader.u8());
    reader.at += 4;
    const types = (many = 0, symbols = 0): WordType[] =>
      Array.from({ length: many }, (_, index) => (((symbols >> index) & 1) === 1 ? 'symbol' : 'number'));
    return {
      count,
      authority,
      parameters: types(parameters, parameterSymbols),
      results: types(results, resultSymbols),
    };
  });
  return {
    levels: levelList,
    constants: constantList,
    segments: segmentList,
    tables: tableList.map(({ label, type, sorted, count }) => ({
      label,
      type,
      sorted,
      entries: reader.list(count, () => reader.i64()),
    })),
    ports: portList,
    grants: grantList,
    functions: functionList.map(
      ({ count, authority, parameters, results }): FunctionBody => ({
        authority,
        parameters,
        results,
        code: reader.list(count, () => readCode(reader)),
      }),
    ),
  };
}

function readGrant(reader: Reader): Grant {
  const kind = reader.u32();
  if (kind !== 1 && kind !== 2)
    throw new RangeError(`grant of kind ${kind} at byte ${reader.at - 4}: 1 and 2 are accepted`);
  return {
    kind: kind === 1 ? 'declassify' : 'endorse',
    from: reader.u32(),
    to: reader.u32(),
    uses: reader.u32(),
    least: reader.i64(),
    most: reader.i64(),
  };
}

function readCode(reader: Reader): CodeWord {
  const opcode = reader.u8();
  const level = reader.u8();
  return {
    opcode,
    level,
    registers: [reader.u8(), reader.u8(), reader.u8(), reader.u8()],
    index: reader.u16(),
  };
}
