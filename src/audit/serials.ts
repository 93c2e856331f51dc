/** The numbers of control bits: one number of an epoch names one control bit. Memory goes by how many there are, not by how high they are. */

const chunkSize = 4_096;

export interface NumberRun {
  readonly epoch: number;
  readonly from: number;
  readonly to: number;
}

export class Serials {
  private readonly epochs = new Map<number, Map<number, Uint8Array>>();

  /** Gives whether it is there for the first time. */
  add(epoch: number, number: number): boolean {
    const chunks = this.epochs.get(epoch) ?? new Map<number, Uint8Array>();
    this.epochs.set(epoch, chunks);
    const index = Math.floor(number / chunkSize);
    const chunk = chunks.get(index) ?? new Uint8Array(chunkSize / 8);
    chunks.set(index, chunk);
    const place = number % chunkSize;
    const bit = 1 << (place % 8);
    const at = Math.floor(place / 8);
    const isNew = ((chunk[at] ?? 0) & bit) === 0;
    chunk[at] = (chunk[at] ?? 0) | bit;
    return isNew;
  }

  /** Numbers that no control bit has, below the highest of their epoch; `most` runs of them at most. */
  missing(most: number): { readonly count: number; readonly runs: readonly NumberRun[] } {
    let count = 0;
    const runs: NumberRun[] = [];
    const note = (epoch: number, from: number, to: number): void => {
      if (to < from) return;
      count += to - from + 1;
      const last = runs.at(-1);
      if (last?.epoch === epoch && last.to === from - 1) runs[runs.length - 1] = { ...last, to };
      else if (runs.length < most) runs.push({ epoch, from, to });
    };
    for (const [epoch, chunks] of [...this.epochs].sort(([a], [b]) => a - b)) {
      let next = 1;
      for (const [index, chunk] of [...chunks].sort(([a], [b]) => a - b)) {
        for (let place = 0; place < chunkSize; place++) {
          if (((chunk[Math.floor(place / 8)] ?? 0) & (1 << (place % 8))) === 0) continue;
          const number = index * chunkSize + place;
          note(epoch, next, number - 1);
          next = number + 1;
        }
      }
    }
    return { count, runs };
  }
}
