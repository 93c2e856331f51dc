/** A device as a program uses it: whoever's make it is, whichever process serves it, and however often that is killed. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { equalBytes, toHex } from '../src/kit/bytes.ts';
import { pinKeyOf } from './channel.ts';
import { commandTable } from './command-table.ts';
import type { DeviceConnection } from './connection.ts';
import { DeviceError } from './device-error.ts';
import { DeviceLink } from './device-link.ts';
import type { Profile } from './profile.ts';
import { findProfile } from './profiles.ts';
import type { CommandName, Commands, DeviceKey } from './protocol.ts';
import { digestOf, pointOf, rawSignature } from './quirks.ts';

export { DeviceError } from './device-error.ts';

export interface DeviceClient {
  /** Sends one command and waits; in the order of the calls. Throws DeviceError. */
  call<N extends CommandName>(name: N, given: Commands[N]['arguments']): Promise<Commands[N]['result']>;
  /** Proves the PIN; what is sent from then on is sealed. Throws `pin_incorrect`, `pin_locked`, `device_blank`. */
  login(pin: string): Promise<void>;
  /** Sets the first PIN of a blank device. */
  initialise(pin: string): Promise<void>;
  /** After a login. */
  changePin(pin: string): Promise<void>;
  /** Ends the connection, and the device's process where this client started it. */
  close(): Promise<void>;
}

export interface OpenDeviceOptions {
  /** Of the device: flash.bin, die.bin, latch, socket. */
  readonly folder: string;
  /** Of a command, waiting included; 10,000 unless given. */
  readonly timeoutMs?: number;
}

/**
 * The device of this folder: the process that serves it already, or one that is started and ends with this client. Where the connection is lost, it is
 * made anew with the same PIN, and a command that may be given twice (all but initialise, login, change-pin, generate) is given once more. What is until
 * power-off (`prove`, `load`) is gone when the process is.
 *
 * No wrong PIN is tried twice by itself, and the last try is nobody's but whoever calls `login`.
 *
 * @example
 * const device = await openDevice({ folder });
 * await device.login(pin);
 * await device.call('advance', { name: 'journal', from, to });
 * await device.close();
 */
export async function openDevice({ folder, timeoutMs = 10_000 }: OpenDeviceOptions): Promise<DeviceClient> {
  if (!existsSync(join(folder, 'device.json')))
    throw new DeviceError('device_lost', `there is no device in \`${folder}\`: it has no device.json`);
  const device = new Device(folder, timeoutMs);
  await device.start();
  return device;
}

/** What a PIN comes to under one salt. */
interface Credential {
  readonly salt: Uint8Array;
  readonly pinKey: Uint8Array;
}

type KnownKey = Pick<DeviceKey, 'algorithm' | 'anchored'>;

class Device implements DeviceClient {
  private readonly link: DeviceLink;
  private readonly timeoutMs: number;
  /** The PIN that was proven; it is proven again on each new connection. */
  private proven: Credential | undefined;
  /** One that is being changed to: the salt of the next hello tells whether it was. */
  private proposed: Credential | undefined;
  /** Why this client is not logged in although it was. */
  private problem: DeviceError | undefined;
  private readonly refused = new Set<string>();
  private readonly keys = new Map<string, KnownKey>();

  constructor(folder: string, timeoutMs: number) {
    this.timeoutMs = timeoutMs;
    this.link = new DeviceLink({ folder, timeoutMs, resume: (connection) => this.resume(connection) });
  }

  start(): Promise<void> {
    return this.link.start();
  }

  call<N extends CommandName>(name: N, given: Commands[N]['arguments']): Promise<Commands[N]['result']> {
    return this.link.submit({
      alone: false,
      fresh: false,
      twice: commandTable[name].twice,
      run: (connection) => this.ask(connection, name, given),
    });
  }

  async login(pin: string): Promise<void> {
    await this.link.submit({
      alone: true,
      fresh: true,
      twice: false,
      run: async (connection) => {
        const { pin: derivation } = connection.hello;
        if (derivation === null) {
          // The device says what it is: it may be without a PIN for another reason than that it is blank.
          await connection.login(new Uint8Array(32));
          return;
        }
        const { salt, iterations } = derivation;
        await this.prove(connection, { salt, pinKey: await pinKeyOf(pin, salt, iterations) });
      },
    });
  }

  async initialise(pin: string): Promise<void> {
    let made: Credential | undefined;
    await this.link.submit({
      alone: true,
      fresh: true,
      twice: true,
      run: async (connection) => {
        const { hello } = connection;
        // The answer to the first time was lost: the PIN is set.
        if (made !== undefined && hello.pin !== null && equalBytes(hello.pin.salt, made.salt)) return;
        made ??= await this.credentialOf(connection, pin);
        await connection.call('initialise', made);
      },
    });
  }

  async changePin(pin: string): Promise<void> {
    const next = await this.submitAlone((connection) => this.change(connection, pin));
    if (next === undefined) return;
    // The connection was lost on the way: the next hello says which PIN it is.
    await this.submitAlone(async ({ hello }) => {
      if (hello.pin === null || !equalBytes(hello.pin.salt, next.salt))
        throw new DeviceError('device_lost', 'the device was lost as the PIN was to be changed: it was not');
    });
  }

  close(): Promise<void> {
    return this.link.close();
  }

  private submitAlone<T>(run: (connection: DeviceConnection) => Promise<T>): Promise<T> {
    return this.link.submit({ alone: true, fresh: false, twice: false, run });
  }

  /** Gives what was proposed where nobody knows whether it was taken. */
  private async change(connection: DeviceConnection, pin: string): Promise<Credential | undefined> {
    this.assertLoggedIn();
    const proposed = await this.credentialOf(connection, pin);
    this.proposed = proposed;
    try {
      await connection.call('change-pin', proposed);
    } catch (error) {
      if (!connection.usable) return proposed;
      this.proposed = undefined;
      throw error;
    }
    this.proven = proposed;
    this.proposed = undefined;
    return undefined;
  }

  private async credentialOf({ hello }: DeviceConnection, pin: string): Promise<Credential> {
    const { limits, pinIterations } = profileOf(hello.profile);
    const { least, most } = limits.pinLength;
    const length = Array.from(pin).length;
    if (length < least || length > most) {
      throw new DeviceError(
        'argument_invalid',
        `a PIN of ${length} characters: ${least} to ${most} are accepted`,
      );
    }
    const salt = new Uint8Array(randomBytes(16));
    return { salt, pinKey: await pinKeyOf(pin, salt, pinIterations) };
  }

  /** Logs in; a PIN that was refused before is refused without costing a try. */
  private async prove(connection: DeviceConnection, credential: Credential): Promise<void> {
    const name = `${toHex(credential.salt)} ${toHex(credential.pinKey)}`;
    try {
      if (this.refused.has(name))
        throw new DeviceError('pin_incorrect', 'the same PIN was refused before, and was not tried again');
      await connection.login(credential.pinKey);
    } catch (error) {
      if (error instanceof DeviceError && error.code === 'pin_incorrect') this.refused.add(name);
      this.proven = undefined;
      throw error;
    }
    this.proven = credential;
    this.problem = undefined;
  }

  /** On a new connection: logs in with the PIN that is known to be right, unless it was changed or it is the last try. */
  private async resume(connection: DeviceConnection): Promise<void> {
    this.problem = undefined;
    this.keys.clear();
    const { pin } = connection.hello;
    const known = [this.proposed, this.proven].filter((credential) => credential !== undefined);
    this.proposed = undefined;
    if (known.length === 0) return;
    const fitting = known.find(({ salt }) => pin !== null && equalBytes(salt, pin.salt));
    try {
      // Blank, failed or zeroised: it says which.
      if (pin === null) return await connection.login(new Uint8Array(32));
      if (fitting === undefined)
        throw new DeviceError('pin_incorrect', 'the PIN was changed meanwhile: log in with the new one');
      const { triesLeft } = await connection.call('counters', {});
      // A process that is killed again and again as it compares would use up the tries.
      if (triesLeft === 1)
        throw new DeviceError(
          'login_required',
          'one try is left, which is not used without being asked: log in',
        );
      await this.prove(connection, fitting);
    } catch (error) {
      if (!connection.usable || !(error instanceof DeviceError)) {
        this.proven = fitting;
        throw error;
      }
      this.problem = error;
      // It may be well again after its next power-on.
      if (error.code === 'device_failed') this.proven = fitting ?? known.at(-1);
    }
  }

  private assertLoggedIn(): void {
    if (this.problem !== undefined) throw this.problem;
  }

  private async ask<N extends CommandName>(
    connection: DeviceConnection,
    name: N,
    given: Commands[N]['arguments'],
  ): Promise<Commands[N]['result']> {
    if (commandTable[name].access === 'login') this.assertLoggedIn();
    // The compiler does not see that N is what `name` is.
    const own = name as CommandName;
    if (own === 'sign') return this.sign(connection, given as Commands['sign']['arguments']);
    const result = await this.paced(connection, () => connection.call(name, given));
    if (own === 'generate') return this.learn(result as DeviceKey);
    if (own === 'keys')
      return { keys: (result as Commands['keys']['result']).keys.map((key) => this.learn(key)) };
    return result;
  }

  private async sign(
    connection: DeviceConnection,
    { label, message }: Commands['sign']['arguments'],
  ): Promise<Commands['sign']['result']> {
    const { takes, signature: form } = profileOf(connection.hello.profile).quirks;
    const ask = (sent: Uint8Array) =>
      this.paced(connection, () => connection.call('sign', { label, message: sent }));
    if (takes === 'message' && form === 'raw') return ask(message);
    if (!this.keys.has(label)) await this.ask(connection, 'keys', {});
    const key = this.keys.get(label);
    const asDigest = takes === 'digest' && key?.anchored === false;
    const { signature } = await ask(asDigest ? digestOf(key.algorithm, message) : message);
    const raw = form === 'raw' || key === undefined ? signature : rawSignature(key.algorithm, signature);
    if (raw === undefined)
      throw new DeviceError('device_failed', 'the device gave a signature that is no DER');
    return { signature: raw };
  }

  /** A vendor's chip that signs so often a second says `device_busy` to one signature more: it is asked again, until the call's time is over. */
  private async paced<T>(connection: DeviceConnection, ask: () => Promise<T>): Promise<T> {
    const { signaturesPerSecond } = profileOf(connection.hello.profile).quirks;
    for (const startedMs = performance.now(); ; ) {
      try {
        return await ask();
      } catch (error) {
        const isBusy = error instanceof DeviceError && error.code === 'device_busy';
        if (!isBusy || signaturesPerSecond === null || performance.now() - startedMs > this.timeoutMs)
          throw error;
        await new Promise((resolve) => setTimeout(resolve, 1_000 / signaturesPerSecond));
      }
    }
  }

  /** The key as callers see it. */
  private learn(key: DeviceKey): DeviceKey {
    this.keys.set(key.label, key);
    const isPoint = key.algorithm === 'PS256' || [32, 65, 97].includes(key.point.length);
    const point = isPoint ? key.point : pointOf(key.point);
    if (point === undefined)
      throw new DeviceError('device_failed', `the device gave a key for \`${key.label}\` that is no point`);
    return { ...key, point };
  }
}

function profileOf(name: string): Profile {
  const profile = findProfile(name);
  if (profile === undefined)
    throw new DeviceError(
      'device_failed',
      `the device is of a profile that this program does not know: \`${name}\``,
    );
  return profile;
}
