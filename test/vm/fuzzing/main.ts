/**
 * Looks among many mutants for one of each answer at each instruction or section, and for one that tells each defect of
 * the loader; makes each as small as it stays what it is, and adds those to test/vm/corpus that it has none of:
 * `npx tsx test/vm/fuzzing/main.ts [SEEDS]`.
 */
import { appendFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { moduleHash } from '../../../vm/module.ts';
import { buildMachine } from '../defective-machine.ts';
import { bareMachine } from '../machine.ts';
import { Dice } from '../random-program.ts';
import { bases } from './bases.ts';
import { corpusConditions, folder, indexFile, placeOf, readCorpus } from './corpus.ts';
import { loaderDefects } from './loader-defects.ts';
import { mutate } from './mutation.ts';
import { type Answer, judge } from './oracle.ts';
import { functionOf, lengthen, putTogether, sectionNames, takeApart, viewOf } from './sections.ts';

interface Found {
  readonly bytes: Uint8Array;
  readonly why: string;
}

const machine = await bareMachine();
const seeds = Number(process.argv[2] ?? 100_000);

function answerOf(bytes: Uint8Array): Answer {
  const verdict = judge(machine, bytes, corpusConditions, new Map());
  if (!verdict.ok) throw new Error(`${verdict.told}\n${Buffer.from(bytes).toString('hex')}`);
  return verdict.answer;
}

/** The module without an instruction, an entry, a function with its code: each that there is, once. */
function* smaller(bytes: Uint8Array): Generator<Uint8Array> {
  const count = takeApart(bytes);
  if (count === undefined) {
    for (const length of [0, 63, 64, bytes.length >> 1, bytes.length - 8, bytes.length - 1])
      if (length >= 0 && length < bytes.length) yield bytes.slice(0, length);
    return;
  }
  let first = 0;
  for (const [index, entry] of count.functions.entries()) {
    const length = viewOf(entry).getUint32(0, true);
    const sections = takeApart(bytes);
    sections?.functions.splice(index, 1);
    sections?.code.splice(first, length);
    if (sections !== undefined) yield putTogether(sections);
    first += length;
  }
  for (const name of sectionNames) {
    for (let index = count[name].length - 1; index >= 0; index--) {
      const sections = takeApart(bytes);
      if (sections === undefined) continue;
      if (name === 'code') lengthen(functionOf(sections, index), 0, -1);
      sections[name].splice(index, 1);
      yield putTogether(sections);
    }
  }
}

/** As small as it stays what it is. */
function reduce(bytes: Uint8Array, isStill: (candidate: Uint8Array) => boolean): Uint8Array {
  for (const candidate of smaller(bytes)) if (isStill(candidate)) return reduce(candidate, isStill);
  return bytes;
}

function withHash(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  if (copy.length >= 64) copy.set(moduleHash(copy), 32);
  return copy;
}

function keep(file: string, bytes: Uint8Array, why: string): void {
  const answer = answerOf(bytes);
  writeFileSync(new URL(file, folder), bytes);
  appendFileSync(indexFile, `${file} | ${answer.name} | ${placeOf(answer)} | ${why}\n`);
  console.log(`${file}: ${bytes.length} bytes`);
}

function mutantOf(seed: number): Found {
  const dice = new Dice(seed);
  const { bytes, steps } = mutate(dice, dice.pick(bases), dice.pick(bases));
  return { bytes, why: `seed ${seed}: ${steps.join('; ')}` };
}

/** One of each answer that the corpus has none of. */
function keepAnswers(): void {
  const known = new Set(readCorpus().map(({ answer }) => answer));
  const found = new Map<string, Found>();
  for (let seed = 1; seed <= seeds; seed++) {
    const mutant = mutantOf(seed);
    const { name } = answerOf(mutant.bytes);
    const before = found.get(name);
    if (!known.has(name) && (before === undefined || mutant.bytes.length < before.bytes.length))
      found.set(name, mutant);
  }
  for (const [name, { bytes, why }] of [...found].sort(([one], [two]) => (one < two ? -1 : 1))) {
    const small = reduce(bytes, (candidate) => answerOf(candidate).name === name);
    keep(`${name.replaceAll(' ', '-')}.module`, withHash(small), why);
  }
}

/** One that tells each defect of the loader that the corpus does not tell. */
async function keepForDefects(): Promise<void> {
  for (const defect of loaderDefects) {
    const defective = await bareMachine(await buildMachine(defect));
    const tells = (bytes: Uint8Array): boolean => !judge(defective, bytes, corpusConditions, new Map()).ok;
    if (readCorpus().some(({ bytes }) => tells(bytes))) continue;
    let seed = 1;
    while (seed <= seeds && !tells(mutantOf(seed).bytes)) seed++;
    if (seed > seeds) {
      console.log(`not found: the loader in which ${defect.name}`);
      continue;
    }
    const { bytes, why } = mutantOf(seed);
    const small = withHash(reduce(bytes, (candidate) => tells(candidate)));
    keep(
      `tells-${defect.name.replaceAll(/[^a-z0-9]+/g, '-')}.module`,
      small,
      `tells the loader in which ${defect.name}; ${why}`,
    );
  }
}

mkdirSync(folder, { recursive: true });
if (!existsSync(indexFile))
  writeFileSync(indexFile, '# file | answer | byte, instruction or fuel | what it came from\n');
keepAnswers();
await keepForDefects();
