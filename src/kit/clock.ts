/** Time and randomness are passed in, so that every test is deterministic. */
export interface Clock {
  /** Seconds since 1970-01-01T00:00:00Z, a whole number (RFC 8392 NumericDate without fractions). */
  nowSeconds(): number;
  /** Milliseconds since 1970-01-01T00:00:00Z, a whole number. */
  nowMs(): number;
}

export const systemClock: Clock = {
  nowSeconds: () => Math.floor(Date.now() / 1000),
  nowMs: () => Date.now(),
};

/** A clock that stands still until it is moved: for tests. */
export function fixedClock(startMs: number): Clock & { advanceMs(ms: number): void } {
  let ms = startMs;
  return {
    nowSeconds: () => Math.floor(ms / 1000),
    nowMs: () => ms,
    advanceMs(by) {
      ms += by;
    },
  };
}

/** Fills a new array of `length` bytes; cryptographically secure outside tests. */
export type RandomBytes = (length: number) => Uint8Array;

export const systemRandom: RandomBytes = (length) =>
  globalThis.crypto.getRandomValues(new Uint8Array(length));
