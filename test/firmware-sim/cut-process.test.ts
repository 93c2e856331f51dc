/** A device's process is killed at random moments as its anchor goes up: what it answered is there, each time. */
import { expect, it } from 'vitest';
import { Draw } from '../../firmware-sim/chip/draw.ts';
import type { Head } from '../../firmware-sim/protocol.ts';
import { sha256, utf8 } from '../../src/kit/bytes.ts';
import { nightly } from '../nightly.ts';
import { cleanUp, processesOf, readyDevice, until } from './protocol/temporary-device.ts';

cleanUp();

const seed = nightly ? Math.floor(Date.now() / 86_400_000) : 1;
const kills = nightly ? 500 : 25;

function headOf(sequence: number): Head {
  return { sequence, hash: sha256(utf8(`killed ${sequence}`)) };
}

it(`${kills} kills at random moments lose nothing that was answered (seed ${seed})`, {
  timeout: nightly ? 3_600_000 : 240_000,
}, async () => {
  const draw = new Draw(seed);
  const { folder, client } = await readyDevice();
  let answered = 0;
  let ended = false;
  const raising = (async () => {
    while (!ended) {
      // Where an answer had been lost, `from` would be another head than the anchored one: `anchor_moved`.
      const from = answered === 0 ? null : headOf(answered);
      await client.call('advance', { name: 'journal', from, to: headOf(answered + 1) });
      answered++;
    }
  })();
  let failure: unknown;
  raising.catch((error: unknown) => {
    failure = error;
  });
  const goesOn = (from: number) => () => {
    if (failure !== undefined) throw failure;
    return answered > from;
  };
  for (let kill = 0; kill < kills; kill++) {
    await until('the anchor goes up again', goesOn(answered), 30_000);
    await new Promise((resolve) => setTimeout(resolve, draw.below(30)));
    const [processId] = processesOf(folder);
    if (processId !== undefined) process.kill(processId, 'SIGKILL');
    await until('it answers again', goesOn(answered), 30_000);
  }
  ended = true;
  await raising;
  expect(await client.call('read-anchor', { name: 'journal' })).toEqual({ head: headOf(answered) });
  expect(answered).toBeGreaterThan(2 * kills);
  // Wrong PINs were not tried, and no login on the way cost a try.
  expect((await client.call('counters', {})).triesLeft).toBe(8);
});
