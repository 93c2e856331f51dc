/** Of the witnesses: how it stands with those that hold the own head, and what is held of the others; Prometheus text exposition, version 0.0.4. */
import type { Clock } from '../kit/clock.ts';
import type { WitnessStanding } from '../roles/witnessed-ledger.ts';
import type { HeldHead } from '../store/store.ts';
import type { Role } from './home.ts';

export function showWitnessing(
  role: Role,
  standing: WitnessStanding,
  held: readonly HeldHead[],
  clock: Clock,
): string {
  const heldBy = (name: string, figureOf: (head: HeldHead) => number): string[] =>
    held.map(
      (head) =>
        `${name}{role="${role}",of="${head.record.role}",name="${head.record.name}"} ${figureOf(head)}`,
    );
  const lines = [
    '# HELP ringmint_witness_open Whether the system signs, as far as its witnesses go.',
    '# TYPE ringmint_witness_open gauge',
    `ringmint_witness_open{role="${role}"} ${standing.state === 'open' ? 1 : 0}`,
    '# HELP ringmint_witness_taken The last own journal head that the witness took since the start; -1 where none.',
    '# TYPE ringmint_witness_taken gauge',
    ...standing.witnesses.map(
      (witness) => `ringmint_witness_taken{role="${role}",by="${witness.role}"} ${witness.taken ?? -1}`,
    ),
    '# HELP ringmint_witness_held The highest journal head that is held of another system.',
    '# TYPE ringmint_witness_held gauge',
    ...heldBy('ringmint_witness_held', ({ record }) => record.sequence),
    '# HELP ringmint_witness_held_age_seconds How long it has been held.',
    '# TYPE ringmint_witness_held_age_seconds gauge',
    ...heldBy('ringmint_witness_held_age_seconds', ({ heldMs }) => (clock.nowMs() - heldMs) / 1000),
    '# HELP ringmint_witness_forked Whether that system has signed heads that contradict each other.',
    '# TYPE ringmint_witness_forked gauge',
    ...heldBy('ringmint_witness_forked', ({ contradiction }) => (contradiction === null ? 0 : 1)),
  ];
  return `${lines.join('\n')}\n`;
}
