/**
 * Issuance's hold on quota control's serials: of one serial one currency is signed, whatever quota control signs, or however many copies
 * of it there are. Two control bits under one serial prove that it lies or was copied: both are kept in the journal, and nothing more of
 * quota control's is taken until an operator releases it.
 *
 * - A crash before the proof is stored leaves the first control bit, and the second one at quota control: whoever asks for it again has
 *   it found again.
 * - A crash after it leaves the stop, which every start and every process of the system finds.
 */
import { equalBytes, sha256, toHex } from '../kit/bytes.ts';
import type { Clock } from '../kit/clock.ts';
import { decodeCbor, encodeCbor } from '../kit/encoding.ts';
import { assert, type Refusal, type Result, refuse, succeed } from '../kit/result.ts';
import { decodeControlBit } from '../records/control-bit.ts';
import { encodeChange } from '../records/quota-change.ts';
import type { Committed, Intent, Stop, Store } from '../store/store.ts';
import { decodeContext } from './currency-intent.ts';
import type { Ledger } from './ledger.ts';

/** Whose right such a stop is. */
const contradictionAuthor = 'issuance';

export interface SerialGuard {
  /** Whether anything of quota control's is taken now. */
  check(): Promise<Result<null, 'control_bit_serial_used'>>;
  /** Gives what `commit` gives, unless another request has the control bit's serial. */
  commit(one: ClaimedControlBit, commit: () => Promise<Committed>): Promise<Committed | Refused>;
}

type Refused = Refusal<'control_bit_serial_used'>;

export interface ClaimedControlBit {
  readonly requestId: Uint8Array;
  readonly epoch: number;
  readonly sequence: number;
  /** As it was signed. */
  readonly bytes: Uint8Array;
}

export function makeSerialGuard(ledger: Ledger, clock: Clock): SerialGuard {
  const { store } = ledger;
  /** Control bits, by their serials, whose currency is being committed. */
  const claimed = new Map<string, Uint8Array>();
  /** Set before the proof is stored: nothing that is on its way passes meanwhile. */
  let halted: Refused | undefined;

  async function contradict(first: Uint8Array, second: ClaimedControlBit): Promise<Refused> {
    const refusal = refuseUsedSerial(second);
    halted = refusal;
    await store.stop({
      id: contradictionId(first, second.bytes),
      reason: reasonOf(second),
      by: contradictionAuthor,
      createdMs: clock.nowMs(),
      evidence: encodeCbor([first, second.bytes]),
    });
    // This very proof was released before: the order has no currency, and no other is held up by it.
    if ((await store.stopped()) === undefined) halted = undefined;
    // In force whatever comes of this; the next entry anchors it too.
    await ledger.follow().catch(() => undefined);
    return refusal;
  }

  return {
    async check() {
      if (halted !== undefined) return halted;
      const stop = await store.stopped();
      return stop === undefined ? succeed(null) : refuseContradicted(stop.reason);
    },
    async commit(one, commit) {
      const serial = `${one.epoch}/${one.sequence}`;
      if (halted !== undefined) return halted;
      // Of two that come at once with one serial neither is found in the store.
      const rival = claimed.get(serial);
      if (rival !== undefined) return contradict(rival, one);
      claimed.set(serial, one.bytes);
      try {
        const used = await store.findSerial(one.epoch, one.sequence);
        if (used !== undefined && !equalBytes(used.id, one.requestId))
          return await contradict(controlBitOf(used), one);
        return await commit();
      } finally {
        claimed.delete(serial);
      }
    },
  };
}

function controlBitOf({ context }: Intent): Uint8Array {
  return decodeContext(context).controlBit;
}

/** The same of the same two, whichever came first and under whichever signatures. */
function contradictionId(one: Uint8Array, other: Uint8Array): Uint8Array {
  const hashes = [one, other].map((bytes) => {
    const decoded = decodeControlBit(bytes);
    assert(decoded.ok, 'a control bit that was verified decodes');
    return toHex(sha256(decoded.value.toBeSigned));
  });
  return sha256(new TextEncoder().encode(hashes.sort().join(' '))).slice(0, 16);
}

function reasonOf({ epoch, sequence }: ClaimedControlBit): string {
  return `quota control has signed two control bits under serial ${epoch}/${sequence}`;
}

function refuseUsedSerial(one: ClaimedControlBit): Refused {
  return refuseContradicted(reasonOf(one));
}

function refuseContradicted(reason: string): Refused {
  return refuse(
    'control_bit_serial_used',
    `${reason}: it lies, or two copies of it run. The first one is accepted, and nothing more of quota control's until an operator releases it (\`ringmint contradiction\`, docs/OPERATIONS.md)`,
  );
}

/** The two control bits, as they were signed, that a stop of issuance's keeps; `undefined` where it keeps none. */
export function readContradiction(
  evidence: Uint8Array | null,
): readonly [Uint8Array, Uint8Array] | undefined {
  const decoded = evidence === null ? undefined : decodeCbor(evidence);
  const [first, second] = decoded?.ok === true && Array.isArray(decoded.value) ? decoded.value : [];
  return first instanceof Uint8Array && second instanceof Uint8Array ? [first, second] : undefined;
}

/** How long a release may take to be carried out: it is made and carried out at once. */
const releaseSeconds = 60;

/**
 * Has issuance take control bits again; gives the stop that it lifts, or `undefined` where there is none. A journal entry, as the stop is.
 * A running system goes by what it has seen: it has to be started again.
 */
export async function releaseContradiction(
  store: Store,
  { reason, clock }: { readonly reason: string; readonly clock: Clock },
): Promise<Stop | undefined> {
  const stop = await store.stopped();
  if (stop === undefined) return undefined;
  const madeAt = clock.nowSeconds();
  const change = encodeChange({
    madeAt,
    expiresAt: madeAt + releaseSeconds,
    reason,
    action: { kind: 'start', stop: stop.sequence },
  });
  const applied = await store.applyChange({ change, approvals: [], createdMs: clock.nowMs() });
  assert(applied.ok, 'a start of the stop in force, made now, is carried out');
  return stop;
}
