/** Compares one version of a function, and proves what is claimed of it. */
import { type Bytes, CodeMatch } from './check-code.ts';
import { Frame } from './check-frame.ts';
import { type Findings, Walk } from './check-function.ts';
import type { CheckedProgram } from './check-program.ts';
import { isSameState, meetStates, type State } from './check-state.ts';
import { Refusal } from './check-wasm.ts';
import type { ProvenFunction } from './claims.ts';

/** A loop settles in a few rounds; a program for which it takes longer is not accepted. */
const mostRounds = 1000;

/** Of function `index`; `claim` is `undefined` for the tagged version. */
export function checkVersion(
  program: CheckedProgram,
  index: number,
  claim: ProvenFunction | undefined,
  code: Bytes,
  findings: Findings,
): void {
  const heads = new Map(claim?.loops.map((loop) => [loop.at, loop]));
  const match = new CodeMatch(code, (offset) => {
    const { mnemonic, at } = walk.here();
    const version = claim === undefined ? 'tagged' : 'proven';
    const why = `function ${index}, ${version}: byte ${offset} is not what instruction ${at}, \`${mnemonic}\`, is to come to`;
    throw new Refusal('translation_differs', why, { function: index, instruction: at, offset });
  });
  const walk = new Walk(new Frame(program, index, claim, match), findings, (loop) => heads.get(loop.at));
  walk.all();
  match.end();
  if (claim !== undefined) checkLeast(program, index, claim);
}

/**
 * That no loop claims more than the least state that holds in every round, found from nothing on. What is claimed was proven before: this is
 * there so that of one translation there is one form.
 */
function checkLeast(program: CheckedProgram, index: number, claim: ProvenFunction): void {
  const heads = new Map<number, State>();
  let isSettled = claim.loops.length === 0;
  const widen = (at: number, state: State): State => {
    const known = heads.get(at);
    const wider = known === undefined ? state : meetStates(known, state);
    if (known === undefined || !isSameState(known, wider)) isSettled = false;
    heads.set(at, wider);
    return wider;
  };
  const refuse = (why: string, at?: number): Refusal =>
    new Refusal('claim_unproven', `function ${index}: ${why}`, {
      function: index,
      ...(at === undefined ? {} : { instruction: at }),
    });
  for (let round = 0; !isSettled; round++) {
    if (round === mostRounds) throw refuse(`its loops do not settle in ${mostRounds} rounds`);
    isSettled = true;
    const nothing = new CodeMatch(undefined, () => {
      throw new Error('invariant broken: nothing is compared');
    });
    const findings: Findings = { called() {}, notUniform() {} };
    new Walk(new Frame(program, index, claim, nothing), findings, ({ at }, state) => widen(at, state)).all();
  }
  for (const loop of claim.loops) {
    const least = heads.get(loop.at);
    if (least === undefined || !isSameState(loop, least))
      throw refuse(`the state at the head of the loop of instruction ${loop.at} is not the least`, loop.at);
  }
}
