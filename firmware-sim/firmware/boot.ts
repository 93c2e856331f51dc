/**
 * Power-on: what is found is checked, measured and tried before anything is answered; what does not hold leaves a device that is `failed` until it is
 * powered on anew, with its outputs inhibited.
 *
 * ```
 * lifecycle ── fuses ── image ── certificate ── machine ── known answers ── keys ── store ── (commands: pairwise tests) ── ready
 * ```
 */
import { createCipheriv } from 'node:crypto';
import { equalBytes, mapKey, sha256 } from '../../src/kit/bytes.ts';
import { type CompiledModule, startMachineAtOnce, type Trust } from '../../vm/host.ts';
import { trustKeys } from '../../vm/signed-module.ts';
import type { Chip } from '../chip/chip.ts';
import { GlitchError } from '../chip/cpu.ts';
import type { Profile } from '../profile.ts';
import { attest } from './attestation.ts';
import { readCertificate } from './certificate.ts';
import type { Booted, Core } from './core.ts';
import { deriveSecrets, sealingKey } from './device-secret.ts';
import { burnOut, countBits, type FuseRow, finishedRow, readFuse, readSerial } from './fuses.ts';
import { expectedMask, type Guard, Permit } from './guard.ts';
import { decodeImage, type Image, isImageSigned, readFramed } from './image.ts';
import { conformanceModule } from './known-answers.ts';
import { runSelfTest } from './self-test.ts';
import { DeviceStoreError, openStore, type StoreCode } from './store.ts';
import { Lifecycle } from './zeroise.ts';

/** Why a device is `failed`. */
export type BootCode =
  | 'manufacture_unfinished'
  | 'image_refused'
  | 'certificate_refused'
  | 'self_test_failed'
  | 'glitch_seen'
  | StoreCode;

/** What the machine's code is masked with, since the known answers need it before `self-test` is passed. */
const machineGuards: readonly Guard[] = ['image', 'lifecycle'];

const unmeasured = { version: '', measurement: new Uint8Array() };

/** Powers the chip on. Throws PowerCutError, and what is a bug. */
export function boot(chip: Chip, profile: Profile): Booted {
  return new Boot(chip, profile).run();
}

class Boot {
  private readonly chip: Chip;
  private readonly profile: Profile;
  private readonly lifecycle: Lifecycle;
  private readonly permit: Permit;
  private firmware: Core['firmware'] = unmeasured;

  constructor(chip: Chip, profile: Profile) {
    this.chip = chip;
    this.profile = profile;
    this.lifecycle = new Lifecycle(chip, profile);
    this.permit = new Permit(chip.cpu);
  }

  run(): Booted {
    try {
      return this.start();
    } catch (error) {
      if (error instanceof GlitchError)
        return this.lifecycle.raiseAlarm() === 'zeroised'
          ? this.stopped('zeroised')
          : this.failed('glitch_seen');
      if (error instanceof DeviceStoreError) return this.failed(error.code);
      throw error;
    }
  }

  private start(): Booted {
    const { chip, profile, permit, lifecycle } = this;
    const isFree = (): boolean => !lifecycle.isCondemned();
    if (!permit.pass('lifecycle', [isFree, isFree, isFree])) {
      lifecycle.zeroise();
      return this.stopped('zeroised');
    }
    const row = finishedRow(chip.die);
    if (row === undefined) return this.failed('manufacture_unfinished');
    const image = this.checkImage(row);
    if (image === undefined) return this.failed('image_refused');
    this.firmware = { version: image.version, measurement: image.measurement };
    const serial = readFuse(chip.die, row.serial);
    const { measurement } = image;
    const certificate = readCertificate(chip.flash, { profile, serial, measurement });
    if (certificate === undefined) return this.failed('certificate_refused');

    let trust: Trust = trustKnownAnswer;
    const compiled = this.unmask(image);
    if (compiled === undefined) return this.failed('image_refused');
    const machine = startMachineAtOnce(compiled, { trust: (signed) => trust(signed) });
    const { wrong, isRight } = runSelfTest(chip.cpu, profile, machine);
    if (!permit.pass('self-test', [isRight, isRight, isRight]))
      return this.failed('self_test_failed', wrong.join(', '));

    const secrets = deriveSecrets({ chip, profile, row, signer: image.signer, measurement });
    const { certificate: certificates, image: images, slot: sectors } = profile.layout;
    const first = certificates + images;
    const store = openStore({
      chip,
      slots: [
        { first, sectors },
        { first: first + sectors, sectors },
      ],
      key: sealingKey(secrets, permit),
    });
    // Nothing was committed yet: the factory may have been cut at this last fuse, and then it would be blank at the next boot.
    if (store.found === undefined) burnOut(chip.die, row.confirmed);
    const core: Core = {
      chip,
      profile,
      permit,
      store,
      maskedRoot: secrets.maskedRoot,
      serial,
      firmware: this.firmware,
      startMachine: (trusted) => {
        trust = trustKeys(trusted);
        return machine;
      },
      attest: (nonce, claims) =>
        attest(
          { chip, profile, permit, secrets, serial, firmware: this.firmware, certificate },
          nonce,
          claims,
        ),
      raiseAlarm: () => lifecycle.raiseAlarm(),
      zeroise: () => lifecycle.zeroise(),
      isCondemned: () => lifecycle.isCondemned(),
      alarms: () => lifecycle.alarms(),
    };
    return { kind: 'running', core };
  }

  /** The image, where it is signed by whom the fuses name, for this profile, and not older than they allow. Throws GlitchError. */
  private checkImage(row: FuseRow): Image | undefined {
    const { chip, profile, permit } = this;
    const { die, cpu } = chip;
    const image = this.readImage('boot.image');
    const test = (time: number) => (): boolean => {
      const again = this.readImage(`boot.image.${time}`);
      return (
        image !== undefined &&
        again !== undefined &&
        equalBytes(image.measurement, again.measurement) &&
        equalBytes(image.signer, again.signer) &&
        equalBytes(sha256(again.signer), cpu.value(`boot.signer.${time}`, readFuse(die, row.signer))) &&
        again.profile === profile.name &&
        again.floor >= countBits(cpu.value(`boot.floor.${time}`, readFuse(die, row.floor))) &&
        isImageSigned(again)
      );
    };
    return permit.pass('image', [test(1), test(2), test(3)]) ? image : undefined;
  }

  private readImage(site: string): Image | undefined {
    const { certificate, image } = this.profile.layout;
    const bytes = readFramed(this.chip.flash, certificate, image);
    const decoded = bytes === undefined ? undefined : decodeImage(this.chip.cpu.value(site, bytes));
    return decoded?.ok === true ? decoded.value : undefined;
  }

  /**
   * The machine, whose code lies in RAM masked: whoever did not pass the guards gets bytes that are no program. Undefined where a vendor signed what
   * is none. Throws GlitchError.
   */
  private unmask({ wasm }: Image): CompiledModule | undefined {
    const masked = mixed(wasm, expectedMask(machineGuards));
    const compiled = compile(mixed(masked, this.permit.mask(machineGuards)));
    if (compiled === undefined && !equalBytes(this.permit.mask(machineGuards), expectedMask(machineGuards)))
      throw new GlitchError('the machine cannot be read: a guard was not passed');
    return compiled;
  }

  private failed(code: BootCode, detail = ''): Booted {
    return this.stopped('failed', detail === '' ? code : `${code}: ${detail}`);
  }

  private stopped(kind: 'failed' | 'zeroised', reason = this.lifecycle.reason()): Booted {
    const { chip, profile, lifecycle, firmware } = this;
    return {
      kind,
      chip,
      profile,
      reason,
      serial: readSerial(chip.die),
      firmware,
      zeroise: () => lifecycle.zeroise(),
      alarms: () => lifecycle.alarms(),
    };
  }
}

const trustKnownAnswer: Trust = (given) =>
  equalBytes(given, conformanceModule) ? { ok: true, file: given } : trustNothing(given);

const trustNothing: Trust = () => ({ ok: false, message: 'no key is trusted yet' });

/** By its hash: compiling takes longer than the rest of a boot. */
const machines = new Map<string, CompiledModule>();
const machinesMost = 16;

/** Undefined where these bytes are no wasm. */
function compile(wasm: Uint8Array<ArrayBuffer>): CompiledModule | undefined {
  const name = mapKey(sha256(wasm));
  const known = machines.get(name);
  if (known !== undefined) return known;
  try {
    const compiled = new WebAssembly.Module(wasm);
    if (machines.size >= machinesMost) machines.delete(machines.keys().next().value as string);
    machines.set(name, compiled);
    return compiled;
  } catch {
    // WebAssembly tells of bytes that are no module by throwing, and of nothing else.
    return undefined;
  }
}

/** With a stream of the mask: twice gives what it was. */
function mixed(bytes: Uint8Array, mask: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createCipheriv('aes-256-ctr', mask, new Uint8Array(16)).update(bytes));
}
