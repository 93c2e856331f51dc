/** Quota control as one process, and as two and three, on one PostgreSQL server, in one run. */
import { skipReason, startPostgres } from '../store/postgres-server.ts';
import { show, whileUp, withAppliance } from './appliance.ts';
import type { Row } from './figure.ts';
import { type Figures, measureIssuing, moveToPostgres } from './postgres.ts';

export async function benchProcesses(): Promise<Row[]> {
  if (skipReason !== undefined)
    return [{ what: 'several processes of quota control', figure: `not measured: ${skipReason}` }];
  console.error('quota control as several processes');
  const server = startPostgres();
  try {
    return await withAppliance(async (place) => {
      await moveToPostgres(place, server, 'quota');
      const measured: Figures[] = [];
      for (const processes of [1, 2, 3]) {
        if (processes > 1) {
          const added = await place.run('process', 'add', '--series', `quota-${processes}`);
          if (added.code !== 0) throw new Error(added.err);
        }
        measured.push(await whileUp(place, measureIssuing));
      }
      const [one] = measured;
      if (one === undefined) throw new Error('one process was measured');
      const beside = (what: string, pick: (figures: Figures) => number, unit: string): Row => ({
        what,
        figure: measured
          .map((figures, i) => {
            const ratio = i === 0 ? '' : ` (${(pick(figures) / pick(one)).toFixed(2)})`;
            return `${show(pick(figures))}${unit}${ratio}`;
          })
          .join(', '),
      });
      return [
        beside('one, two, three processes: a lone request, p50', ({ lone }) => lone, ' ms'),
        beside('… orders/s of one unit, six calls at once', ({ singles }) => singles, ''),
        beside('… units/s in batches, three at once', ({ batches }) => batches, ''),
      ];
    });
  } finally {
    server.remove();
  }
}
