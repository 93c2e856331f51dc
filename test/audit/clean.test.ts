import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTokens, type Tokens } from '../roles/authorities.ts';
import { auditBytes } from './ledgers.ts';
import { runWorld, type World } from './world.ts';

let tokens: Tokens;
let world: World;

beforeAll(async () => {
  tokens = await openTokens();
  world = await runWorld(tokens);
});
afterAll(() => tokens.close());

describe('the audit of honest systems', () => {
  it('finds nothing, whatever happened to them', () => {
    const audited = auditBytes(world, Object.values(world.extracts), { atRest: true });
    expect(audited.findings.list).toEqual([]);
    console.log(
      audited.unfinished.counted(),
      audited.days,
      audited.accounts,
      audited.missing,
      audited.journals.map((j) => [j.system.label, j.sequence, j.witnessed]),
    );
  });
});
