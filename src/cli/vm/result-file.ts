/** Files that the commands of the label machine write. */
import { resolve } from 'node:path';
import { quote, type Result, refuse } from '../../kit/result.ts';
import { writeOutput } from '../file.ts';

/** Writes a file whole or not at all; standard output has the report, so `-` is none, and `source` is not overwritten. */
export async function writeResult(
  path: string,
  source: string,
  data: Uint8Array | string | Iterable<string>,
): Promise<Result<null>> {
  if (path === '-')
    return refuse('usage', '--out `-`: the path of a file is accepted, and standard output has the report');
  if (resolve(path) === resolve(source))
    return refuse('usage', `--out ${quote(path)}: another file than the program itself is accepted`);
  return writeOutput(path, data);
}
