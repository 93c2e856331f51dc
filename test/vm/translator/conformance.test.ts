import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { runExports } from '../../hosts/conformance.ts';
import { TranslatedMachine } from './translated-machine.ts';

const text = readFileSync(new URL('../../../vm/conformance.txt', import.meta.url), 'utf8');

it('translated modules do all that the conformance file says', async () => {
  const tally = runExports(await TranslatedMachine.start(), text);
  expect(tally.failures).toEqual([]);
  expect(tally.passed).toBe(text.split('\n').filter((line) => line.startsWith('case ')).length);
});
