/** The API as docs/API.md has it, by the commands that are there, and the commands that show the same. */
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { makeWorkplace, project, type Systems, type Workplace, waitFor } from './ringmint.ts';

let place: Workplace;
let systems: Systems;

beforeAll(async () => {
  place = makeWorkplace();
  await place.init();
  systems = await place.up();
});
afterAll(async () => {
  await systems.stop();
  place.remove();
});

// Each command is a process of its own.
vi.setConfig({ testTimeout: 240_000 });

/** The blocks of shell commands of a document. */
function commandsOf(document: string): string[] {
  const text = readFileSync(join(project, document), 'utf8');
  return [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map((match) => match[1] ?? '');
}

/** Runs `script` with `ringmint` on the path; gives what each block has said. */
async function runBlocks(blocks: readonly string[]): Promise<string[]> {
  const bin = join(place.folder, 'bin');
  mkdirSync(bin, { recursive: true });
  writeFileSync(
    join(bin, 'ringmint'),
    `#!/bin/sh\nexec "${process.execPath}" "${project}/dist/src/main.js" "$@"\n`,
  );
  chmodSync(join(bin, 'ringmint'), 0o755);
  const mark = 'end of a block';
  const shell = spawn(
    '/bin/sh',
    ['-eu', '-c', blocks.map((block) => `${block}\necho; echo '${mark}'`).join('\n')],
    {
      cwd: place.folder,
      env: { ...process.env, RINGMINT_HOME: place.home, PATH: `${bin}${delimiter}${process.env['PATH']}` },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let out = '';
  let err = '';
  shell.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  shell.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  const code = await new Promise((resolve) => shell.once('close', resolve));
  expect([code, err.replace(/^curl: .*\n/gm, '')]).toEqual([0, '']);
  return out.split(`${mark}\n`);
}

describe('the quick start', () => {
  it('works as it stands in docs/API.md', async () => {
    const blocks = commandsOf('docs/API.md');
    expect(blocks).toHaveLength(4);
    const [quota = '', , list = '', problem = ''] = await runBlocks(blocks);
    expect(JSON.parse(quota)).toMatchObject({ positions: [{ currency: 'EUR' }, {}] });
    const [orders = '', ...events] = list.split('retry: 2000');
    expect(JSON.parse(orders)).toMatchObject({
      orders: [{ state: 'issued', amount: '1250', units: 5, currency: 'EUR' }],
      more: false,
    });
    expect(events.join('').match(/(?<=^event: ).*/gm)).toEqual([
      'open',
      'allocation',
      'allocation',
      'control-bit',
    ]);
    expect(events.join('')).toContain('"amount":"1250"');
    expect(JSON.parse(problem)).toMatchObject({
      title: 'Parameter invalid',
      code: 'parameter_invalid',
      field: 'limit',
      detail: 'parameter `limit` is `5000`: a whole number from 1 to 1000 is accepted',
    });
  });
});

describe('the commands', () => {
  const lines = (text: string): Record<string, unknown>[] =>
    text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>);

  it('list orders and the journal, as text and as lines of JSON', async () => {
    const orders = await place.run('orders', 'list');
    expect(orders.out).toMatch(/^[0-9a-f-]{36} {2}\S+ {2} +12\.50 EUR {2} +5 units {2}issued\n$/);
    const denied = await place.run('orders', 'list', '--state', 'denied', '--json');
    expect([denied.code, denied.out]).toEqual([0, '']);
    const journal = lines((await place.run('journal', 'show', 'quota', '--json')).out);
    expect(journal.map(({ sequence }) => sequence)).toEqual(journal.map((_, i) => i + 1));
    expect(journal.at(-1)).toMatchObject({ kind: 'control-bit' });
    expect(lines((await place.run('journal', 'show', 'quota', '--most', '1', '--json')).out)).toEqual(
      journal.slice(0, 1),
    );
    const wrong = await place.run('orders', 'list', '--since', 'yesterday', '--json');
    expect([wrong.code, ...lines(wrong.out)]).toMatchObject([
      2,
      { ok: false, code: 'parameter_invalid', field: 'since' },
    ]);
  });

  it('watch what happens, through a stop of the systems, with nothing left out', async () => {
    const main = join(project, 'dist/src/main.js');
    const watch = spawn(process.execPath, [main, 'watch', 'issuance', '--after', '0', '--json'], {
      cwd: place.folder,
      env: { ...process.env, RINGMINT_HOME: place.home },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      let out = '';
      watch.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
      const seen = (): unknown[] => lines(out.slice(0, out.lastIndexOf('\n') + 1)).map(({ event }) => event);
      await waitFor('what was before', () => seen().length === 3);
      await systems.stop();
      systems = await place.up();
      writeFileSync(join(place.folder, 'other.json'), readFileSync(join(place.folder, 'draft.json')));
      expect((await place.run('request', 'other.json', '--out', 'other.cbor')).code).toBe(0);
      expect((await place.run('issue', 'other.cbor', '--out', 'other')).code).toBe(0);
      await waitFor('what came then', () => seen().length === 6, 60_000);
      expect(seen()).toEqual(['open', 'request', 'currency', 'open', 'request', 'currency']);
      expect(lines(out).at(-1)).toMatchObject({ role: 'issuance', sequence: 4, amount: '1250', issued: 1 });
    } finally {
      watch.kill('SIGINT');
    }
    expect((await place.run('watch', '--after', '1')).code).toBe(2);
  });
});
