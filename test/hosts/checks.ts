/** All that a host is asked, in one call: bundled once, and the very same bytes run in Node, Deno, Bun, workerd and Chromium. */
import { startMachine } from '../../vm/index.ts';
import { trustKeys } from '../../vm/signed-module.ts';
import { runBare, runHost, type Tally } from './conformance.ts';

/** A signed module whose only port is written, and the points of who signed it and of somebody else; in hexadecimal digits. */
export interface SignedSample {
  readonly signed: string;
  readonly point: string;
  readonly stranger: string;
}

const bytesOf = (hex: string): Uint8Array =>
  Uint8Array.from(hex.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16));

async function runSigned(wasm: WebAssembly.Module, sample: SignedSample): Promise<Tally> {
  const failures: string[] = [];
  let passed = 0;
  const load = async (point: string, signed: Uint8Array): Promise<string> => {
    const machine = await startMachine(wasm, { trust: trustKeys([bytesOf(point)]) });
    const loaded = machine.load(signed);
    if (!loaded.ok) return loaded.reason;
    const result = loaded.program.run({ inputs: [] });
    return result.ok && result.ports.size === 1 ? 'ran' : 'trapped';
  };
  const expect = async (what: string, outcome: string, point: string, signed: Uint8Array): Promise<void> => {
    const given = await load(point, signed);
    if (given === outcome) passed++;
    else failures.push(`${what}: ${given}, and not ${outcome}`);
  };
  const signed = bytesOf(sample.signed);
  await expect('a signed module', 'ran', sample.point, signed);
  await expect('a module signed by somebody else', 'signature', sample.stranger, signed);
  for (let at = 0; at < signed.length; at += 11) {
    const changed = signed.with(at, (signed[at] ?? 0) ^ 1);
    await expect(`a signed module with byte ${at} changed`, 'signature', sample.point, changed);
  }
  return { passed, failures };
}

/** The conformance file on the bare exports, the same through vm/host.ts, and signatures; a line for each failure, and the sum last. */
export async function runChecks(wasm: WebAssembly.Module, text: string, sample: string): Promise<string> {
  const tallies = [
    await runBare(wasm, text),
    await runHost(wasm, text),
    await runSigned(wasm, JSON.parse(sample) as SignedSample),
  ];
  const failures = tallies.flatMap((tally) => tally.failures);
  const passed = tallies.reduce((sum, tally) => sum + tally.passed, 0);
  return [...failures, `${passed} passed, ${failures.length} failed`].join('\n');
}
