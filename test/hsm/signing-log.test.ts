/** The signing log: a chain that shows every change, and lets nothing out that is not in it. */
import { spawnSync } from 'node:child_process';
import { appendFileSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { openSigningLog, readSigningLog, type SignedEntry } from '../../hsm/signing-log.ts';
import { temporaryFolder } from './temporary-token.ts';

const now = (): Date => new Date('2026-11-21T08:00:00.000Z');

function entry(intent: string): SignedEntry {
  return { key: 'aa', purpose: 'control-bit', intent, digest: 'bb', outcome: 'signed', ms: 1.5 };
}

async function written(count: number, path = join(temporaryFolder(), 'signing.log')): Promise<string> {
  const log = await openSigningLog(path, { now });
  await Promise.all(Array.from({ length: count }, (_, i) => log.append(entry(`i${i}`))));
  await log.close();
  return path;
}

function walk(text: string): { intents: string[]; head: { number: number; hash: string } } {
  const lines = readSigningLog(text);
  const intents: string[] = [];
  for (;;) {
    const step = lines.next();
    if (step.done === true) return { intents, head: step.value };
    intents.push(step.value.intent);
  }
}

describe('the signing log', () => {
  it('has a line for each signature, in the order in which they came, each with the hash of the one before', async () => {
    const path = await written(200);
    const { intents, head } = walk(readFileSync(path, 'utf8'));
    expect(intents).toEqual(Array.from({ length: 200 }, (_, i) => `i${i}`));
    expect(head.number).toBe(200);
    expect(JSON.parse(readFileSync(path, 'utf8').split('\n')[0] ?? '')).toEqual({
      number: 1,
      at: '2026-11-21T08:00:00.000Z',
      ...entry('i0'),
      previous: '0'.repeat(64),
    });
  });

  it('goes on where it ended, and tells what it has seen', async () => {
    const path = await written(3);
    const seen: string[] = [];
    const log = await openSigningLog(path, { now, seen: ({ intent }) => seen.push(intent) });
    expect(seen).toEqual(['i0', 'i1', 'i2']);
    expect(log.head).toEqual(walk(readFileSync(path, 'utf8')).head);
    await log.append(entry('later'));
    await log.close();
    expect(walk(readFileSync(path, 'utf8')).intents).toEqual(['i0', 'i1', 'i2', 'later']);
  });

  it('shows every change of any byte, and every line that was taken out or moved, but for a cut at the end', async () => {
    const text = readFileSync(await written(4), 'utf8');
    const lines = text.trimEnd().split('\n');
    const whole = walk(text).head.hash;
    const isSame = (changed: string): boolean => {
      try {
        return walk(changed).head.hash === whole;
      } catch {
        return false;
      }
    };
    for (let at = 0; at < text.length - 1; at++) {
      const other = String.fromCharCode(text.charCodeAt(at) ^ 1);
      expect(isSame(text.slice(0, at) + other + text.slice(at + 1)), `byte ${at}`).toBe(false);
    }
    for (let out = 0; out < 3; out++)
      expect(() => walk(lines.filter((_, index) => index !== out).join('\n'))).toThrow('signing log');
    expect(() => walk([lines[1], lines[0], lines[2], lines[3]].join('\n'))).toThrow('signing log');
    // A chain does not show that its end is missing: its head is to be held elsewhere.
    expect(walk(lines.slice(0, 3).join('\n')).head).toMatchObject({ number: 3 });
  });

  it('refuses to open where a line was altered, as log_broken, and touches nothing', async () => {
    const path = await written(3);
    const text = readFileSync(path, 'utf8').replace('"intent":"i1"', '"intent":"iX"');
    writeFileSync(path, text);
    await expect(openSigningLog(path, { now })).rejects.toMatchObject({ code: 'log_broken' });
    expect(readFileSync(path, 'utf8')).toBe(text);
  });

  it('takes a torn last line away, and says so in a line of its own, wherever it was torn', async () => {
    const text = readFileSync(await written(2), 'utf8');
    const second = text.indexOf('\n') + 1;
    for (let end = second + 1; end < text.length; end += 17) {
      const path = await written(2);
      truncateSync(path, end);
      await (await openSigningLog(path, { now })).close();
      const after = readFileSync(path, 'utf8');
      expect(after.slice(0, second)).toBe(text.slice(0, second));
      expect(JSON.parse(after.slice(second))).toMatchObject({
        number: 2,
        purpose: 'log',
        outcome: `torn line of ${end - second} bytes`,
      });
    }
  });

  it('keeps a last line that is whole but for its end from running into the next', async () => {
    const path = await written(1);
    appendFileSync(path, '{"number":2');
    const log = await openSigningLog(path, { now });
    await log.append(entry('next'));
    await log.close();
    expect(walk(readFileSync(path, 'utf8')).intents).toEqual(['i0', '', 'next']);
  });

  it('lets nothing be signed where it cannot be written, and nothing after that', async () => {
    const path = await written(1);
    const before = readFileSync(path, 'utf8');
    // A limit of the operating system's, in a process of its own: the file may grow by no byte more.
    const probe = fileURLToPath(new URL('./log-probe.ts', import.meta.url));
    const limit = `ulimit -f $(( ($(stat -c %s "$1") + 1023) / 1024 )); exec "$2" --import tsx "$3" "$1"`;
    const { stdout, stderr } = spawnSync('bash', ['-c', limit, 'bash', path, process.execPath, probe], {
      encoding: 'utf8',
    });
    expect(stderr).toBe('');
    const outcomes = JSON.parse(stdout) as string[];
    expect(outcomes.slice(-2)).toEqual(['log_unwritable', 'log_unwritable']);
    // What was written before the limit is there; a torn line is taken away by the next start.
    const log = await openSigningLog(path, { now });
    await log.close();
    expect(readFileSync(path, 'utf8').startsWith(before)).toBe(true);
    expect(walk(readFileSync(path, 'utf8')).head).toEqual(log.head);
  });

  it('says where it cannot be made, and takes nothing but a file', async () => {
    await expect(openSigningLog('/dev/null', { now })).rejects.toMatchObject({ code: 'log_unwritable' });
    const path = join(temporaryFolder(), 'none', 'signing.log');
    await expect(openSigningLog(path, { now })).rejects.toMatchObject({ code: 'log_unwritable' });
  });
});
