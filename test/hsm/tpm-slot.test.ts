/** What the contents of a TPM's indices mean: every state that a crash can leave is read as a head, and every other one is not. */
import { describe, expect, test } from 'vitest';
import { definitionOf, placeOf } from '../../hsm/tpm-index.ts';
import {
  decodeTpmSlot,
  encodeTpmSlot,
  indexStamp,
  positionOf,
  type SlotContent,
  type TpmContents,
} from '../../hsm/tpm-slot.ts';

const headAt = (sequence: number) => ({ sequence, hash: new Uint8Array(32).fill(sequence) });
const slot = (counter: number): SlotContent => ({ counter: BigInt(counter), head: headAt(counter) });
const show = ({ counter, slots }: TpmContents): string =>
  [counter, ...slots.map((one) => (typeof one === 'object' ? Number(one.counter) : one))].join(' ');

/** The counter's first value, as a TPM that had others before it gives it. */
const first = 4;

/** Every state that advances leave that may be cut anywhere, and the heads that may be read there: of the last that was told, and of the one under way. */
function reachable(): Map<string, Set<number | undefined>> {
  const found = new Map<string, Set<number | undefined>>();
  const waiting: TpmContents[] = [{ counter: 'missing', slots: ['missing', 'missing'] }];
  const note = (contents: TpmContents, head: number | undefined): void => {
    const heads = found.get(show(contents));
    if (heads === undefined) {
      found.set(show(contents), new Set([head]));
      waiting.push(contents);
    } else heads.add(head);
  };
  note(waiting.pop() as TpmContents, undefined);
  for (let at = waiting.shift(); at !== undefined; at = waiting.shift()) {
    const { head, spare } = positionOf('journal', at);
    const old = head?.sequence;
    let { counter } = at;
    const slots: [SlotContent, SlotContent] = [...at.slots];
    for (const which of [0, 1] as const) {
      if (slots[which] !== 'missing') continue;
      slots[which] = 'unwritten';
      note({ counter, slots: [...slots] }, old);
    }
    if (counter === 'missing') {
      counter = 'unwritten';
      note({ counter, slots: [...slots] }, old);
    }
    if (counter === 'unwritten') {
      counter = BigInt(first);
      note({ counter, slots: [...slots] }, old);
    }
    if (counter === 10n) continue;
    slots[spare] = 'torn';
    note({ counter, slots: [...slots] }, old);
    slots[spare] = slot(Number(counter) + 1);
    note({ counter, slots: [...slots] }, old);
    note({ counter: counter + 1n, slots: [...slots] }, Number(counter) + 1);
  }
  return found;
}

describe('the contents of an anchor in a TPM', () => {
  const states = reachable();
  const parts: SlotContent[] = ['missing', 'unwritten', 'torn', ...[3, 4, 5, 6, 7, 8, 9, 10, 11].map(slot)];

  test('are read as one head in every state that a crash can leave', () => {
    expect(states.size).toBeGreaterThan(20);
    for (const [state, heads] of states) expect(heads.size, state).toBe(1);
  });

  test('are anchor_unreadable in every other state, but for heads that lie further apart', () => {
    let refused = 0;
    for (const counter of ['missing', 'unwritten', 4n, 5n, 6n, 7n, 8n, 9n, 10n] as const)
      for (const a of parts)
        for (const b of parts) {
          const contents: TpmContents = { counter, slots: [a, b] };
          const heads = states.get(show(contents));
          let read: number | undefined | string;
          try {
            read = positionOf('journal', contents).head?.sequence;
          } catch (error) {
            read = (error as { code: string }).code;
          }
          if (heads !== undefined) {
            expect([...heads], show(contents)).toEqual([read]);
            continue;
          }
          // None that a crash leaves, and yet not told from one: a slot alone has the counter's value, and the other nothing newer. Or nothing was ever written.
          const own = [a, b].filter((one) => typeof one === 'object' && one.counter === counter);
          const isLoose =
            typeof counter === 'bigint' &&
            ![a, b].includes('missing') &&
            (own.length === 1 || ([a, b].includes('unwritten') && own.length === 0)) &&
            [a, b].every((one) => typeof one === 'string' || one.counter <= counter + 1n) &&
            (own.length === 1 || [a, b].every((one) => typeof one === 'string' || one.counter > counter));
          const isBlank = [counter, a, b].every((one) => one === 'missing' || one === 'unwritten');
          if (isLoose || isBlank)
            expect(read, show(contents)).toBe(own.length === 1 ? Number(counter) : undefined);
          else {
            expect(read, show(contents)).toBe('anchor_unreadable');
            refused++;
          }
        }
    expect(refused).toBeGreaterThan(800);
  });

  test("say nothing where a byte of a slot differs, or it is another anchor's", () => {
    const bytes = encodeTpmSlot('journal', 2n ** 64n - 1n, headAt(7));
    expect(decodeTpmSlot('journal', bytes)).toEqual({ counter: 2n ** 64n - 1n, head: headAt(7) });
    expect(decodeTpmSlot('journal-2', bytes)).toBe('torn');
    expect(decodeTpmSlot('journal', bytes.subarray(1))).toBe('torn');
    expect(decodeTpmSlot('journal', new Uint8Array(56).fill(255))).toBe('torn');
    for (let at = 0; at < bytes.length; at++) {
      const other = Buffer.from(bytes);
      other[at] = (other[at] ?? 0) ^ 0x10;
      expect(decodeTpmSlot('journal', other), String(at)).toBe('torn');
    }
  });
});

describe('the place of an anchor in a TPM', () => {
  const base = 0x01800a00;
  const entry = (
    index: number,
    name: string,
    part: 'counter' | 'slot-a' | 'slot-b',
    written = true,
  ): string =>
    `0x${index.toString(16)}:
  name: 000b
  hash algorithm:
    friendly: sha256
    value: 0xB
  attributes:
    friendly: whatever
    value: 0x${((part === 'counter' ? 0x02040014 : 0x02040004) + (written ? 0x20000000 : 0)).toString(16)}
  size: ${part === 'counter' ? 8 : 56}
  authorization policy: ${indexStamp(name, part).toString('hex').toUpperCase()}

`;

  test('is that of its own indices wherever they are, else the lowest that nothing lies in', () => {
    expect(placeOf('journal', base, '')).toEqual({ first: base, found: new Map() });
    const listing =
      entry(base + 1, 'other', 'slot-a') +
      entry(base + 5, 'foreign', 'slot-b') +
      entry(base + 9, 'journal', 'slot-a', false);
    expect(placeOf('journal', base, listing)).toEqual({
      first: base + 8,
      found: new Map([['slot-a', { index: base + 9, isWritten: false }]]),
    });
    expect(placeOf('new', base, listing)).toEqual({ first: base + 12, found: new Map() });
    // Of another range: another system's.
    expect(placeOf('journal', base + 0x100, listing)).toEqual({ first: base + 0x100, found: new Map() });
    expect(definitionOf('counter')).toContain('--attributes=nt=counter|authread|authwrite|no_da');
  });

  test("is none where all 64 are taken, nor where an index is there twice or in another one's place", () => {
    const full = Array.from({ length: 64 }, (_, n) => entry(base + 4 * n, `j${n}`, 'counter')).join('');
    expect(() => placeOf('journal', base, full)).toThrow(
      expect.objectContaining({ code: 'anchor_unsupported' }),
    );
    expect(placeOf('j63', base, full).first).toBe(base + 252);
    for (const twice of [
      entry(base, 'journal', 'counter') + entry(base + 4, 'journal', 'counter'),
      entry(base, 'journal', 'counter') + entry(base + 5, 'journal', 'slot-a'),
    ])
      expect(() => placeOf('journal', base, twice)).toThrow(
        expect.objectContaining({ code: 'anchor_unreadable' }),
      );
    // The stamp of a slot on an index that cannot be one.
    expect(placeOf('journal', base, entry(base + 2, 'journal', 'slot-a')).first).toBe(base + 4);
  });
});
