/** Devices in folders of their own, as a program has them: with their processes, and gone when the test is. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { type DeviceClient, openDevice } from '../../../firmware-sim/client.ts';
import { manufactureDevice } from '../../../firmware-sim/device-folder.ts';
import { assert } from '../../../src/kit/result.ts';

const open: DeviceClient[] = [];
const folders: string[] = [];

/** Call once in a file: closes every client, and removes every folder, after each test. */
export function cleanUp(): void {
  afterEach(async () => {
    await Promise.all(open.splice(0).map((client) => client.close()));
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
  });
}

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'ringmint-device-'));
  folders.push(folder);
  return folder;
}

export async function makeDevice(
  profile = 'aster-1',
  folder = join(temporaryFolder(), 'device'),
): Promise<string> {
  const made = await manufactureDevice({ folder, profile });
  assert(made.ok, `a device is made: ${made.ok ? '' : made.message}`);
  return folder;
}

export async function openClient(folder: string, timeoutMs = 20_000): Promise<DeviceClient> {
  const client = await openDevice({ folder, timeoutMs });
  open.push(client);
  return client;
}

export const pin = 'correct horse';

/** With a PIN, and the client logged in. */
export async function readyDevice(profile?: string): Promise<{ folder: string; client: DeviceClient }> {
  const folder = await makeDevice(profile);
  const client = await openClient(folder);
  await client.initialise(pin);
  await client.login(pin);
  return { folder, client };
}

/** Processes that serve the folder, or try to. */
export function processesOf(folder: string): number[] {
  const ids = execFileSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' });
  return ids
    .split('\n')
    .filter((line) => line.includes('device-process') && line.trimEnd().endsWith(` ${folder}`))
    .map((line) => Number.parseInt(line, 10));
}

/** The one that serves it. */
export function processOf(folder: string): number {
  const [id, ...more] = processesOf(folder);
  assert(id !== undefined && more.length === 0, 'one process serves the device');
  return id;
}

export async function until(what: string, holds: () => boolean, limitMs = 10_000): Promise<void> {
  for (const startedMs = performance.now(); !holds(); ) {
    assert(performance.now() - startedMs < limitMs, `${what} within ${limitMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
