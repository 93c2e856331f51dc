/**
 * The firmware: decides each command, one at a time, and latches where it sees a fault.
 *
 * INVARIANT: a device that is `failed` or `zeroised` has no secret in its RAM, and changes nothing but what zeroising erases.
 */
import { toHex } from '../../src/kit/bytes.ts';
import { assert, quote, type Result, refuse, succeed } from '../../src/kit/result.ts';
import type { Chip } from '../chip/chip.ts';
import { GlitchError } from '../chip/cpu.ts';
import { PowerCutError } from '../chip/memory.ts';
import type { Profile } from '../profile.ts';
import type { CommandName, Commands, DeviceErrorCode, DeviceState } from '../protocol.ts';
import { rules, stateRefusals } from './access.ts';
import { readFlash, readWear } from './chip-reading.ts';
import type { Booted, Core } from './core.ts';
import { decide } from './decision.ts';
import { type Clock, Device } from './device.ts';
import { type DeviceCommand, deviceCommands } from './device-commands.ts';
import type { Firmware, Session } from './firmware.ts';
import { ConnectionSession } from './session.ts';
import { DeviceStoreError } from './store.ts';

type Answer<N extends CommandName> = Result<Commands[N]['result'], DeviceErrorCode>;

/** What can be asked and done whatever the state. */
interface Surroundings {
  readonly chip: Chip;
  readonly profile: Profile;
  readonly serial: Uint8Array;
  readonly firmware: Core['firmware'];
  zeroise(): void;
  alarms(): number;
}

/**
 * The firmware of a chip that booted. `clockMs` only limits how many signatures a second there are. Throws PowerCutError.
 *
 * @example
 * const firmware = makeFirmware(boot(chip, profile));
 * const session = firmware.open();
 * firmware.handle(session, 'info', {});
 */
export function makeFirmware(booted: Booted, clockMs: Clock = () => performance.now()): Firmware {
  return new DeviceFirmware(booted, clockMs);
}

class DeviceFirmware implements Firmware {
  private readonly surroundings: Surroundings;
  /** While it runs. */
  private device: Device | undefined;
  private ended: { readonly state: 'failed' | 'zeroised'; readonly reason: string } = {
    state: 'failed',
    reason: '',
  };
  /** Of the device when it last answered. */
  private noted = { version: 0n, triesLeft: 0 };

  constructor(booted: Booted, clockMs: Clock) {
    if (booted.kind !== 'running') {
      this.surroundings = booted;
      this.ended = { state: booted.kind, reason: booted.reason };
      return;
    }
    const { core } = booted;
    this.surroundings = core;
    try {
      this.device = new Device(core, clockMs);
      this.note();
    } catch (error) {
      this.latch(core, error);
    }
  }

  get state(): DeviceState {
    if (this.device === undefined) return this.ended.state;
    const { pin, tries } = this.device.memory;
    return pin === undefined ? 'blank' : tries === 0 ? 'locked' : 'ready';
  }

  open(): Session {
    // Of a device that has latched nobody logs in.
    return this.device?.open() ?? new ConnectionSession(new Uint8Array(16), undefined);
  }

  handle<N extends CommandName>(session: Session, name: N, given: Commands[N]['arguments']): Answer<N> {
    assert(session instanceof ConnectionSession, 'a session is one that this firmware has opened');
    const { device } = this;
    try {
      if (device !== undefined) this.obeyLatch(device.core);
      return this.decide(session, name, given);
    } catch (error) {
      if (device !== undefined) this.latch(device.core, error);
      else if (error instanceof PowerCutError) throw error;
      return this.refuseState();
    } finally {
      this.note();
    }
  }

  /** What the sensors have seen comes first. */
  private obeyLatch(core: Core): void {
    if (decide(core.chip.cpu, 'command.condemned', () => core.isCondemned())) this.end();
  }

  private decide<N extends CommandName>(
    session: ConnectionSession,
    name: N,
    given: Commands[N]['arguments'],
  ): Answer<N> {
    const { cpu } = this.surroundings.chip;
    const { states, access } = rules[name];
    if (!decide(cpu, 'command.state', () => states.includes(this.state))) return this.refuseState();
    if (access === 'login' && !decide(cpu, 'command.login', () => session.permit !== undefined))
      return refuse('login_required', `\`${name}\` is accepted after a login on this connection`);
    if (isChipCommand(name)) {
      const onChip = this.chipCommands[name] as (given: Commands[N]['arguments']) => Answer<N>;
      return onChip(given);
    }
    const { device } = this;
    // The states of every other command are those of a device that runs.
    if (device === undefined) return this.refuseState();
    const permit = session.permit ?? device.core.permit;
    const onDevice = deviceCommands[name as DeviceCommand] as unknown as OnDevice<N>;
    return onDevice({ device, session, permit, state: this.state }, given);
  }

  private readonly chipCommands: {
    readonly [N in ChipCommand]: (given: Commands[N]['arguments']) => Answer<N>;
  } = {
    info: () => this.info(),
    counters: () => succeed(this.counters()),
    zeroise: (given) => this.zeroise(given),
    tamper: ({ event }) => {
      this.surroundings.chip.latch.set(event);
      this.end();
      return succeed({});
    },
    'dump-flash': (given) => {
      const { chip, profile } = this.surroundings;
      return readFlash(chip, profile, given);
    },
  };

  private info(): Answer<'info'> {
    const { profile, serial, firmware } = this.surroundings;
    const { name, vendor, algorithms, limits } = profile;
    return succeed({
      simulator: true,
      state: this.state,
      reason: this.device === undefined ? this.ended.reason : '',
      profile: name,
      vendor,
      serial: toHex(serial),
      firmware,
      algorithms,
      limits,
    });
  }

  private counters(): Commands['counters']['result'] {
    const { chip, profile } = this.surroundings;
    const { alarmLimit } = profile;
    return { ...this.noted, alarms: this.surroundings.alarms(), alarmLimit, ...readWear(chip) };
  }

  /** A cut leaves it as it was, or on its way: the next power-on goes on. */
  private zeroise({ serial }: Commands['zeroise']['arguments']): Answer<'zeroise'> {
    const own = toHex(this.surroundings.serial);
    if (serial !== own)
      return refuse(
        'serial_mismatch',
        `${quote(serial)} is another device: \`${own}\`, this one's own, is accepted`,
        'serial',
      );
    this.end();
    return succeed({});
  }

  /** RAM first, so that nothing is answered out of it whatever follows. */
  private end(): void {
    this.forget();
    this.surroundings.zeroise();
    this.ended = { state: 'zeroised', reason: this.surroundings.chip.latch.read() ?? 'command' };
    this.noted = { ...this.noted, triesLeft: 0 };
  }

  /** A fault was seen: it is counted where a glitch may have made it, and nothing more comes out. Throws PowerCutError. */
  private latch(core: Core, error: unknown): void {
    if (error instanceof PowerCutError) throw error;
    this.forget();
    this.ended = { state: 'failed', reason: reasonOf(error) };
    // A flash that is worn out is nobody's attack.
    const isWear =
      error instanceof DeviceStoreError && (error.code === 'flash_worn' || error.code === 'store_full');
    if (!isWear && core.raiseAlarm() === 'zeroised') this.ended = { state: 'zeroised', reason: 'alarms' };
  }

  private forget(): void {
    this.device?.wipe();
    this.device = undefined;
  }

  private refuseState(): Result<never, DeviceErrorCode> {
    const { code, message } = stateRefusals[this.state];
    return refuse(code, message);
  }

  private note(): void {
    if (this.device !== undefined)
      this.noted = { version: this.device.core.store.version, triesLeft: this.device.memory.tries };
  }
}

/** Of an error that nobody foresaw only its name: its message may have anything in it. */
function reasonOf(error: unknown): string {
  if (error instanceof GlitchError) return error.message;
  if (error instanceof DeviceStoreError) return `${error.code}: ${error.message}`;
  return `a fault of the firmware: ${error instanceof Error ? error.name : 'unknown'}`;
}

type ChipCommand = Exclude<CommandName, DeviceCommand>;

const chipCommandNames: readonly CommandName[] = ['info', 'counters', 'zeroise', 'tamper', 'dump-flash'];

function isChipCommand(name: CommandName): name is ChipCommand {
  return chipCommandNames.includes(name);
}

type OnDevice<N extends CommandName> = (
  turn: Parameters<(typeof deviceCommands)[DeviceCommand]>[0],
  given: Commands[N]['arguments'],
) => Answer<N>;
