/**
 * `npm run test:hosts`: vm/conformance.txt in every host of WebAssembly that there is here, as a table. What is missing is
 * installed where it can be, and else skipped aloud.
 *
 *   --only NAME,…       these hosts only
 *   --require all|NAME,…   fails where one of these is skipped
 *   --conformance FILE  another file of cases
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildSync } from 'esbuild';
import { guideExample } from './guide-example.ts';
import { type Host, hosts, Unavailable } from './hosts.ts';
import { signedSample } from './signed-sample.ts';

const project = join(import.meta.dirname, '../..');
const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    require: { type: 'string', default: '' },
    conformance: { type: 'string', default: join(project, 'vm/conformance.txt') },
  },
});

interface Row {
  readonly host: string;
  readonly version: string;
  readonly passed: number;
  readonly failed: number;
  readonly ms: number;
}

/** What every host is given: the checks in one bundle, the drivers, the machine, the cases and a signed module. */
function prepareFolder(folder: string): void {
  cpSync(join(import.meta.dirname, 'drivers'), folder, { recursive: true });
  cpSync(join(import.meta.dirname, 'native'), folder, { recursive: true });
  cpSync(join(project, 'vm/machine.wasm'), join(folder, 'machine.wasm'));
  cpSync(join(project, 'vm/ringmint_vm.h'), join(folder, 'ringmint_vm.h'));
  cpSync(options.conformance, join(folder, 'conformance.txt'));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  const { source, output, module } = guideExample();
  writeFileSync(join(folder, 'decide.c'), source);
  writeFileSync(join(folder, 'decide.txt'), output);
  writeFileSync(join(folder, 'payment.module'), module);
  writeFileSync(join(folder, 'signed.json'), JSON.stringify(signedSample()));
  buildSync({
    entryPoints: [join(import.meta.dirname, 'checks.ts')],
    outfile: join(folder, 'checks.js'),
    bundle: true,
    format: 'esm',
    target: 'es2023',
    logLevel: 'error',
  });
}

async function runHost(host: Host, folder: string): Promise<Row> {
  const { version, start } = await host.find();
  const startedMs = performance.now();
  const output = await start(folder);
  const ms = Math.round(performance.now() - startedMs);
  const [, passed, failed] = /(\d+) passed, (\d+) failed\s*$/.exec(output) ?? [];
  if (passed === undefined || failed !== '0') console.error(`${host.name}:\n${output.trim().slice(-4_000)}`);
  return { host: host.name, version, passed: Number(passed ?? 0), failed: Number(failed ?? 1), ms };
}

const chosen = options.only?.split(',') ?? hosts.map(({ name }) => name);
const required = options.require === 'all' ? hosts.map(({ name }) => name) : options.require.split(',');
for (const name of [...chosen, ...required]) {
  if (name !== '' && !hosts.some((host) => host.name === name)) {
    console.error(`no host \`${name}\`: ${hosts.map((host) => host.name).join(', ')} are accepted`);
    process.exit(64);
  }
}

const folder = mkdtempSync(join(tmpdir(), 'ringmint-hosts-'));
const rows: Row[] = [];
const skipped = new Map<string, string>();
try {
  prepareFolder(folder);
  for (const host of hosts.filter(({ name }) => chosen.includes(name))) {
    try {
      rows.push(await runHost(host, folder));
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      skipped.set(host.name, error.message);
      console.error(`SKIPPED: ${host.name}: ${error.message}`);
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

const table = rows.map(
  ({ host, version, passed, failed, ms }) => `| ${host} | ${version} | ${passed} | ${failed} | ${ms} |`,
);
const left = [...skipped].map(([name, why]) => `| ${name} | SKIPPED: ${why} | - | - | - |`);
const cases = readFileSync(options.conformance, 'utf8').match(/^case /gm)?.length ?? 0;
console.log(
  [
    `${cases} cases; hosts of JavaScript run them bare and through vm/host.ts, and check signatures. The time is that of the whole process.`,
    '',
    '| host | version | passed | failed | ms |',
    '|---|---|---|---|---|',
    ...table,
    ...left,
  ].join('\n'),
);
const missing = required.filter((name) => name !== '' && !rows.some(({ host }) => host === name));
if (missing.length > 0) console.error(`required, and not run: ${missing.join(', ')}`);
if (rows.length === 0) console.error('no host has run');
const isGood = rows.length > 0 && missing.length === 0 && rows.every(({ failed }) => failed === 0);
process.exitCode = isGood ? 0 : 1;
