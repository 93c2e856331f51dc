/** Which process of a system, where it has several: each has a journal of its own. */
import { Option } from 'commander';
import { quote, type Result, refuse, succeed } from '../kit/result.ts';
import type { Operator, Role } from './appliance.ts';

export function seriesOption(): Option {
  return new Option('--series <name>', 'which process of quota control, where it is several');
}

/** The one process there is, or the one that is named; there is no journal of several. */
export function chooseSeries(
  operator: Pick<Operator, 'processes'>,
  role: Role,
  series: string | undefined,
): Result<string | null, 'usage'> {
  const processes = operator.processes(role);
  const [only = null] = processes;
  if (series === undefined && processes.length <= 1) return succeed(only);
  if (series !== undefined && processes.includes(series)) return succeed(series);
  const names = processes.flatMap((name) => (name === null ? [] : [quote(name)]));
  const given = series === undefined ? '' : ` ${quote(series)}`;
  const accepted =
    names.length === 0
      ? `${role} is one process, and none is named`
      : `${role} is several processes, with a journal each: one of ${names.join(', ')} is accepted`;
  return refuse('usage', `--series${given}: ${accepted}`);
}
