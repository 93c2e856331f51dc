/** Reservations for the sweep: parts of the quota that a caller has kept, uses and gives back while everything may be cut, and what has to come of it. */
import { equalBytes } from '../../src/kit/bytes.ts';
import type { Result } from '../../src/kit/result.ts';
import { makeRequestId } from '../../src/records/request-id.ts';
import type { AskedReservation } from '../../src/roles/issuer-reservations.ts';
import type { Reservation } from '../../src/store/store.ts';
import { Broken } from './broken.ts';
import type { Draw } from './draw.ts';
import type { Plant } from './plant.ts';

/** What is asked for until it is answered. */
export interface Keep {
  readonly id: Uint8Array;
  readonly does: 'keep' | 'release';
  readonly asked: AskedReservation;
}

/** One that there is a receipt of. */
interface Kept {
  readonly id: Uint8Array;
  readonly expiresMs: number;
  /** What its orders may still ask for, by what was asked before: it may be less, where one was denied. */
  left: bigint;
}

export class Keeping {
  private readonly plant: Plant;
  private readonly draw: Draw;
  private kept: Kept[] = [];

  constructor(plant: Plant, draw: Draw) {
    this.plant = plant;
    this.draw = draw;
  }

  /** Two that are open when the first order is made; one of them expires soon. */
  async begin(): Promise<void> {
    for (const seconds of [60, 86_400]) {
      const one = this.keep();
      const keep = { ...one, asked: { ...one.asked, total: 100n, seconds } };
      const got = await this.send(keep);
      if (!got.ok) throw new Broken('begin: there is room for it');
      this.settled(keep);
    }
  }

  /** Sent at once: parts to be kept, and one that is given back while its orders may be on their way. */
  make(): Keep[] {
    const { draw } = this;
    const asked = Array.from({ length: 1 + draw.below(2) }, () => this.keep());
    const ending = this.pick();
    return ending === undefined || draw.chance(60) ? asked : [...asked, this.release(ending.id)];
  }

  /** Which reservation an order of `amount` is to name, and for how much it then is: for all of it, a part, or more than is left. */
  use(amount: bigint): { readonly reservation?: Uint8Array; readonly amount: bigint } {
    const { draw } = this;
    const one = this.pick();
    if (one === undefined || draw.chance(25)) return { amount };
    const due = draw.chance(40) && one.left > 0n ? one.left : amount;
    one.left = one.left > due ? one.left - due : 0n;
    return { reservation: one.id, amount: due };
  }

  /** Lets the next that expires expire: what takes of its room then has to write that first. */
  expire(): void {
    const { clock } = this.plant;
    const [next] = this.kept.filter(({ expiresMs }) => expiresMs < clock.nowMs() + 200_000);
    if (next !== undefined) clock.advanceMs(Math.max(0, next.expiresMs - clock.nowMs()));
  }

  /** Asks; gives the answer's bytes, the same for ever. */
  async send({ does, asked }: Keep): Promise<Result<Uint8Array>> {
    const { issuerReservations } = this.plant;
    if (does === 'keep') return issuerReservations.reserve(asked);
    const released = await issuerReservations.release(asked.id);
    return released.ok ? { ok: true, value: answerOf(released.value) } : released;
  }

  settled({ does, asked, id }: Keep): void {
    if (does === 'release') this.kept = this.kept.filter((one) => !equalBytes(one.id, id));
    else
      this.kept.push({
        id,
        left: asked.total,
        // Its request is made when it is first asked for, or later where that was cut: it may last longer.
        expiresMs: this.plant.clock.nowMs() + asked.seconds * 1000,
      });
  }

  private pick(): Kept | undefined {
    return this.kept.length === 0 ? undefined : this.draw.pick(this.kept.slice(-4));
  }

  private keep(): Keep {
    const { draw, plant } = this;
    const id = makeRequestId(plant.clock, (length) => draw.bytes(length));
    const total = BigInt(1 + draw.below(draw.chance(10) ? 4_000 : 90));
    const asked = {
      id,
      currency: { code: 'EUR', exponent: 2 },
      total,
      seconds: draw.pick([30, 120, 86_400]),
    };
    return { id, does: 'keep', asked };
  }

  private release(id: Uint8Array): Keep {
    return {
      id,
      does: 'release',
      asked: { id, currency: { code: 'EUR', exponent: 2 }, total: 1n, seconds: 1 },
    };
  }
}

/** Of a release: how it ended, and what of it was used by then. */
export function answerOf({ state, used }: Reservation): Uint8Array {
  if (state === 'open') throw new Broken('release: it is open still');
  return Buffer.from(`${state} ${used}`);
}
