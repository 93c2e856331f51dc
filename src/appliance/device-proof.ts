/**
 * Shows the secure element what a journal says, from its own store: a key there signs only what is in an entry under the anchored head
 * (docs/DEVICE.md, `prove`).
 *
 * ```
 *   journal   … 41 ─ 42 ─ 43 ─ 44 ─ 45          42 to 44 were committed and anchored together
 *   proven    … 41 ]    anchored ^              asked for 42: one proof of 42 to 44, and nobody asks for 43 and 44 again
 * ```
 *
 * What was proven is in the device's memory only: after its power was cut the same is proven once more, and then signed.
 */
import type { Head } from '../../firmware-sim/protocol.ts';
import { SignerError } from '../../hsm/signer.ts';
import type { JournalEntry } from '../journal/chain.ts';
import type { RoleDevice } from './role-device.ts';

/** The journal that the anchor is of. */
export interface ProofSource {
  /** Name of its anchor in the device. */
  readonly anchor: string;
  /** The hash of the entry with this number, of 0 the genesis hash; undefined where there is none. */
  hashAt(sequence: number): Promise<Uint8Array | undefined>;
  /** At most `limit` entries from `fromSequence` on. */
  journal(fromSequence: number, limit: number): Promise<readonly JournalEntry[]>;
}

/** Entries that are read at once, and bytes of them that go into one frame at most, where the device would take more. */
const page = { entries: 64, bytes: 1024 * 1024 };
/** Of a frame besides the entries: sequence, command, names, and the seal. */
const frameRoom = 1024;

export class JournalProof {
  private readonly device: RoleDevice;
  private readonly source: ProofSource;
  /** The entries that the device has seen proven, from the first to the last; none where `first` is above `last`. */
  private first = 1;
  private last = 0;
  private running: Promise<void> | undefined;
  /** How often everything was forgotten. */
  private cuts = 0;

  constructor(device: RoleDevice, source: ProofSource) {
    this.device = device;
    this.source = source;
  }

  /** What the device was told since its power was last known to be cut. */
  get power(): number {
    return this.cuts;
  }

  /** Resolves when the device may sign what this entry says; the entry is anchored. Whoever asks meanwhile waits for the same proof. */
  async cover(entry: number): Promise<void> {
    while (entry < this.first || entry > this.last) {
      this.running ??= this.prove(entry).finally(() => {
        this.running = undefined;
      });
      await this.running;
    }
  }

  /** The device was powered on anew since `power` was read: nothing is proven any more. */
  forget(power: number): void {
    if (power !== this.cuts) return;
    this.cuts++;
    this.first = 1;
    this.last = 0;
  }

  private async prove(entry: number): Promise<void> {
    const goesOn = this.last > 0 && entry > this.last;
    const { cuts } = this;
    const begin = goesOn ? this.last : entry - 1;
    const reached = await this.proveFrom(begin, entry);
    // Its power was cut meanwhile, and somebody found that out: the caller asks again.
    if (cuts !== this.cuts) return;
    if (!goesOn) this.first = begin + 1;
    this.last = reached;
  }

  /** Proves from `begin` up to the anchored head, whose number it gives: `entry` or a later one. */
  private async proveFrom(begin: number, entry: number): Promise<number> {
    const name = this.source.anchor;
    let from = await this.headAt(begin);
    for (;;) {
      const entries = await this.readAfter(from.sequence);
      const given = entries.map(({ bytes }) => bytes);
      const { reached, admitted } = await this.device.call('prove', { name, from, entries: given });
      const last = entries.at(-1);
      // It came to the anchored head: what is beyond is of no interest yet. Otherwise that is in the next frame.
      if (admitted > 0 || last === undefined || reached < last.sequence) return assertReached(reached, entry);
      from = { sequence: last.sequence, hash: last.hash };
    }
  }

  private async headAt(sequence: number): Promise<Head> {
    const hash = await this.source.hashAt(sequence);
    if (hash === undefined) throw new Error(`the journal has no entry ${sequence}`);
    return { sequence, hash };
  }

  /** As many as one frame holds, one at least. */
  private async readAfter(sequence: number): Promise<readonly JournalEntry[]> {
    const entries = await this.source.journal(sequence + 1, page.entries);
    const { frameBytes } = this.device.information.limits;
    const most = Math.min(page.bytes, frameBytes - frameRoom);
    let bytes = 0;
    const fits = entries.findIndex((entry, index) => {
      bytes += entry.bytes.length + 9;
      return index > 0 && bytes > most;
    });
    return fits === -1 ? entries : entries.slice(0, fits);
  }
}

function assertReached(reached: number, entry: number): number {
  if (reached >= entry) return reached;
  throw new SignerError(
    'not_anchored',
    `entry ${entry} is to be signed, and the device has only entry ${reached} anchored`,
  );
}
