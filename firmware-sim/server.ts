/**
 * Connections to a device: carries out one command at a time over all of them, the connections in turn, and lets none of them
 * hold up the others, whatever it sends or does not read.
 *
 * A connection that has a command waiting is not read from until that had its turn, so that what is kept of it is bounded: one frame, a chunk, and
 * answers of 64 KiB; the rest waits in the client.
 */
import type { Duplex } from 'node:stream';
import { equalBytes } from '../src/kit/bytes.ts';
import type { CborValue } from '../src/kit/encoding.ts';
import { type Refusal, refuse } from '../src/kit/result.ts';
import { encodeHello, encodeMessage, readRequest, refusalItems, resultItems } from './codec.ts';
import { readCommand, writeResult } from './command-table.ts';
import type { Firmware, Session } from './firmware/firmware.ts';
import { FrameReader, frameOf } from './frame.ts';
import type { Profile } from './profile.ts';
import type { DeviceErrorCode } from './protocol.ts';
import { Channel, sealLength } from './sealed-channel.ts';

/** Calls `then` once after so many milliseconds, but for when what it gave is called first. */
export type StartTimer = (ms: number, then: () => void) => () => void;

export const systemTimer: StartTimer = (ms, then) => {
  const timer = setTimeout(then, ms);
  return () => clearTimeout(timer);
};

export const connectionLimit = 16;
/** To end a frame that was begun, and to read answers that pile up. */
export const patienceMs = 5_000;
const outputLimit = 65_536;

export interface DeviceServerOptions {
  readonly firmware: Firmware;
  readonly profile: Pick<Profile, 'name' | 'limits'>;
  readonly startTimer: StartTimer;
  /** The chip lost power, or its medium failed: nothing is answered any more. Called once. */
  readonly onBroken: (error: unknown) => void;
}

export class DeviceServer {
  private readonly options: DeviceServerOptions;
  private readonly connections = new Set<Connection>();
  /** Those with a command waiting, each once. */
  private readonly turns: Connection[] = [];
  private scheduled = false;
  private stopped = false;

  constructor(options: DeviceServerOptions) {
    this.options = options;
  }

  get connectionCount(): number {
    return this.connections.size;
  }

  /** Serves one connection until it closes. */
  attach(socket: Duplex): void {
    socket.on('error', () => undefined);
    if (this.stopped) {
      socket.destroy();
      return;
    }
    if (this.connections.size >= connectionLimit) {
      turnAway(socket, this.options.startTimer);
      return;
    }
    const connection = new Connection(socket, this.options, () => this.enqueue(connection));
    this.connections.add(connection);
    socket.on('close', () => {
      this.connections.delete(connection);
      connection.forget();
    });
    connection.greet();
  }

  /** Carries out no further command, and closes every connection when what was answered is written. */
  stop(): void {
    this.stopped = true;
    for (const connection of this.connections) connection.end();
  }

  private enqueue(connection: Connection): void {
    this.turns.push(connection);
    // What comes to a device that has nothing to do is carried out at once.
    if (!this.scheduled) this.takeTurn();
  }

  private takeTurn(): void {
    this.scheduled = false;
    const connection = this.turns.shift();
    if (connection === undefined || this.stopped) return;
    this.scheduled = true;
    try {
      connection.carryOut();
    } catch (error) {
      this.stopped = true;
      this.options.onBroken(error);
      return;
    }
    // Between two commands other connections are heard.
    setImmediate(() => this.takeTurn());
  }
}

/** One too many: told so, and closed. */
function turnAway(socket: Duplex, startTimer: StartTimer): void {
  const refusal = refuse(
    'too_many_connections',
    `the device has ${connectionLimit} connections, and accepts another when one of them closes`,
  );
  socket.resume();
  const stop = startTimer(patienceMs, () => socket.destroy());
  socket.on('close', stop);
  socket.end(frameOf(encodeMessage({ sequence: 0, items: refusalItems(refusal) })), () => socket.destroy());
}

class Connection {
  private readonly socket: Duplex;
  private readonly options: DeviceServerOptions;
  /** Called when a command waits. */
  private readonly onWaiting: () => void;
  private readonly session: Session;
  private readonly channel = new Channel('device');
  private readonly reader: FrameReader;
  /** The body of the frame that waits for its turn. */
  private waiting: Uint8Array | undefined;
  private channelKey: Uint8Array | undefined;
  /** The client will send nothing more. */
  private ended = false;
  private closing = false;
  private stopWaiting: (() => void) | undefined;
  private stopDraining: (() => void) | undefined;

  constructor(socket: Duplex, options: DeviceServerOptions, onWaiting: () => void) {
    this.socket = socket;
    this.options = options;
    this.onWaiting = onWaiting;
    this.session = options.firmware.open();
    this.reader = new FrameReader(options.profile.limits.frameBytes);
  }

  greet(): void {
    const { socket, session } = this;
    const { name, limits } = this.options.profile;
    const hello = {
      nonce: session.nonce,
      pin: session.pin ?? null,
      profile: name,
      frameBytes: limits.frameBytes,
    };
    socket.write(frameOf(encodeHello(hello)));
    socket.on('data', (chunk: Buffer) => {
      if (this.closing) return;
      // A plain array: what is decoded from a Buffer would be Buffers.
      this.reader.push(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length));
      if (this.waiting === undefined) this.readOn();
    });
    socket.on('end', () => {
      this.ended = true;
      if (this.waiting === undefined) this.end();
    });
    socket.on('drain', () => this.goOn());
  }

  /** Takes the next frame up, or goes on listening for the rest of it. */
  private readOn(): void {
    const { socket, reader } = this;
    const next = reader.next();
    if (!next.ok) {
      this.giveUp(next);
      return;
    }
    this.waiting = next.value;
    if (this.waiting !== undefined) {
      this.stopWaiting?.();
      this.stopWaiting = undefined;
      if (this.stopDraining === undefined) this.onWaiting();
      // It may have had its turn at once.
      if (this.waiting !== undefined) socket.pause();
      return;
    }
    if (this.ended) {
      this.end();
      return;
    }
    if (reader.begun) this.stopWaiting ??= this.options.startTimer(patienceMs, () => this.timeOut());
    if (socket.isPaused()) socket.resume();
  }

  private timeOut(): void {
    this.giveUp(
      refuse('frame_timeout', `a frame was begun and not ended: within ${patienceMs} ms it is accepted`),
    );
  }

  /** Its turn: carries out the frame that waits. Throws what the chip throws. */
  carryOut(): void {
    const { waiting: body } = this;
    this.waiting = undefined;
    if (body === undefined || this.closing) return;
    const message = this.channel.open(body);
    if (!message.ok) {
      this.giveUp(message);
      return;
    }
    const request = readRequest(message.value);
    if (!request.ok) {
      this.giveUp(request);
      return;
    }
    const { command, given } = request.value;
    this.send(message.value.sequence, this.decide(command, given));
    this.secure();
    // Where answers pile up, nothing is taken up until they are read.
    if (this.stopDraining === undefined && !this.closing) this.readOn();
    else this.socket.pause();
  }

  private decide(command: string, given: ReadonlyMap<number | string, CborValue>): readonly CborValue[] {
    const asked = readCommand(command, given);
    if (!asked.ok) return refusalItems(asked);
    const { name } = asked.value;
    const decided = this.options.firmware.handle(this.session, name, asked.value.given);
    return decided.ok ? resultItems(writeResult(name, decided.value)) : refusalItems(decided);
  }

  private send(sequence: number, items: readonly CborValue[]): void {
    const { socket } = this;
    const { frameBytes } = this.options.profile.limits;
    let plain = encodeMessage({ sequence, items });
    if (plain.length > frameBytes - sealLength) {
      const refusal = refuse(
        'command_refused',
        `an answer of ${plain.length} bytes: a frame has at most ${frameBytes}`,
      );
      plain = encodeMessage({ sequence, items: refusalItems(refusal) });
    }
    socket.write(frameOf(this.channel.seal(sequence, plain)));
    if (socket.writableLength > outputLimit && !this.closing)
      this.stopDraining ??= this.options.startTimer(patienceMs, () => socket.destroy());
  }

  /** After a login, and only once that was answered, what follows is sealed. */
  private secure(): void {
    const key = this.session.channelKey;
    if (key === undefined || (this.channelKey !== undefined && equalBytes(key, this.channelKey))) return;
    // A copy: the firmware may wipe its own.
    this.channelKey = key.slice();
    this.channel.secure(this.channelKey);
  }

  /** The answers were read: what waits has its turn again. */
  private goOn(): void {
    if (this.stopDraining === undefined) return;
    this.stopDraining();
    this.stopDraining = undefined;
    if (this.waiting === undefined) this.readOn();
    else this.onWaiting();
  }

  /** Says why, and closes. */
  private giveUp(refusal: Refusal<DeviceErrorCode>): void {
    if (this.closing) return;
    const plain = encodeMessage({ sequence: 0, items: refusalItems(refusal) });
    this.socket.write(frameOf(this.channel.seal(0, plain)));
    this.end();
  }

  /** Closes when everything is written; at once where the client does not read it. */
  end(): void {
    if (this.closing) return;
    this.closing = true;
    this.forget();
    const { socket } = this;
    this.stopDraining = this.options.startTimer(patienceMs, () => socket.destroy());
    // What is still sent is thrown away.
    socket.resume();
    socket.end(() => socket.destroy());
  }

  /** Stops its timers: it has closed. */
  forget(): void {
    this.closing = true;
    this.waiting = undefined;
    this.stopWaiting?.();
    this.stopDraining?.();
    this.stopWaiting = this.stopDraining = undefined;
  }
}
