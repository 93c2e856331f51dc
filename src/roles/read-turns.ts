/**
 * Turns of those who read a ledger for lists and streams: one page at a time, and a pause after each of nine times what it took. So
 * reading has a tenth of a process at most, whoever reads how much, and what is sent of it is in proportion; where issuing keeps the process
 * busy a page takes longer, and the pause with it.
 */
export type ReadTurns = <T>(work: () => Promise<T>) => Promise<T>;

const pauseShare = 9;
/** A page that a busy machine made slowly does not keep the next one waiting for long. */
const pauseLimitMs = 1_000;

export function makeReadTurns(): ReadTurns {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const turn = last.then(async () => {
      const startedMs = performance.now();
      try {
        return { result: await work(), tookMs: performance.now() - startedMs };
      } catch (error) {
        return { error, tookMs: performance.now() - startedMs };
      }
    });
    // A process that ends does not wait for it.
    last = turn.then(({ tookMs }) => pause(Math.min(tookMs * pauseShare, pauseLimitMs)));
    return turn.then((outcome) => {
      if ('error' in outcome) throw outcome.error;
      return outcome.result;
    });
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}
