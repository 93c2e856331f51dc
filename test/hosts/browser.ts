/** A browser without a window that opens one page of ours, on the loopback interface, and posts what came of it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { text } from 'node:stream/consumers';

const mediaTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
};
const pages = [
  ...['page.html', 'page.js', 'checks.js'],
  ...['machine.wasm', 'conformance.txt', 'signed.json', 'translation.json'],
];
const isPage = (name: string): boolean =>
  pages.includes(name) || /^translated\/[0-9a-f]{64}\.wasm$/.test(name);

/** What the page in `folder` posted, or why it posted nothing. */
export async function runPage(program: string, folder: string, timeoutMs: number): Promise<string> {
  let answered: (answer: string) => void = () => undefined;
  const answer = new Promise<string>((resolve) => {
    answered = resolve;
  });
  const server = createServer((request, response) => {
    const name = (request.url ?? '/').slice(1);
    if (request.method === 'POST') {
      const failed = (error: Error): void => answered(`the answer was cut off: ${error.message}`);
      text(request)
        .then(answered, failed)
        .finally(() => response.end());
    } else if (isPage(name)) {
      response.setHeader('content-type', mediaTypes[extname(name)] ?? 'application/octet-stream');
      response.end(readFileSync(join(folder, name)));
    } else {
      response.statusCode = 404;
      response.end();
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const profile = mkdtempSync(join(tmpdir(), 'ringmint-browser-'));
  const flags = [
    '--headless',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    `--user-data-dir=${profile}`,
    // Chromium refuses to run its sandbox for root.
    ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
  ];
  const child = spawn(program, [...flags, `http://127.0.0.1:${port}/page.html`], {
    stdio: 'ignore',
    detached: true,
  });
  child.on('error', (error) => answered(`${program} does not start: ${error.message}`));
  child.on('exit', (code) => answered(`${program} ended with exit code ${code} before the page answered`));
  const timer = setTimeout(() => answered(`the page gave no answer in ${timeoutMs} ms`), timeoutMs);
  try {
    return await answer;
  } finally {
    clearTimeout(timer);
    if (child.pid !== undefined && child.exitCode === null) {
      const gone = once(child, 'exit');
      // With the processes that it started: it leads their group.
      process.kill(-child.pid, 'SIGKILL');
      await gone;
    }
    server.closeAllConnections();
    server.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}
