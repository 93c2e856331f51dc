/** One connection to a device, as a client has it: sends commands one behind the other, and gives each its answer. */
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { quote, type Result } from '../src/kit/result.ts';
import { deriveChannel, proofOf } from './channel.ts';
import { decodeHello, encodeMessage, type Hello, readAnswer, requestItems } from './codec.ts';
import { readResult, writeArguments } from './command-table.ts';
import { DeviceError } from './device-error.ts';
import { isDeviceErrorCode } from './error-table.ts';
import { FrameReader, frameOf } from './frame.ts';
import type { CommandName, Commands } from './protocol.ts';
import { Channel, sealLength } from './sealed-channel.ts';
import { openSocketFolder } from './socket-path.ts';

interface Pending {
  readonly name: CommandName;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: DeviceError) => void;
}

/** Of a hello, whose limit is not known yet. */
const helloLimit = 1_024;

export class DeviceConnection {
  readonly hello: Hello;
  private readonly socket: Socket;
  private readonly reader: FrameReader;
  private readonly channel: Channel = new Channel('client');
  private readonly pending: Pending[] = [];
  private sent = 0;
  private failure: DeviceError | undefined;
  /** Called once, when it is lost; what was in flight has thrown `device_lost` before. */
  onLost: () => void = () => undefined;

  constructor(socket: Socket, hello: Hello) {
    this.socket = socket;
    this.hello = hello;
    this.reader = new FrameReader(hello.frameBytes);
    socket.on('data', (chunk) => this.take(chunk));
    socket.on('error', (error) => this.lose(lost(error.message)));
    socket.on('close', () => this.lose(lost('the connection was closed')));
  }

  get usable(): boolean {
    return this.failure === undefined;
  }

  /** Sends one command; throws what the device refuses with, and `device_lost` where no answer can come any more. */
  call<N extends CommandName>(name: N, given: Commands[N]['arguments']): Promise<Commands[N]['result']> {
    return new Promise((resolve, reject) => {
      if (this.failure !== undefined) {
        reject(this.failure);
        return;
      }
      const sequence = this.sent + 1;
      const plain = encodeMessage({ sequence, items: requestItems(name, writeArguments(name, given)) });
      const { frameBytes } = this.hello;
      if (plain.length > frameBytes - sealLength) {
        reject(
          new DeviceError(
            'frame_too_large',
            `a command of ${plain.length} bytes: at most ${frameBytes - sealLength} are accepted`,
          ),
        );
        return;
      }
      this.sent = sequence;
      this.pending.push({ name, resolve: (result) => resolve(result as Commands[N]['result']), reject });
      this.socket.write(frameOf(this.channel.seal(sequence, plain)));
    });
  }

  /** Proves the PIN's key; nothing else may be in flight. Throws `pin_incorrect`, `pin_locked`, `device_blank`. */
  async login(pinKey: Uint8Array): Promise<void> {
    const nonces = { device: this.hello.nonce, client: new Uint8Array(randomBytes(16)) };
    await this.call('login', { nonce: nonces.client, proof: proofOf(pinKey, nonces) });
    this.channel.secure(deriveChannel(pinKey, nonces));
  }

  /** Gives it up; what is in flight throws `device_lost`. */
  close(): void {
    this.lose(lost('the connection was closed by this program'));
  }

  private take(chunk: Buffer): void {
    this.reader.push(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length));
    while (this.failure === undefined) {
      const next = this.reader.next();
      if (next.ok && next.value === undefined) return;
      const fault = next.ok && next.value !== undefined ? this.settle(next.value) : refusalOf(next);
      if (fault !== undefined) this.lose(lost(fault));
    }
  }

  /** Gives the answer to whoever waits for it; or what is wrong with it. */
  private settle(body: Uint8Array): string | undefined {
    const message = this.channel.open(body);
    const answer = message.ok ? readAnswer(message.value) : message;
    if (!message.ok || !answer.ok) return refusalOf(answer);
    const { value } = answer;
    if (message.value.sequence === 0)
      return `the device closed the connection: ${value.ok ? 'without a word' : `${value.code}, ${value.message}`}`;
    const [pending] = this.pending;
    if (pending === undefined) return 'an answer came that nobody had asked for';
    if (!value.ok) {
      const { code } = value;
      if (!isDeviceErrorCode(code)) return `it answered ${quote(code)}`;
      this.pending.shift();
      pending.reject(new DeviceError(code, value.message));
      return undefined;
    }
    const result = readResult(pending.name, value.result);
    if (!result.ok) return refusalOf(result);
    this.pending.shift();
    pending.resolve(result.value);
    return undefined;
  }

  private lose(error: DeviceError): void {
    if (this.failure !== undefined) return;
    this.failure = error;
    this.socket.destroy();
    for (const { reject } of this.pending.splice(0)) reject(error);
    this.onLost();
  }
}

function refusalOf(result: Result<unknown>): string {
  return result.ok ? '' : `what it sent is not understood: ${result.message}`;
}

function lost(why: string): DeviceError {
  return new DeviceError('device_lost', `the device was lost: ${why}`);
}

/**
 * Connects to whoever serves the folder; undefined where nobody does. Throws `too_many_connections`, and `device_lost` where somebody listens who
 * says nothing within `timeoutMs`, or is no device.
 */
export function connectDevice(folder: string, timeoutMs: number): Promise<DeviceConnection | undefined> {
  const place = openSocketFolder(folder);
  return new Promise<DeviceConnection | undefined>((resolve, reject) => {
    const socket = connect(place.addressOf('socket'));
    const reader = new FrameReader(helloLimit);
    const end = (error: DeviceError | undefined): void => {
      clearTimeout(timer);
      socket.destroy();
      if (error === undefined) resolve(undefined);
      else reject(error);
    };
    const timer = setTimeout(() => end(lost(`it said nothing within ${timeoutMs} ms`)), timeoutMs);
    socket.on('error', (error) => end(isNobody(error) ? undefined : lost(error.message)));
    // A process that ended before it said anything.
    socket.on('close', () => end(undefined));
    socket.on('data', (chunk) => {
      reader.push(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length));
      const next = reader.next();
      if (next.ok && next.value === undefined) return;
      const hello =
        next.ok && next.value !== undefined ? readHello(next.value) : lost('what serves it is no device');
      if (hello instanceof DeviceError) {
        end(hello);
        return;
      }
      clearTimeout(timer);
      for (const event of ['error', 'close', 'data']) socket.removeAllListeners(event);
      resolve(new DeviceConnection(socket, hello));
    });
  }).finally(() => place.close());
}

function isNobody(error: NodeJS.ErrnoException): boolean {
  return ['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE'].includes(error.code ?? '');
}

/** The hello, or what the device says instead of one. */
function readHello(body: Uint8Array): Hello | DeviceError {
  const hello = decodeHello(body);
  if (hello.ok) return hello.value;
  const message = new Channel('client').open(body);
  const answer = message.ok ? readAnswer(message.value) : message;
  return answer.ok && !answer.value.ok && isDeviceErrorCode(answer.value.code)
    ? new DeviceError(answer.value.code, answer.value.message)
    : lost('what serves it is no device');
}
