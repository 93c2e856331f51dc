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
import { createHash } from 'node:crypto';
import type { Chip } from '../../firmware-sim/chip/chip.ts';
import type { RamChip } from '../../firmware-sim/chip/ram-chip.ts';
import type { Booted } from '../../firmware-sim/firmware/core.ts';
import type { Firmware, Session } from '../../firmware-sim/firmware/firmware.ts';
import type { Profile } from '../../firmware-sim/profile.ts';
import type { CommandName, Commands, DeviceErrorCode, DeviceState } from '../../firmware-sim/protocol.ts';
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
  readonly kind: 'command';
  readonly name: CommandName;
  readonly given: Commands[CommandName]['arguments'];
  /** Of each connection another one. */
  readonly connection: number;
  /** The device's nonce of the connection. */
  readonly nonce: Uint8Array;
  /** What the device was as it was asked. */
  readonly state: DeviceState;
  /** Undefined where nothing came back: power was cut. */
  result: Result<Commands[CommandName]['result'], DeviceErrorCode> | undefined;
}

/** What happened to a device, for whoever judges it afterwards. */
export type BenchEvent = Answer | { readonly kind: 'off' };

interface Line {
  readonly number: number;
  readonly session: Session;
}

export class Bench {
  readonly parts: Parts;
  readonly profile: Profile;
  readonly chip: RamChip;
  /** In order; what a search for secrets goes through. */
  readonly events: BenchEvent[] = [];
  /** Those of them that are commands. */
  readonly answers: Answer[] = [];
  /** Called when it has booted. */
  whenOn: () => void = () => undefined;
  private firmware: Firmware | undefined;
  private lines: (Line | undefined)[] = [];
  private connections = 0;
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
    bench.events.length = 0;
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
    const firmware = this.parts.makeFirmware(this.parts.boot(this.chip, this.profile));
    this.firmware = firmware;
    this.whenOn();
    return firmware;
  }

  /** Also what is done after a power cut; what was planned, of cuts, is forgotten. */
  powerOff(): void {
    this.firmware = undefined;
    this.lines = [];
    this.chip.powerOn();
    this.events.push({ kind: 'off' });
  }

  get running(): Firmware {
    assert(this.firmware !== undefined, 'the device is powered on');
    return this.firmware;
  }

  /** The connection in this place, opened at its first use. */
  session(place = 0): Session {
    return this.line(place).session;
  }

  /** That connection closes; its place is free for another. */
  close(place = 0): void {
    this.lines[place] = undefined;
  }

  ask<N extends CommandName>(
    name: N,
    given: Commands[N]['arguments'],
    place = 0,
  ): Result<Commands[N]['result'], DeviceErrorCode> {
    const { number, session } = this.line(place);
    const answer: Answer = {
      kind: 'command',
      name,
      given,
      connection: number,
      nonce: session.nonce,
      state: this.running.state,
      result: undefined,
    };
    this.events.push(answer);
    this.answers.push(answer);
    const result = this.running.handle(session, name, given);
    answer.result = result;
    return result;
  }

  /** As `ask`, of what has to succeed. */
  tell<N extends CommandName>(name: N, given: Commands[N]['arguments'], place = 0): Commands[N]['result'] {
    const result = this.ask(name, given, place);
    assert(result.ok, `\`${name}\` is accepted: ${result.ok ? '' : `${result.code}: ${result.message}`}`);
    return result.value;
  }

  login(pin: Pin, place = 0): Result<Record<never, never>, DeviceErrorCode> {
    const nonce = this.stream.bytes(16);
    return this.ask('login', { nonce, proof: proofOf(pin, this.session(place).nonce, nonce) }, place);
  }

  private line(place: number): Line {
    const known = this.lines[place];
    if (known !== undefined) return known;
    const opened = { number: this.connections++, session: this.running.open() };
    this.lines[place] = opened;
    return opened;
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
  // The smallest has room for four, and a test makes one.
  if (algorithms.includes('ES256') && bench.profile.limits.keys > 4)
    bench.tell('generate', { label: agree, algorithm: 'ES256', use: 'agree', anchored: false, free: [] });
  bench.tell('advance', { name: journal.name, from: null, to: headAt(journal, 3) });
  bench.tell('trust', { points: [moduleKey.point] });
  bench.tell('vote', { label: vote, proposal, choice: 'approve' });
}

/** What a key that is not anchored takes of this message: the message, or its hash (`quirks.takes`). */
export function plainMessage({ algorithms: [algorithm], quirks }: Profile, message: Uint8Array): Uint8Array {
  if (quirks.takes === 'message' || algorithm === 'EdDSA') return message;
  return new Uint8Array(
    createHash(algorithm === 'ES384' ? 'sha384' : 'sha256')
      .update(message)
      .digest(),
  );
}
