/** Sequences of what may be done with a device: commands with good and bad arguments on several connections, power, cuts, a flash put back. */
import fc from 'fast-check';
import type { CutPlace } from '../../firmware-sim/chip/power.ts';
import type { CommandName, Commands, Head } from '../../firmware-sim/protocol.ts';
import { sha256, utf8 } from '../../src/kit/bytes.ts';
import {
  boundType,
  forkedJournal,
  freeType,
  headAt,
  journal,
  messageOf,
  moduleKey,
  otherPin,
  otherProposal,
  type Pin,
  peerPoint,
  pinOf,
  proposal,
  rightPin,
  strangeModule,
  strangeModuleKey,
  trustedModule,
} from './fixtures.ts';
import { keyLabels } from './workbench.ts';

export type Command = {
  [N in CommandName]: { readonly name: N; readonly given: Commands[N]['arguments'] };
}[CommandName];

export type Deed =
  | { readonly kind: 'command'; readonly place: number; readonly command: Command }
  | { readonly kind: 'login'; readonly place: number; readonly pin: Pin };

export interface PlannedCut {
  readonly at: number;
  readonly where: CutPlace;
  readonly seed: number;
}

export type Step =
  | { readonly kind: 'deed'; readonly deed: Deed }
  | { readonly kind: 'cut'; readonly deed: Deed; readonly cut: PlannedCut }
  | { readonly kind: 'close'; readonly place: number }
  | { readonly kind: 'power'; readonly cuts: readonly PlannedCut[] }
  | { readonly kind: 'keep flash' }
  | { readonly kind: 'put flash back' };

const labels = [...Object.values(keyLabels), 'new', 'newer'];
const label = fc.constantFrom(...labels);
// A key of RSA takes long to make.
const algorithm = fc.oneof(
  { weight: 20, arbitrary: fc.constantFrom('ES256' as const, 'ES384' as const, 'EdDSA' as const) },
  { weight: 1, arbitrary: fc.constant('PS256' as const) },
);
const pin = fc.oneof(
  { weight: 8, arbitrary: fc.constant(rightPin) },
  { weight: 2, arbitrary: fc.constant(otherPin) },
  { weight: 1, arbitrary: fc.constant(pinOf('wrong')) },
);
const anchorName = fc.oneof(
  { weight: 6, arbitrary: fc.constant('journal') },
  { weight: 1, arbitrary: fc.constantFrom('second', 'third', 'fourth') },
);
const head: fc.Arbitrary<Head> = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 8 }).map((sequence) => headAt(journal, sequence)) },
  { weight: 1, arbitrary: fc.integer({ min: 4, max: 8 }).map((sequence) => headAt(forkedJournal, sequence)) },
  {
    weight: 1,
    arbitrary: fc
      .integer({ min: 0, max: 9 })
      .map((sequence) => ({ sequence, hash: sha256(utf8(`no head ${sequence}`)) })),
  },
);
const message = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...journal.messages) },
  { weight: 1, arbitrary: fc.constantFrom(...forkedJournal.messages) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      messageOf(freeType, 'a head'),
      messageOf(`${freeType}2`, 'nearly one'),
      messageOf(boundType, freeType),
      messageOf(boundType, 'in no journal'),
      messageOf(boundType, 'two types', { headerType: [freeType] }),
      sha256(utf8('a hash')),
      new Uint8Array(48).fill(9),
      utf8(freeType),
      utf8('ringmint.canary'),
      new Uint8Array(),
    ),
  },
);

function command<N extends CommandName>(
  name: N,
  given: fc.Arbitrary<Commands[N]['arguments']>,
): fc.Arbitrary<Command> {
  return given.map((made) => ({ name, given: made }) as unknown as Command);
}

/** Mostly from where the anchor may well be, and mostly forward. */
const advance = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.tuple(fc.integer({ min: 3, max: 7 }), fc.integer({ min: 1, max: 2 })).map(([from, by]) => ({
      name: journal.name,
      from: headAt(journal, from),
      to: headAt(journal, Math.min(8, from + by)),
    })),
  },
  {
    weight: 3,
    arbitrary: fc.record({ name: anchorName, from: fc.option(head, { freq: 2 }), to: head }),
  },
);

/** Stretches of the journal, whole and in parts, now and then of the other one. */
const prove = fc
  .record({
    name: anchorName,
    first: fc.integer({ min: 0, max: 6 }),
    count: fc.integer({ min: 0, max: 6 }),
    of: fc.oneof(
      { weight: 6, arbitrary: fc.constant(journal) },
      { weight: 1, arbitrary: fc.constant(forkedJournal) },
    ),
    from: fc.option(head, { freq: 8 }),
  })
  .map(({ name, first, count, of, from }) => ({
    name,
    from: from ?? headAt(of, first),
    entries: of.entries.slice(first, first + count),
  }));

const commands: fc.Arbitrary<Command> = fc.oneof(
  { weight: 1, arbitrary: command('info', fc.constant({})) },
  { weight: 2, arbitrary: command('counters', fc.constant({})) },
  { weight: 1, arbitrary: command('attest', fc.constant({ nonce: new Uint8Array(16).fill(3) })) },
  {
    weight: 1,
    arbitrary: command('initialise', fc.constantFrom(rightPin, otherPin)),
  },
  { weight: 1, arbitrary: command('change-pin', fc.constantFrom(rightPin, otherPin)) },
  {
    weight: 2,
    arbitrary: command(
      'generate',
      fc.record({
        label: fc.oneof(
          { weight: 3, arbitrary: fc.constantFrom('new', 'newer') },
          { weight: 1, arbitrary: fc.constantFrom(...labels, ' no label') },
        ),
        algorithm,
        use: fc.constantFrom('sign' as const, 'sign' as const, 'agree' as const, 'vote' as const),
        anchored: fc.boolean(),
        free: fc.constantFrom([], [], [freeType]),
      }),
    ),
  },
  { weight: 2, arbitrary: command('keys', fc.constant({})) },
  { weight: 6, arbitrary: command('sign', fc.record({ label, message })) },
  {
    weight: 1,
    arbitrary: command(
      'derive',
      fc.record({ label, point: fc.constantFrom(peerPoint, new Uint8Array(65).fill(4)) }),
    ),
  },
  { weight: 2, arbitrary: command('read-anchor', fc.record({ name: anchorName })) },
  { weight: 8, arbitrary: command('advance', advance) },
  { weight: 5, arbitrary: command('prove', prove) },
  {
    weight: 3,
    arbitrary: command(
      'vote',
      fc.record({
        label: fc.oneof(
          { weight: 4, arbitrary: fc.constant<string>(keyLabels.vote) },
          { weight: 1, arbitrary: label },
        ),
        proposal: fc.constantFrom(proposal, otherProposal),
        choice: fc.constantFrom('approve' as const, 'reject' as const, 'abstain' as const),
      }),
    ),
  },
  {
    weight: 1,
    arbitrary: command(
      'trust',
      fc.constantFrom({ points: [moduleKey.point] }, { points: [strangeModuleKey.point] }),
    ),
  },
  {
    weight: 2,
    arbitrary: command(
      'load',
      fc.constantFrom(
        { module: trustedModule.signed },
        { module: strangeModule.signed },
        { module: utf8('no module') },
      ),
    ),
  },
  {
    weight: 2,
    arbitrary: command(
      'run',
      fc.record({
        hash: fc.constantFrom(trustedModule.hash, strangeModule.hash),
        inputs: fc.constantFrom(
          [],
          [{ segment: 0, index: 0, value: 5n }],
          [{ segment: 0, index: 2, value: 5n }],
          [{ segment: 1, index: 0, value: 5n }],
        ),
        fuel: fc.constantFrom(null, 1_000n),
      }),
    ),
  },
);

const place = fc.integer({ min: 0, max: 2 });

/** Stands for the serial of the device. */
export const ownSerial = 'its own';

/** Zeroise and tamper are rare, since little happens after them. */
function deeds(): fc.Arbitrary<Deed> {
  const ending = fc.oneof(
    { weight: 3, arbitrary: command('zeroise', fc.constant({ serial: 'another' })) },
    { weight: 1, arbitrary: command('zeroise', fc.constant({ serial: ownSerial })) },
    {
      weight: 1,
      arbitrary: command(
        'tamper',
        fc.constantFrom({ event: 'mesh' as const }, { event: 'removal' as const }),
      ),
    },
  );
  return fc.oneof(
    { weight: 10, arbitrary: fc.record({ kind: fc.constant('command' as const), place, command: commands }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('login' as const), place, pin }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('command' as const), place, command: ending }) },
  );
}

function cutsWithin(most: number): fc.Arbitrary<PlannedCut> {
  return fc.record({
    at: fc.integer({ min: 0, max: most }),
    where: fc.constantFrom('before' as const, 'during' as const, 'after' as const),
    seed: fc.integer({ min: 0, max: 2 ** 31 }),
  });
}

/** At most so many of them. */
export function stepsOf(most: number): fc.Arbitrary<readonly Step[]> {
  const deed = deeds();
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 12, arbitrary: fc.record({ kind: fc.constant('deed' as const), deed }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('cut' as const), deed, cut: cutsWithin(24) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('close' as const), place }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('power' as const),
        cuts: fc.array(cutsWithin(30), { maxLength: 2 }),
      }),
    },
    { weight: 1, arbitrary: fc.constant({ kind: 'keep flash' as const }) },
    { weight: 2, arbitrary: fc.constant({ kind: 'put flash back' as const }) },
  );
  // With a login first, and mostly after power came back, for without one little is answered.
  return fc
    .array(step, { minLength: 2, maxLength: most })
    .map((steps) => [login, ...steps.flatMap((one) => (isLoggedInAfter(one) ? [one, login] : [one]))]);
}

const login: Step = { kind: 'deed', deed: { kind: 'login', place: 0, pin: rightPin } };

function isLoggedInAfter(step: Step): boolean {
  if (step.kind === 'cut') return step.cut.seed % 4 !== 0;
  return step.kind === 'power' ? step.cuts.length < 2 : step.kind === 'put flash back';
}
