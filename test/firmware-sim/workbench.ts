/**
 * A device on the bench: made, initialised and furnished in RAM, powered on and off at will, driven through named workflows, and looked at.
 * The sweeps of cuts and of glitches, the reference and the seeded defects all work here.
 *
 * @example
 * const bench = Bench.furnished(parts, profile);
 * bench.powerOn();
 * bench.login(rightPin);
 * bench.ask('advance', { name: journal.name, from: headAt(journal, 3), to: headAt(journal, 4) });
 * bench.powerOff();
 */
import type { Chip } from '../../firmware-sim/chip/chip.ts';
import type { RamChip } from '../../firmware-sim/chip/ram-chip.ts';
import type { Booted } from '../../firmware-sim/firmware/core.ts';
import type { Firmware, Session } from '../../firmware-sim/firmware/firmware.ts';
import type { Profile } from '../../firmware-sim/profile.ts';
import type { CommandName, Commands, DeviceErrorCode } from '../../firmware-sim/protocol.ts';
import { assert, type Result } from '../../src/kit/result.ts';
import {
  freeType,
  headAt,
  journal,
  moduleKey,
  type Pin,
  proofOf,
  proposal,
  rightPin,
  Stream,
} from './fixtures.ts';

/** The firmware under test: the project's, or a copy of it with one place changed. */
export interface Parts {
  /** Manufactured and blank: with certificate, image and fuses, and no PIN. */
  manufacture(profile: Profile): RamChip;
  boot(chip: Chip, profile: Profile): Booted;
  makeFirmware(booted: Booted): Firmware;
}

/** A command, and what came back. */
export interface Answer {
  readonly name: CommandName;
  readonly given: unknown;
  /** Undefined where nothing came back: power was cut. */
  readonly result: Result<unknown, DeviceErrorCode> | undefined;
}

export class Bench {
  readonly parts: Parts;
  readonly profile: Profile;
  readonly chip: RamChip;
  /** All of them, in order; what a search for secrets goes through. */
  readonly answers: Answer[] = [];
  private firmware: Firmware | undefined;
  private sessions: Session[] = [];
  private readonly stream: Stream;

  constructor(parts: Parts, profile: Profile, chip: RamChip, seed = 'bench') {
    this.parts = parts;
    this.profile = profile;
    this.chip = chip;
    this.stream = new Stream(seed);
  }

  /** Manufactured, without a PIN, powered off. */
  static blank(parts: Parts, profile: Profile): Bench {
    return new Bench(parts, profile, parts.manufacture(profile));
  }

  /** With PIN, keys, an anchor at entry 3 of `journal`, trust and a ballot; powered off. */
  static furnished(parts: Parts, profile: Profile): Bench {
    const bench = Bench.blank(parts, profile);
    bench.powerOn();
    furnish(bench);
    bench.powerOff();
    bench.answers.length = 0;
    return bench;
  }

  /** The same device on another bench; this one has to be powered off. */
  copy(): Bench {
    assert(this.firmware === undefined, 'a device that is copied is powered off');
    return new Bench(this.parts, this.profile, this.chip.clone());
  }

  /** Boots. Throws PowerCutError where a cut is planned within. */
  powerOn(): Firmware {
    assert(this.firmware === undefined, 'a device that is powered on was off');
    this.firmware = this.parts.makeFirmware(this.parts.boot(this.chip, this.profile));
    return this.firmware;
  }

  /** Also what is done after a power cut; what was planned, of cuts, is forgotten. */
  powerOff(): void {
    this.firmware = undefined;
    this.sessions = [];
    this.chip.powerOn();
  }

  get running(): Firmware {
    assert(this.firmware !== undefined, 'the device is powered on');
    return this.firmware;
  }

  /** The connection of this number, opened at its first use. */
  session(number = 0): Session {
    const known = this.sessions[number];
    if (known !== undefined) return known;
    const opened = this.running.open();
    this.sessions[number] = opened;
    return opened;
  }

  /** That connection closes; its number is free for another. */
  close(number = 0): void {
    delete this.sessions[number];
  }

  ask<N extends CommandName>(
    name: N,
    given: Commands[N]['arguments'],
    session = 0,
  ): Result<Commands[N]['result'], DeviceErrorCode> {
    const place = this.answers.push({ name, given, result: undefined }) - 1;
    const result = this.running.handle(this.session(session), name, given);
    this.answers[place] = { name, given, result };
    return result;
  }

  /** As `ask`, of what has to succeed. */
  tell<N extends CommandName>(name: N, given: Commands[N]['arguments'], session = 0): Commands[N]['result'] {
    const result = this.ask(name, given, session);
    assert(result.ok, `\`${name}\` is accepted: ${result.ok ? '' : `${result.code}: ${result.message}`}`);
    return result.value;
  }

  login(pin: Pin, session = 0): Result<Record<never, never>, DeviceErrorCode> {
    const nonce = this.stream.bytes(16);
    return this.ask('login', { nonce, proof: proofOf(pin, this.session(session).nonce, nonce) }, session);
  }
}

export const keyLabels = { anchored: 'mint', plain: 'plain', vote: 'ballot', agree: 'agree' } as const;

/** What most workflows begin with. */
export function furnish(bench: Bench): void {
  const { algorithms } = bench.profile;
  const [algorithm] = algorithms;
  assert(algorithm !== undefined, 'a vendor has an algorithm');
  bench.tell('initialise', rightPin);
  // The hello of the connection said that there was no PIN.
  bench.close();
  const login = bench.login(rightPin);
  assert(login.ok, 'the right PIN is accepted');
  const { anchored, plain, vote, agree } = keyLabels;
  bench.tell('generate', { label: anchored, algorithm, use: 'sign', anchored: true, free: [freeType] });
  bench.tell('generate', { label: plain, algorithm, use: 'sign', anchored: false, free: [] });
  bench.tell('generate', { label: vote, algorithm, use: 'vote', anchored: false, free: [] });
  if (algorithms.includes('ES256'))
    bench.tell('generate', { label: agree, algorithm: 'ES256', use: 'agree', anchored: false, free: [] });
  bench.tell('advance', { name: journal.name, from: null, to: headAt(journal, 3) });
  bench.tell('trust', { points: [moduleKey.point] });
  bench.tell('vote', { label: vote, proposal, choice: 'approve' });
}
