/** A device that runs: what it keeps, what lies in its RAM, and the one way in which what it keeps is changed. */
import { createHash } from 'node:crypto';
import type { Core } from './core.ts';
import { confirm, decide } from './decision.ts';
import type { Guard, Permit } from './guard.ts';
import { AdmittedMessages } from './journal-proof.ts';
import { type HeldKey, holdKey, unmaskRoot } from './keys.ts';
import { ModuleShelf } from './modules.ts';
import { ConnectionSession } from './session.ts';
import { SignatureRate } from './signature-rate.ts';
import {
  applyChange,
  blankMemory,
  type Change,
  changedMemory,
  type DeviceMemory,
  decodeMemory,
  encodeChange,
  encodeSnapshot,
} from './state.ts';

/** A clock that only goes on. */
export type Clock = () => number;

export class Device {
  readonly core: Core;
  readonly memory: DeviceMemory;
  readonly keys = new Map<string, HeldKey>();
  readonly admitted = new AdmittedMessages();
  readonly modules: ModuleShelf;
  readonly rate: SignatureRate;
  private sessions = 0;

  /**
   * Takes what the store found, tests each key, and has the store begin. Throws GlitchError and DeviceStoreError.
   * A cut leaves what was found.
   */
  constructor(core: Core, clockMs: Clock) {
    this.core = core;
    const { store, profile, permit, chip } = core;
    const { found } = store;
    // Taken for blank by a glitch, it would forget its anchors.
    this.memory =
      decide(chip.cpu, 'memory.blank', () => store.found === undefined) || found === undefined
        ? blankMemory(profile.limits.pinTries)
        : decodeMemory(found, profile.limits);
    const root = unmaskRoot(core, permit);
    for (const key of this.memory.keys.values()) this.keys.set(key.label, holdKey(core, root, key));
    root.fill(0);
    store.begin(encodeSnapshot(this.memory), permit, begun);
    this.modules = new ModuleShelf(profile.limits.modules);
    this.rate = new SignatureRate(profile.quirks.signaturesPerSecond, clockMs);
  }

  /**
   * Changes what is kept; it is durable when this returns. A cut leaves the state before or after it, and nobody was told. Throws GlitchError
   * where `permit` lacks one of `needed`, or nothing was written.
   */
  commit(change: Change, permit: Permit, needed: readonly Guard[]): void {
    const { store, chip } = this.core;
    const { version } = store;
    chip.cpu.run(`commit.${change.kind}`, () => {
      store.commit(
        encodeChange(change),
        () => encodeSnapshot(changedMemory(this.memory, change)),
        permit,
        needed,
      );
      applyChange(this.memory, change);
    });
    confirm(chip.cpu, `commit.${change.kind}`, () => store.version > version);
  }

  open(): ConnectionSession {
    const { memory, core } = this;
    const drawn = core.chip.cpu.random('session.nonce', 16);
    // With the numbers of power-on and session: where a glitch has the random number come again, an old login does not fit it.
    const nonce = createHash('sha256')
      .update('ringmint.device.nonce.v1')
      .update(core.serial)
      .update(`${core.store.version} ${++this.sessions} `)
      .update(drawn)
      .digest()
      .subarray(0, 16);
    const pin =
      memory.pin === undefined
        ? undefined
        : { salt: memory.pin.salt, iterations: core.profile.pinIterations };
    return new ConnectionSession(new Uint8Array(nonce), pin);
  }

  /** RAM is emptied. */
  wipe(): void {
    for (const { masked } of this.keys.values()) masked.fill(0);
    this.keys.clear();
    this.memory.pin?.maskedKey.fill(0);
    this.admitted.clear();
    this.modules.clear();
  }
}

const begun: readonly Guard[] = ['image', 'self-test', 'lifecycle'];
