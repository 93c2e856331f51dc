/**
 * The kept modules of test/vm/corpus, each small, and each for one answer. Its index has a line for each:
 *
 *     FILE | ANSWER | AT | what it came from
 *
 * ANSWER: `refused` or `trapped`, by which rule, at which section or instruction; or `finished`. AT: the byte of the refusal, the instruction of the trap, or
 * the fuel of the run, which is with all words zero and 2000 of fuel.
 */
import { readdirSync, readFileSync } from 'node:fs';
import type { Answer, Conditions } from './oracle.ts';

export interface Kept {
  readonly file: string;
  readonly answer: string;
  readonly at: bigint;
  readonly why: string;
  readonly bytes: Uint8Array;
}

export const folder: URL = new URL('../corpus/', import.meta.url);
export const indexFile: URL = new URL('index.txt', folder);
export const corpusConditions: Conditions = { inputs: () => [], fuel: 2_000n };

/** What the index has for the place of an answer. */
export function placeOf(answer: Answer): bigint {
  if (answer.kind === 'refused') return BigInt(answer.offset);
  return answer.kind === 'trapped' ? BigInt(answer.instruction) : answer.fuel;
}

/** In the order of the index. */
export function readCorpus(): Kept[] {
  const lines = readFileSync(indexFile, 'utf8').split('\n');
  return lines
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [file = '', answer = '', at = '', why = ''] = line.split(' | ');
      const bytes = new Uint8Array(readFileSync(new URL(file, folder)));
      return { file, answer, at: BigInt(at), why, bytes };
    });
}

/** The modules that are there, with or without a line. */
export function corpusFiles(): string[] {
  return readdirSync(folder).filter((name) => name.endsWith('.module'));
}
