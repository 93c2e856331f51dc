/** Entry point of a device's process: powers on the chip of a folder, serves it on the folder's socket, and ends when whoever started it does. */
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { PowerCutError } from './chip/memory.ts';
import type { StartMessage } from './device-child.ts';
import { DeviceError } from './device-error.ts';
import { openChip } from './device-folder.ts';
import { boot } from './firmware/boot.ts';
import { makeFirmware } from './firmware/commands.ts';
import { lockFolder } from './folder-lock.ts';
import { DeviceServer, systemTimer } from './server.ts';
import { openSocketFolder } from './socket-path.ts';

const [folder = ''] = process.argv.slice(2);
/** Where there is somebody who started it, it ends with them. */
const hasParent = process.send !== undefined;

/** Ends the process with a line for whoever looks after the device; nothing else may run on. */
function stop(message: string): never {
  process.stderr.write(`ringmint device in ${folder}: ${message}\n`);
  process.exit(1);
}

function tell(message: StartMessage): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined || !process.connected) resolve();
    else process.send(message, undefined, undefined, () => resolve());
  });
}

async function serve(): Promise<void> {
  const lock = await lockFolder(folder);
  if (lock === undefined) throw new DeviceError('device_in_use', `another process serves \`${folder}\``);
  const { chip, profile } = openChip(folder);
  const firmware = makeFirmware(boot(chip, profile));
  const server = new DeviceServer({
    firmware,
    profile,
    startTimer: systemTimer,
    onBroken: (error) => stop(messageOf(error)),
  });
  // Its descriptor stays open: the socket is unbound through it.
  const place = openSocketFolder(folder);
  // Of a process that was killed; this one has the folder to itself.
  rmSync(join(folder, 'socket'), { force: true });
  const listener = createServer({ allowHalfOpen: true }, (socket) => server.attach(socket));
  await listen(listener, place.addressOf('socket'));
  chmodSync(join(folder, 'socket'), 0o600);

  let ending = false;
  const end = (): void => {
    if (ending) return;
    ending = true;
    server.stop();
    // Removes the socket, then the lock; connections that do not take their answers are not waited for.
    listener.close(() => void lock.release().then(() => process.exit(0)));
    setTimeout(() => process.exit(0), 500);
  };
  process.on('disconnect', end);
  process.on('SIGTERM', () => {
    // Whoever started it ends first, and needs it until then.
    if (!process.connected) end();
  });
  // They may have gone meanwhile.
  if (hasParent && !process.connected) end();
  else await tell({ ready: true });
}

function listen(listener: Server, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    listener.on('error', reject);
    // Room for clients that all begin at once.
    listener.listen({ path: address, backlog: 64 }, () => {
      listener.off('error', reject);
      listener.on('error', (error) => stop(error.message));
      resolve();
    });
  });
}

function messageOf(error: unknown): string {
  if (error instanceof PowerCutError) return `it lost power: ${error.message}`;
  if (!(error instanceof Error)) return 'an error that is none';
  // What is foreseen has a code; anything else is a bug, of which the place is of use.
  return 'code' in error ? error.message : (error.stack ?? error.message);
}

// Ctrl-C goes to the whole group of processes: the parent drains first, then disconnects.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);

serve().catch(async (error: unknown) => {
  const code = error instanceof DeviceError ? error.code : 'device_lost';
  const message = error instanceof Error ? error.message : 'it did not start';
  await tell({ ready: false, code, message });
  // Somebody else serves it, which is no fault.
  if (code === 'device_in_use') process.exit(0);
  stop(messageOf(error));
});
