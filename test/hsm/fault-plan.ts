/** Plans for the fault shim, drawn at random: which calls of a signer fail, and how. */

import pkcs11js from 'pkcs11js';
import { returnValues } from '../../hsm/ckr.ts';
import type { Dice } from '../vm/random-program.ts';
import type { LoggedCall } from './fault-shim.ts';

/** What one process calls, by function, from C_GetFunctionList until it has signed its first. */
export type CallCounts = ReadonlyMap<string, number>;

export interface PlanOptions {
  readonly dice: Dice;
  /** Calls that were made already, by function, and in all as `*`. */
  readonly before: CallCounts;
  /** The calls of an opening; C_Sign and C_SignInit apart, their faults are drawn for several openings. */
  readonly opening: CallCounts;
  /** How many of C_Sign's calls the plan is for. */
  readonly signatures: number;
  /** Label of a second key on the token. */
  readonly otherKey: string;
  /** Whether an opening may hang for ever too: that costs as long as the signer gives it to start. */
  readonly openingsHang: boolean;
}

/** Every answer but CKR_OK. Vendors have answers of their own, which nobody can know. */
const answers = [
  ...Object.keys(pkcs11js).filter((name) => name.startsWith('CKR_') && name !== 'CKR_OK'),
  '0x80000031',
];
/** A refused PIN is final for a signer, rightly: these have a test of their own. */
const refusals = new Set(
  [...returnValues.values()].filter(({ failure }) => failure === 'pin').map(({ name }) => name),
);
const answersAtOpening = answers.filter((name) => !refusals.has(name));
/** Answers about a call or a session. They come up more often: the others cost a process each, and so time. */
const frequent = [
  'CKR_FUNCTION_FAILED',
  'CKR_ARGUMENTS_BAD',
  'CKR_MECHANISM_INVALID',
  'CKR_OPERATION_ACTIVE',
  'CKR_BUFFER_TOO_SMALL',
];
const wrongSignatures = [
  'flipped',
  'previous',
  'shorter',
  'longer',
  'empty',
  'swapped',
  'zeros',
  'other-data',
  'other-key',
] as const;
const crashes = ['segv', 'abort', 'exit', 'kill'] as const;

/** Faults of C_Sign and C_SignInit. Most are of kinds that cost no process, so that there is time for many. */
const atSigning: readonly (readonly [weight: number, draw: (dice: Dice, otherKey: string) => string])[] = [
  [330, (dice) => `${eitherSide(dice)} delay ${1 + dice.below(25)}`],
  [290, (dice) => `${eitherSide(dice)} answer ${dice.pick(frequent)}`],
  [120, () => 'C_Sign signature negated'],
  [90, () => 'C_Sign buffer-too-small'],
  [36, (dice) => `${eitherSide(dice)} answer ${dice.pick(answers)}`],
  [
    50,
    (dice, otherKey) => {
      const way = dice.pick(wrongSignatures);
      return `C_Sign signature ${way}${way === 'other-key' ? ` ${otherKey}` : ''}`;
    },
  ],
  [8, (dice) => `${dice.pick(['C_Sign', 'C_SignInit'])} nothing`],
  [16, (dice) => `${eitherSide(dice)} crash ${dice.pick(crashes)}`],
  [6, (dice) => `${eitherSide(dice)} hang`],
];

/** `C_Sign` or `C_SignInit`, before or after the call. */
function eitherSide(dice: Dice): string {
  return dice.pick(['C_Sign', 'C_Sign', 'C_Sign after', 'C_SignInit', 'C_SignInit after']);
}

function drawWeighted<T>(dice: Dice, items: readonly (readonly [number, T])[]): T {
  let left = dice.below(items.reduce((sum, [weight]) => sum + weight, 0));
  for (const [weight, item] of items) {
    if (left < weight) return item;
    left -= weight;
  }
  throw new Error('the weights are not of these items');
}

/** `FUNCTION [after] FAULT` with its count put in. */
function withCount(fault: string, count: number | string): string {
  return fault.replace(' ', ` ${count} `);
}

/** The lines of a plan. No two are for the same call, except where a window of `token-gone` covers others. */
export function drawPlan(options: PlanOptions): string[] {
  return [...drawWindows(options), ...drawSigning(options), ...drawOpenings(options)];
}

function drawSigning({ dice, before, signatures, otherKey }: PlanOptions): string[] {
  const lines = [];
  for (let call = 1 + dice.below(3); call <= signatures; call += 1 + dice.below(3)) {
    const fault = drawWeighted(dice, atSigning)(dice, otherKey);
    const [name = ''] = fault.split(' ');
    lines.push(withCount(fault, (before.get(name) ?? 0) + call));
  }
  return lines;
}

function drawOpenings({ dice, before, opening, signatures, openingsHang }: PlanOptions): string[] {
  const lines = [];
  const names = [...opening.keys()].filter((name) => !/^(\*|C_Sign|C_SignInit|C_CloseSession)$/.test(name));
  // How often the signer opens is not known beforehand: faults for more openings than there will be.
  for (let number = 0; number < signatures; number++) {
    if (dice.below(6) > 0) continue;
    const name = dice.pick(names);
    const each = opening.get(name) ?? 1;
    const count = (before.get(name) ?? 0) + number * each + 1 + dice.below(each);
    const isPoint = name === 'C_GetAttributeValue' && dice.below(2) === 0;
    const fault = isPoint ? `point ${dice.pick(['flipped', 'negated'])}` : drawOpening(dice, openingsHang);
    lines.push(withCount(`${name} ${fault}`, count));
  }
  const closed = before.get('C_CloseSession') ?? 0;
  for (let call = dice.below(60); call < signatures; call += 1 + dice.below(60))
    lines.push(withCount(`C_CloseSession ${drawOpening(dice, false)}`, closed + call + 1));
  return lines;
}

function drawOpening(dice: Dice, hangs: boolean): string {
  const after = dice.pick(['', 'after ']);
  switch (dice.below(10)) {
    case 0:
      return `${after}crash ${dice.pick(crashes)}`;
    case 1:
    case 2:
      return `${after}delay ${1 + dice.below(200)}`;
    case 3:
      return 'nothing';
    case 4:
      if (hangs && dice.below(20) === 0) return `${after}hang`;
      return `${after}answer ${dice.pick(answersAtOpening)}`;
    default:
      return `${after}answer ${dice.pick(answersAtOpening)}`;
  }
}

function drawWindows({ dice, before, signatures }: PlanOptions): string[] {
  const lines = [];
  const all = before.get('*') ?? 0;
  // A signature is two calls, and openings come on top.
  for (let call = 50 + dice.below(200); call < signatures * 4; call += 150 + dice.below(600)) {
    const last = call + dice.pick([0, 1, 1, 2, 5]);
    const answer = dice.pick(['CKR_OBJECT_HANDLE_INVALID', 'CKR_TOKEN_NOT_PRESENT']);
    lines.push(`* ${all + call}-${all + last} token-gone ${answer}`);
  }
  return lines;
}

/** How often each function was called, and all of them as `*`. */
export function countCalls(calls: readonly LoggedCall[]): Map<string, number> {
  const counts = new Map<string, number>([['*', 0]]);
  for (const { name, answer } of calls) {
    if (answer === 'waiting') continue;
    counts.set(name, (counts.get(name) ?? 0) + 1);
    counts.set('*', (counts.get('*') ?? 0) + 1);
  }
  return counts;
}

/** The kind of a fault that happened, as a table of outcomes has it: answers together, by where they came. */
export function kindOf({ name, fault }: LoggedCall): string {
  if (fault === undefined) return 'none';
  const place = /^(?:C_Sign|C_SignInit|C_CloseSession)$/.test(name) ? name : 'opening';
  // `answer=CKR_X` and `answer-after=CKR_X` by the first word alone; which signature, crash or point it was is kept.
  const what = /^(?:answer|token-gone)/.test(fault.name) ? fault.name.replace(/=.*/, '') : fault.name;
  return /^(?:token-gone|login-lost)/.test(what) ? what : `${place} ${what}`;
}
