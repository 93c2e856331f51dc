import { describe, expect, it } from 'vitest';
import { codesOf, codesOfCondition } from './checked-text.ts';

/** Reads of an optional field: each is right after a `has` that must hold there, and is refused elsewhere. */
const read = 'tx.tier == "basic"';

describe('an optional field', () => {
  it.each([
    `has(tx.tier) && ${read}`,
    `has(tx.tier) && tx.origin == "US" && ${read}`,
    `tx.origin == "US" && (has(tx.tier) && has(tx.ivms_digest)) && (${read} || tx.origin == "FR")`,
    `!has(tx.tier) || ${read}`,
    `!(has(tx.tier) && has(tx.ivms_digest)) || ${read}`,
    `!has(tx.tier) || tx.origin == "US" || ${read}`,
    `has(tx.tier) ? ${read} : true`,
    `!has(tx.tier) ? true : ${read}`,
    `(has(tx.tier) || has(tx.tier) && has(tx.ivms_digest)) && ${read}`,
    `!!has(tx.tier) && ${read}`,
    `(tx.origin == "US" ? has(tx.tier) : has(tx.tier) && has(tx.ivms_digest)) && ${read}`,
    `(has(tx.tier) ? true : false && ${read.replace('tx.tier', 'tx.origin')}) && true`,
    `has(tx.tier) && ["basic", "full"].exists(t, t == tx.tier)`,
    `has(tx.tier) && tx.tier in ["basic", "full"]`,
    `[has(tx.tier), has(tx.tier)].all(h, h) && ${read}`,
  ])('is read in %s', (condition) => {
    expect(codesOfCondition(condition)).toEqual([]);
  });

  it.each([
    read,
    `${read} && has(tx.tier)`,
    `has(tx.tier) || ${read}`,
    `!has(tx.tier) && ${read}`,
    `!has(tx.tier) || true ? ${read} : true`,
    `has(tx.ivms_digest) && ${read}`,
    `(has(tx.tier) || has(tx.ivms_digest)) && ${read}`,
    `has(tx.tier) ? true : ${read}`,
    `(has(tx.tier) && true) == true && ${read}`,
    `!(has(tx.tier) || has(tx.ivms_digest)) || ${read}`,
    `(tx.origin == "US" ? has(tx.tier) : true) && ${read}`,
    `[has(tx.tier), true].exists(h, h) && ${read}`,
    `[tx.tier].exists(t, has(tx.ivms_digest) && t == "basic")`,
  ])('is not read in %s', (condition) => {
    expect(codesOfCondition(condition)).toEqual(['unguarded_field']);
  });

  it('is guarded by a let, and a let that reads it guards itself', () => {
    const rule = (condition: string): string => `rule example control party\n  DENY when ${condition}\n`;
    expect(codesOf(`let known = has(tx.tier)\n${rule(`known && ${read}`)}`)).toEqual([]);
    expect(codesOf(`let basic = has(tx.tier) && ${read}\n${rule('basic')}`)).toEqual([]);
    expect(codesOf(`let basic = has(tx.tier) && ${read}\n${rule('basic && tx.tier != "full"')}`)).toEqual([]);
    expect(codesOf(`let basic = ${read}\n${rule('has(tx.tier) && basic')}`)).toEqual(['unguarded_field']);
  });

  it('is guarded by the `when` of a cap, to the left of its numbers', () => {
    const cap = (when: string): string =>
      `rule example control limit\n  cap ${read} ? floor : usd("1.00") on dollars${when}\n`;
    expect(codesOf(cap(' when has(tx.tier)'))).toEqual([]);
    expect(codesOf(cap(''))).toEqual(['unguarded_field']);
    expect(codesOf(cap(' when !has(tx.tier)'))).toEqual(['unguarded_field']);
  });
});
