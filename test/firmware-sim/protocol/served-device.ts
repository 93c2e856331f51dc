/** A device in RAM behind the server that serves it: real firmware, connections in memory, and a clock that a test moves. */
import { type Duplex, duplexPair } from 'node:stream';
import { RamChip } from '../../../firmware-sim/chip/ram-chip.ts';
import {
  decodeHello,
  encodeMessage,
  type Hello,
  type Message,
  requestItems,
} from '../../../firmware-sim/codec.ts';
import { writeArguments } from '../../../firmware-sim/command-table.ts';
import { boot } from '../../../firmware-sim/firmware/boot.ts';
import { makeFirmware } from '../../../firmware-sim/firmware/commands.ts';
import type { Firmware } from '../../../firmware-sim/firmware/firmware.ts';
import { manufacture } from '../../../firmware-sim/firmware/manufacture.ts';
import { FrameReader, frameOf } from '../../../firmware-sim/frame.ts';
import type { Profile } from '../../../firmware-sim/profile.ts';
import { profiles } from '../../../firmware-sim/profiles.ts';
import type { CommandName, Commands } from '../../../firmware-sim/protocol.ts';
import { Channel } from '../../../firmware-sim/sealed-channel.ts';
import { DeviceServer, type StartTimer } from '../../../firmware-sim/server.ts';
import { sha256, toHex } from '../../../src/kit/bytes.ts';
import type { CborValue } from '../../../src/kit/encoding.ts';
import { assert } from '../../../src/kit/result.ts';
import { channelKeyOf, type Pin, proofOf, rightPin } from '../fixtures.ts';

export class ManualTimer {
  private nowMs = 0;
  private readonly due = new Set<{ readonly atMs: number; readonly action: () => void }>();

  readonly start: StartTimer = (ms, action) => {
    const entry = { atMs: this.nowMs + ms, action };
    this.due.add(entry);
    return () => this.due.delete(entry);
  };

  get running(): number {
    return this.due.size;
  }

  pass(ms: number): void {
    this.nowMs += ms;
    for (const entry of [...this.due]) {
      if (entry.atMs > this.nowMs || !this.due.delete(entry)) continue;
      entry.action();
    }
  }
}

export interface ServedDeviceOptions {
  readonly profile?: Profile;
  readonly wrap?: (firmware: Firmware) => Firmware;
}

export class ServedDevice {
  readonly chip: RamChip;
  readonly profile: Profile;
  readonly firmware: Firmware;
  readonly timer = new ManualTimer();
  readonly server: DeviceServer;
  readonly broken: unknown[] = [];
  private readonly clients: RawClient[] = [];

  constructor({ profile = profiles[0], wrap = (firmware) => firmware }: ServedDeviceOptions = {}) {
    assert(profile !== undefined, 'there is a profile');
    this.profile = profile;
    this.chip = RamChip.make({ flash: profile.flash, die: profile.die, seed: 7 });
    const made = manufacture({ chip: this.chip, profile });
    assert(made.ok, 'a chip without a fault is made');
    this.firmware = wrap(makeFirmware(boot(this.chip, profile)));
    this.server = new DeviceServer({
      firmware: this.firmware,
      profile,
      startTimer: this.timer.start,
      onBroken: (error) => this.broken.push(error),
    });
  }

  connect(): RawClient {
    const [near, far] = duplexPair();
    // As of sockets: what one side destroys ends at the other, after what was sent before.
    near.on('close', () => far.destroy());
    far.on('close', () => {
      if (!far.writableFinished) near.push(null);
    });
    this.server.attach(far);
    const client = new RawClient(near);
    this.clients.push(client);
    return client;
  }

  /** Every client goes; what the server still has of one then stays. */
  async disconnect(): Promise<void> {
    for (const { socket } of this.clients.splice(0)) socket.destroy();
    await new Promise(setImmediate);
  }

  /** With a PIN, and the client logged in. */
  async logIn(pin: Pin = rightPin): Promise<RawClient> {
    const first = this.connect();
    if ((await first.hello()).pin === null) await first.tell('initialise', pin);
    first.socket.destroy();
    const client = this.connect();
    await client.logIn(pin);
    return client;
  }

  /** All that stays of it without power, as a hash, and its counters. */
  state(): string {
    const session = this.firmware.open();
    const counters = this.firmware.handle(session, 'counters', {});
    const info = this.firmware.handle(session, 'info', {});
    const memories = [this.chip.flash, this.chip.die].map((memory) =>
      toHex(sha256(memory.read(0, memory.geometry.sectorBytes * memory.geometry.sectors))),
    );
    const shown = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}` : value);
    return JSON.stringify([memories, this.chip.latch.read(), counters, info], shown);
  }
}

/** A client that can say anything. */
export class RawClient {
  readonly socket: Duplex;
  readonly channel = new Channel('client');
  private readonly reader = new FrameReader(2 ** 26);
  private readonly bodies: Uint8Array[] = [];
  private readonly waiting: ((body: Uint8Array | undefined) => void)[] = [];
  private closed = false;
  private greeting: Hello | undefined;
  sent = 0;

  constructor(socket: Duplex) {
    this.socket = socket;
    const end = (): void => {
      this.closed = true;
      for (const give of this.waiting.splice(0)) give(undefined);
    };
    socket.on('error', end);
    socket.on('end', end);
    socket.on('close', end);
    socket.on('data', (chunk: Buffer) => {
      this.reader.push(new Uint8Array(chunk));
      for (;;) {
        const next = this.reader.next();
        assert(next.ok, 'a device keeps to the limit of frames');
        if (next.value === undefined) return;
        const give = this.waiting.shift();
        if (give === undefined) this.bodies.push(next.value);
        else give(next.value);
      }
    });
  }

  /** The next frame's body; undefined where the device has closed the connection. */
  async body(): Promise<Uint8Array | undefined> {
    const body = this.bodies.shift();
    if (body !== undefined || this.closed) return body;
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  async hello(): Promise<Hello> {
    if (this.greeting === undefined) {
      const body = await this.body();
      assert(body !== undefined, 'a device says hello');
      const hello = decodeHello(body);
      assert(hello.ok, 'a hello is understood');
      this.greeting = hello.value;
    }
    return this.greeting;
  }

  /** The next answer; undefined where the device has closed the connection. */
  async answer(): Promise<Message | undefined> {
    await this.hello();
    const body = await this.body();
    if (body === undefined) return undefined;
    const opened = this.channel.open(body);
    assert(opened.ok, `an answer is understood: ${opened.ok ? '' : opened.message}`);
    return opened.value;
  }

  /** The body of the next request. */
  next(command: string, given: ReadonlyMap<string, CborValue>): Uint8Array {
    const sequence = ++this.sent;
    return this.channel.seal(sequence, encodeMessage({ sequence, items: requestItems(command, given) }));
  }

  send(body: Uint8Array): void {
    this.socket.write(frameOf(body));
  }

  request<N extends CommandName>(name: N, given: Commands[N]['arguments']): void {
    this.send(this.next(name, writeArguments(name, given)));
  }

  /** Its code, or `ok`, and what is said besides. */
  async ask(command: string, given: ReadonlyMap<string, CborValue>): Promise<readonly CborValue[]> {
    this.send(this.next(command, given));
    const answer = await this.answer();
    return answer === undefined ? ['closed'] : answer.items;
  }

  async tell<N extends CommandName>(name: N, given: Commands[N]['arguments']): Promise<void> {
    const items = await this.ask(name, writeArguments(name, given));
    assert(items[0] === 0, `\`${name}\` is accepted: ${JSON.stringify(items)}`);
  }

  async logIn(pin: Pin): Promise<void> {
    const { nonce } = await this.hello();
    const own = new Uint8Array(16).fill(3);
    await this.tell('login', { nonce: own, proof: proofOf(pin, nonce, own) });
    this.channel.secure(channelKeyOf(pin, nonce, own));
  }
}
