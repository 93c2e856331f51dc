/** Asks a recorded run why something has its label: a register, a word, a port, pc, or the trap that ended it. */
import { Derivation } from './derivation.ts';
import type { Derived } from './derived-label.ts';
import { traps } from './isa.ts';
import { showLabel } from './label-text.ts';
import { instructionAt, showPlace } from './listing.ts';
import { type Explanation, explain } from './provenance.ts';
import { readTarget, targetMessage } from './target.ts';
import type { Timeline } from './timeline.ts';

export type LabelAnswer =
  | {
      readonly ok: true;
      /** What was asked about, and the label that it has. */
      readonly title: string;
      readonly label: number;
      readonly explanation: Explanation;
    }
  | { readonly ok: false; readonly code: 'target_unknown'; readonly message: string };

/** Derives from the beginning of the line to where it stands, or with `toEnd` to its end, where it stands then. */
function derive(timeline: Timeline, toEnd: boolean): Derivation {
  const here = timeline.steps;
  while (timeline.back() !== undefined);
  const derivation = new Derivation(timeline);
  while (toEnd ? timeline.ending === undefined : timeline.steps < here) {
    const took = derivation.prepare();
    const facts = timeline.forward();
    if (facts !== undefined) took(facts);
  }
  return derivation;
}

/**
 * Explains the label of `what` where `timeline` stands, which stays there, or with `toEnd` at its end; that of `trap` is
 * always at the end. The graph is made anew each time: it is asked for rarely, and kept for no step.
 */
export function askWhy(timeline: Timeline, what: string, toEnd = false): LabelAnswer {
  const here = timeline.steps;
  const answer = what === 'trap' ? askTrap(timeline) : askState(timeline, what, toEnd);
  while (!toEnd && timeline.steps > here) timeline.back();
  return answer;
}

function askState(timeline: Timeline, what: string, toEnd: boolean): LabelAnswer {
  const { listing } = timeline;
  const target = what === 'pc' ? undefined : readTarget(listing, what);
  if (what !== 'pc' && target === undefined) return unknown(targetMessage(listing, what));
  const derivation = derive(timeline, toEnd);
  switch (target?.kind) {
    case undefined:
      return explained('pc', derivation.context);
    case 'word':
      return explained(what, derivation.word(target.segment, target.index));
    case 'register': {
      const derived = derivation.register(target.register);
      if (derived !== undefined) return explained(what, derived);
      const count = timeline.registers.length;
      return unknown(
        `\`${what}\`: the open function has ${count} ${count === 1 ? 'register, r0' : `registers, r0 to r${count - 1}`}`,
      );
    }
    case 'port': {
      const derived = derivation.port(target.port);
      return derived === undefined
        ? unknown(`the port \`${what}\` was not written yet`)
        : explained(what, derived);
    }
  }
}

/** Of a store that broke the rule of upgrades only what goes beyond the old label of the word: that is why. */
function askTrap(timeline: Timeline): LabelAnswer {
  const derivation = derive(timeline, true);
  const { ending, listing } = timeline;
  if (ending?.kind !== 'trapped')
    return unknown('the run was not stopped by a trap: ask why of something else');
  const { at, trap } = ending;
  const title = `${showPlace(listing, at)} (#${at}): \`${instructionAt(listing, at).text}\` trapped, ${traps[trap].meaning} [${trap}]; label`;
  const store = trap === 'upgrade' ? derivation.storeContext() : undefined;
  if (store === undefined) return explained(title, derivation.trap(ending));
  const { context, old } = store;
  return {
    ...explained(
      `${title} ${showLabel(ending.label)}, old label of ${old.place} ${showLabel(old.label)}; pc, address and level`,
      context,
      context.label & ~old.label,
    ),
  };
}

function explained(title: string, derived: Derived, bits?: number): LabelAnswer {
  return { ok: true, title, label: derived.label, explanation: explain(derived, bits) };
}

function unknown(message: string): LabelAnswer {
  return { ok: false, code: 'target_unknown', message };
}
