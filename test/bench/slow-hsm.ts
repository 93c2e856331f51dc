/** Full batches, and the same with each system's HSM slowed by the fault shim to 20 signatures a second. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findModule } from '../../hsm/module-path.ts';
import { homeAt, roles } from '../../src/appliance/home.ts';
import { project } from '../flow/ringmint.ts';
import { FaultShim, shimObstacle } from '../hsm/fault-shim.ts';
import { batchesPerSecond, issue, show, time, whileUp, withAppliance } from './appliance.ts';
import { median, type Row } from './figure.ts';

const batches = 15;
const signatureMs = 50;
const rounds = 3;

export async function benchSlowHsm(): Promise<Row[]> {
  const obstacle = shimObstacle();
  if (obstacle !== undefined)
    return [{ what: 'an HSM of 20 signatures a second', figure: `not measured: ${obstacle}` }];
  console.error('a slow HSM');
  const folder = mkdtempSync(join(tmpdir(), 'ringmint-bench-shim-'));
  try {
    const shim = new FaultShim(folder, findModule('auto', process.env, project));
    return await withAppliance(
      async (place) => {
        // One signature at a time: with more sessions the delays would run beside each other.
        for (const role of roles) {
          const path = homeAt(place.home).config(role);
          const configuration = JSON.parse(readFileSync(path, 'utf8')) as {
            signing: Record<string, unknown>;
          };
          Object.assign(configuration.signing, { processes: 1, sessions: 1 });
          writeFileSync(path, JSON.stringify(configuration));
        }
        return whileUp(place, async (client) => {
          const slow = (is: boolean): void =>
            shim.plan(is ? [`C_Sign 1-1000000000 delay ${signatureMs}`] : []);
          await batchesPerSecond(client, 3);
          const rates = { fast: [] as number[], slowed: [] as number[] };
          for (let round = 0; round < rounds; round++) {
            slow(false);
            rates.fast.push(await batchesPerSecond(client, batches));
            slow(true);
            rates.slowed.push(await batchesPerSecond(client, batches));
          }
          const lone = await time(() => issue(client, 1));
          const [fast, slowed] = [median(rates.fast), median(rates.slowed)];
          return [
            { what: 'units/s in batches, three at once, one session an HSM', figure: show(fast) },
            {
              what: '… HSMs of 20 signatures a second',
              figure: `${show(slowed)}: ${Math.round((100 * slowed) / fast)} %`,
            },
            { what: '… a lone request then', figure: `${show(lone)} ms` },
          ];
        });
      },
      '--module',
      shim.module,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
