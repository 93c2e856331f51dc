/** Central management's rounds: at the start, and then once a minute, it frees what it approved and nobody issued. */
import type { Resolution } from '../roles/resolution.ts';

const roundMs = 60_000;
/** The first round: the other systems start at the same time. */
const firstMs = 5_000;

/** Gives what ends the rounds, once the one that runs is over. */
export function repeatResolution(
  resolution: Resolution,
  report: (line: string) => void,
): () => Promise<void> {
  let ended = false;
  let running: Promise<void> = Promise.resolve();

  async function round(): Promise<void> {
    try {
      const done = await resolution.run();
      if (done.ok && done.value > 0) report(`central freed what was not issued in ${done.value} requests`);
      // Another system that is away is asked again; whoever sends a request hears of it.
    } catch (error) {
      if (!ended) report(`central could not look for what was not issued: ${String(error)}`);
    }
    if (!ended) later(roundMs);
  }

  let timer: NodeJS.Timeout | undefined;
  function later(ms: number): void {
    timer = setTimeout(() => {
      running = round();
    }, ms);
    timer.unref();
  }

  later(firstMs);
  return async () => {
    ended = true;
    clearTimeout(timer);
    await running;
  };
}
