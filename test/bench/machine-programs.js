/**
 * The work of machine-programs.ts in plain JavaScript, for Node and QuickJS: numbers where they are exact, BigInt where a
 * value or an amount needs 64 bits. Prints `name milliseconds answer`, by program the median of as many runs as the
 * first argument says.
 */
const programs = {
  sieve() {
    const size = 8192;
    const flags = new Uint8Array(size);
    let count = 0;
    for (let time = 0; time < 10; time++) {
      flags.fill(1);
      count = 0;
      for (let i = 2; i < size; i++) {
        if (flags[i] !== 1) continue;
        count++;
        for (let j = i + i; j < size; j += i) flags[j] = 0;
      }
    }
    return count;
  },

  fibonacci() {
    const fib = (n) => {
      let a = 0n;
      let b = 1n;
      for (; n !== 0; n--) [a, b] = [b, a + b];
      return a;
    };
    let answer = 0n;
    for (let time = 0; time < 10_000; time++) answer = fib(90);
    return answer;
  },

  arithmetic() {
    let x = 1n;
    for (let left = 300_000; left !== 0; left--) {
      x = (x * 1_103_515_245n + 12_345n) & 2_147_483_647n;
      x ^= x >> 7n;
    }
    return x;
  },

  rule() {
    const limits = [900_000n, 1_200_000n, 1_000_000n, 5n];
    const secret = [1_100_000n];
    let amount = 0n;
    let denied = 0;
    for (let time = 0; time < 40_000; time++) {
      amount += 37n;
      const isAbove = limits[0] < amount || limits[1] < amount || limits[2] < amount || limits[3] < 1n;
      let isDenied = isAbove ? 1 : 0;
      if (secret[0] < amount) isDenied |= 1;
      denied += isDenied;
    }
    return denied;
  },
};

// Node and QuickJS differ in where the arguments are, and in whether there is a clock of parts of a millisecond.
const words = globalThis.process?.argv ?? globalThis.scriptArgs;
const print = globalThis.console.log;
const now = () => globalThis.performance.now();
for (const [name, program] of Object.entries(programs)) {
  const times = [];
  let answer;
  for (let i = 0; i < Number(words.at(-1)); i++) {
    const started = now();
    answer = program();
    times.push(now() - started);
  }
  times.sort((a, b) => a - b);
  print(`${name} ${times[times.length >> 1].toFixed(4)} ${answer}`);
}
