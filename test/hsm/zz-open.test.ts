import { join } from 'node:path';
import { test } from 'vitest';
import { compileSigner } from './compiled-signer.ts';
import { FaultShim } from './fault-shim.ts';
import { messageOf, provision, softhsm, temporaryFolder } from './temporary-token.ts';
test('opens', async () => {
  const c = await compileSigner();
  const folder = temporaryFolder();
  const directories = [];
  for (let i = 0; i < 8; i++) directories.push(await provision(join(folder, `t${i}`)));
    const times: number[] = []; const signs: number[] = []; let failed = 0;
    for (let round = 0; round < 60; round++) await Promise.all(directories.map(async (d, i) => {
      const shim = new FaultShim(join(folder, `s${round} ${i}`), softhsm);
      const s = performance.now();
      try {
        const t = await c.openToken({ address: { ...d.address, module: shim.module }, configuration: d.configuration, signingKey: 'signing', timeoutMs: 2000 });
        times.push(performance.now() - s);
        const s2 = performance.now(); await Promise.all([1, 2, 3, 4, 5, 6].map((x) => t.signer.sign(messageOf(x)))); signs.push(performance.now() - s2);
        await t.close();
      } catch (e) { failed++; console.log(String(e), performance.now() - s, shim.readLog().slice(-6)); }
    }));
    const top = (a: number[]) => a.sort((x, y) => y - x).slice(0, 4).map(Math.round);
    console.log('failed', failed, 'slowest open', top(times), 'slowest sign', top(signs));
  c.remove();
}, 220000);
