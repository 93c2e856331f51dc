/** A system of several processes, from the caller's side: which is asked, and when another one is. */
import { beforeEach, describe, expect, it } from 'vitest';
import { type Endpoint, makeProcesses, type Processes } from '../../src/api/processes.ts';
import { type Result, refuse, succeed } from '../../src/kit/result.ts';

const endpoints: readonly Endpoint[] = ['a', 'b', 'c'].map((series) => ({
  series,
  base: `https://127.0.0.1/${series}`,
}));
const keys = Array.from({ length: 300 }, (_, i) => new Uint8Array(40).fill(i % 251, 30).fill(i % 7, 36));

describe('calls of a system with several processes', () => {
  let now: number;
  let forked: Set<string>;
  let asked: string[];
  /** What each process answers; by default its name. */
  let answers: Map<string, Result<string>>;
  let processes: Processes;
  beforeEach(() => {
    now = 0;
    forked = new Set();
    asked = [];
    answers = new Map();
    processes = makeProcesses({ avoids: (journal) => forked.has(journal), now: () => now });
  });

  function ask(key?: Uint8Array, of: readonly Endpoint[] = endpoints): Promise<Result<string>> {
    asked = [];
    return processes.callAny(of, key, async ({ series }, heard) => {
      asked.push(series ?? '');
      heard.journal(`journal of ${series}`);
      return answers.get(series ?? '') ?? succeed(series ?? '');
    });
  }
  const preferred = async (key: Uint8Array, of?: readonly Endpoint[]): Promise<string> => {
    const answer = await ask(key, of);
    return answer.ok ? answer.value : answer.code;
  };

  it('go to the same process with the same bytes, and are spread over all', async () => {
    const counts = new Map<string, number>();
    for (const key of keys) {
      const first = await preferred(key);
      expect(await preferred(Uint8Array.from(key))).toBe(first);
      counts.set(first, (counts.get(first) ?? 0) + 1);
    }
    expect([...counts.keys()].sort()).toEqual(['a', 'b', 'c']);
    for (const count of counts.values()) expect(count).toBeGreaterThan(50);
  });

  it('without bytes go to one after another', async () => {
    const first = [await ask(), await ask(), await ask()].map((answer) => (answer.ok ? answer.value : ''));
    expect(first.sort()).toEqual(['a', 'b', 'c']);
  });

  it('move only to the process that is added, where one is', async () => {
    const two = endpoints.slice(0, 2);
    for (const key of keys) {
      const before = await preferred(key, two);
      expect([before, 'c']).toContain(await preferred(key));
    }
  });

  it('go to the next one where a process is away, drains or has no witness, and there first for a second', async () => {
    for (const code of ['peer_unavailable', 'server_stopping', 'witness_unavailable', 'rate_limited']) {
      answers.clear();
      now += 10_000;
      const [key = new Uint8Array()] = keys;
      const first = await preferred(key);
      answers.set(first, refuse(code, 'not now'));
      const second = await preferred(key);
      expect([asked.length, second === first]).toEqual([2, false]);
      now += 999;
      expect([await preferred(key), asked]).toEqual([second, [second]]);
      answers.clear();
      now += 2;
      expect(await preferred(key)).toBe(first);
    }
  });

  it('take what is said of the quota, of a record or of a stop as the answer of all', async () => {
    for (const code of ['quota_exceeded', 'credential_expired', 'request_abandoned', 'issuance_stopped']) {
      for (const { series } of endpoints) answers.set(series ?? '', refuse(code, 'no'));
      expect([await preferred(new Uint8Array(32)), asked.length]).toEqual([code, 1]);
    }
  });

  it('find the process that has taken a request on, and otherwise are told that one has', async () => {
    const key = new Uint8Array(32);
    const first = await preferred(key);
    answers.set(first, refuse('in_progress', 'another one has it'));
    const second = await preferred(key);
    expect([first, 'in_progress']).not.toContain(second);
    for (const { series } of endpoints)
      if (series !== first) answers.set(series ?? '', refuse('peer_unavailable', 'away'));
    expect([await preferred(key), asked.length]).toEqual(['in_progress', 3]);
  });

  it('are told what the preferred process said where none can answer', async () => {
    answers.set('a', refuse('store_busy', 'a'));
    answers.set('b', refuse('store_busy', 'b'));
    answers.set('c', refuse('store_busy', 'c'));
    const answer = await ask(new Uint8Array(32));
    expect(answer).toMatchObject({ ok: false, code: 'store_busy', message: asked[0] });
  });

  it('never take the answer of a process whose journal is forked, also where that is found only by the answer', async () => {
    const key = new Uint8Array(32);
    const first = await preferred(key);
    forked.add(`journal of ${first}`);
    const second = await preferred(key);
    expect(second).not.toBe(first);
    expect(asked).not.toContain(first);
    processes = makeProcesses({ avoids: (journal) => forked.has(journal), now: () => now });
    expect(await preferred(key)).toBe(second);
    expect(asked).toEqual([first, second]);
    for (const { series } of endpoints) forked.add(`journal of ${series}`);
    expect(await preferred(key)).toBe('journal_forked');
  });
});
