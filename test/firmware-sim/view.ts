/** All that can be seen of a device from outside: what a sweep holds before and after against each other. */
import type { DeviceCounters, DeviceKey, DeviceState, Head } from '../../firmware-sim/protocol.ts';
import { toHex } from '../../src/kit/bytes.ts';
import { assert } from '../../src/kit/result.ts';
import { otherPin, otherProposal, type Pin, proposal, rightPin, trustedModule } from './fixtures.ts';
import { type Bench, type BenchEvent, keyLabels } from './workbench.ts';

export interface View {
  readonly state: DeviceState;
  readonly reason: string;
  readonly triesLeft: number;
  readonly alarms: number;
  /** Which of the tests' PINs opens it; undefined where none does. */
  readonly pin: 'right' | 'other' | undefined;
  /** By label: what each key is, its point in hex. */
  readonly keys: Readonly<Record<string, string>>;
  /** `sequence hash`, or null, by name. */
  readonly anchors: Readonly<Record<string, string | null>>;
  /** What was voted, by proposal in hex; null where nothing was. */
  readonly ballots: Readonly<Record<string, string | null>>;
  /** Whether it takes the module of the tests' key; undefined where it has no keys to trust yet. */
  readonly trusts: boolean | undefined;
}

export interface ViewOptions {
  /** Names of the anchors that are looked at. */
  readonly anchors?: readonly string[];
  /** Looks at ballots and trust, too, which takes a vote and a load. */
  readonly deep?: boolean;
}

/** Looks at a copy, powered on anew: nothing of the device itself is changed. The bench has to be powered off. */
export function observe(original: Bench, options: ViewOptions = {}): View {
  return look(original.copy(), options);
}

/** As `observe`, with what was asked and answered, for the reference to judge. */
export function inspect(
  original: Bench,
  options: ViewOptions = {},
): { readonly view: View; readonly events: readonly BenchEvent[] } {
  const bench = original.copy();
  return { view: look(bench, options), events: bench.events };
}

/** Powers the device itself on and looks at it; it stays on, and logged in where a PIN was found. Tries are those before that. */
export function look(bench: Bench, { anchors = ['journal'], deep = false }: ViewOptions = {}): View {
  const { state } = bench.powerOn();
  const info = bench.ask('info', {});
  const counted = bench.ask('counters', {});
  const counters: Partial<DeviceCounters> = counted.ok ? counted.value : {};
  const { triesLeft = -1, alarms = -1 } = counters;
  const closed: View = {
    state,
    reason: info.ok ? info.value.reason : '',
    triesLeft,
    alarms,
    pin: undefined,
    keys: {},
    anchors: {},
    ballots: {},
    trusts: undefined,
  };
  if (state !== 'ready') return closed;
  const pin = openWith(bench, { right: rightPin, other: otherPin });
  if (pin === undefined) return closed;
  const listed = bench.tell('keys', {});
  return {
    ...closed,
    pin,
    keys: Object.fromEntries(listed.keys.map((key) => [key.label, describeKey(key)])),
    anchors: Object.fromEntries(
      anchors.map((name) => [name, describeHead(bench.tell('read-anchor', { name }).head)]),
    ),
    ...(deep ? { ballots: votesOf(bench), trusts: trustOf(bench) } : {}),
  };
}

function openWith(bench: Bench, pins: Readonly<Record<'right' | 'other', Pin>>): View['pin'] {
  const { pin } = bench.session();
  assert(pin !== undefined, 'a device that is ready has a PIN');
  for (const name of ['right', 'other'] as const) {
    // The salt says whose it is: no try is lost.
    if (toHex(pins[name].salt) === toHex(pin.salt) && bench.login(pins[name]).ok) return name;
  }
  return undefined;
}

function describeKey({ algorithm, use, anchored, free, point }: DeviceKey): string {
  return `${algorithm} ${use} ${anchored ? 'anchored' : 'plain'} [${free.join(' ')}] ${toHex(point)}`;
}

export function describeHead(head: Head | null): string | null {
  return head === null ? null : `${head.sequence} ${toHex(head.hash)}`;
}

/** Another choice than the one that was cast is refused, the same gives the same: so a vote for `reject` tells. */
function votesOf(bench: Bench): Record<string, string | null> {
  const votes: Record<string, string | null> = {};
  for (const one of [proposal, otherProposal]) {
    const probe = bench.ask('vote', { label: keyLabels.vote, proposal: one, choice: 'abstain' });
    if (probe.ok) {
      votes[toHex(one)] = null;
      continue;
    }
    const cast = (['approve', 'reject'] as const).find(
      (choice) => bench.ask('vote', { label: keyLabels.vote, proposal: one, choice }).ok,
    );
    votes[toHex(one)] = cast ?? probe.code;
  }
  return votes;
}

function trustOf(bench: Bench): boolean {
  return bench.ask('load', { module: trustedModule.signed }).ok;
}
