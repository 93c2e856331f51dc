/** A module as lists of entries of bytes: taken apart where its header fits its length, and put together with a header that fits. */

/** In the order of a module; bytes of an entry. */
export const sectionSizes = {
  levels: 8,
  constants: 16,
  segments: 16,
  tables: 16,
  ports: 8,
  grants: 32,
  functions: 16,
  entries: 8,
  code: 8,
} as const;

export type SectionName = keyof typeof sectionSizes;
export const sectionNames = Object.keys(sectionSizes) as SectionName[];

export type Sections = Record<SectionName, Uint8Array[]>;

export const headerBytes = 64;

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Counts by section, as the header has them. */
function countsOf(bytes: Uint8Array): number[] {
  const view = viewOf(bytes);
  const counts = Array.from({ length: 7 }, (_, index) => view.getUint16(8 + 2 * index, true));
  return [...counts, view.getUint32(24, true), view.getUint32(28, true)];
}

/** `undefined` where the header says another length. */
export function takeApart(bytes: Uint8Array): Sections | undefined {
  if (bytes.length < headerBytes) return undefined;
  const counts = countsOf(bytes);
  const total = sectionNames.reduce(
    (sum, name, index) => sum + sectionSizes[name] * (counts[index] ?? 0),
    headerBytes,
  );
  if (total !== bytes.length) return undefined;
  // One copy; entries are parts of it.
  const own = bytes.slice();
  let at = headerBytes;
  const lists = sectionNames.map((name, index) => {
    const size = sectionSizes[name];
    return Array.from({ length: counts[index] ?? 0 }, () => {
      at += size;
      return own.subarray(at - size, at);
    });
  });
  return Object.fromEntries(sectionNames.map((name, index) => [name, lists[index] ?? []])) as Sections;
}

/** With a good header, but for the hash, which is left zero. */
export function putTogether(sections: Sections): Uint8Array {
  const total = sectionNames.reduce(
    (sum, name) => sum + sections[name].reduce((bytes, entry) => bytes + entry.length, 0),
    headerBytes,
  );
  const bytes = new Uint8Array(total);
  const view = viewOf(bytes);
  view.setUint32(0, 0x4d56_4d52, true);
  view.setUint32(4, 2, true);
  for (const [index, name] of sectionNames.slice(0, 7).entries())
    view.setUint16(8 + 2 * index, sections[name].length, true);
  view.setUint32(24, sections.entries.length, true);
  view.setUint32(28, sections.code.length, true);
  let at = headerBytes;
  for (const name of sectionNames) {
    for (const entry of sections[name]) {
      bytes.set(entry, at);
      at += entry.length;
    }
  }
  return bytes;
}

/** The function that holds an instruction, by what functions say of their lengths. */
export function functionOf(sections: Sections, instruction: number): Uint8Array | undefined {
  let first = 0;
  for (const entry of sections.functions) {
    first += viewOf(entry).getUint32(0, true);
    if (instruction < first) return entry;
  }
  return undefined;
}

/** Says that a function, or a table, has `by` more. */
export function lengthen(entry: Uint8Array | undefined, byte: number, by: number): void {
  if (entry === undefined) return;
  const view = viewOf(entry);
  view.setUint32(byte, view.getUint32(byte, true) + by, true);
}
