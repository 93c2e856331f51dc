/**
 * `npm run test:hosts`: vm/conformance.txt in every host of WebAssembly that there is here, interpreted and translated, as a table.
 * What is missing is installed where it can be, and else skipped aloud.
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
import { readCases, readRunCases } from './conformance.ts';
import { guideExample } from './guide-example.ts';
import { type Host, hosts, Unavailable } from './hosts.ts';
import { signedSample } from './signed-sample.ts';
import { writeTranslations } from './translations.ts';

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
  /** The same of translated modules. */
  readonly translatedPassed: number;
  readonly translatedFailed: number;
  readonly ms: number;
}

/** What every host is given: the checks in one bundle, the drivers, the machine, the cases, a signed module and translated ones. */
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
  writeTranslations(folder, readFileSync(options.conformance, 'utf8'));
  buildSync({
    entryPoints: [join(import.meta.dirname, 'checks.ts')],
    outfile: join(folder, 'checks.js'),
    bundle: true,
    format: 'esm',
    target: 'es2023',
    logLevel: 'error',
  });
}

/** What `runChecks` says last. */
const lastLine = /(\d+) passed, (\d+) failed; translated: (\d+) passed, (\d+) failed\s*$/;

async function runHost(host: Host, folder: string): Promise<Row> {
  const { version, start } = await host.find();
  const startedMs = performance.now();
  const output = await start(folder);
  const ms = Math.round(performance.now() - startedMs);
  const numbers = lastLine.exec(output)?.slice(1).map(Number) ?? [0, 1, 0, 1];
  const [passed = 0, failed = 1, translatedPassed = 0, translatedFailed = 1] = numbers;
  if (failed + translatedFailed > 0) console.error(`${host.name}:\n${output.trim().slice(-4_000)}`);
  return { host: host.name, version, passed, failed, translatedPassed, translatedFailed, ms };
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

const table = rows.map((row) => {
  const { passed, failed, translatedPassed, translatedFailed } = row;
  const numbers = [passed, failed, translatedPassed, translatedFailed, row.ms];
  return `| ${row.host} | ${row.version} | ${numbers.join(' | ')} |`;
});
const left = [...skipped].map(([name, why]) => `| ${name} | SKIPPED: ${why} | - | - | - | - | - |`);
const text = readFileSync(options.conformance, 'utf8');
console.log(
  [
    `${readCases(text).length} cases, of which ${readRunCases(text).length} run, and are run translated besides. Hosts of JavaScript run them on bare exports and through`,
    'vm/host.ts or vm/translated-host.ts, check signatures, and translate one program by themselves. The time is that of the whole host.',
    '',
    '| host | version | passed | failed | translated: passed | failed | ms |',
    '|---|---|---|---|---|---|---|',
    ...table,
    ...left,
  ].join('\n'),
);
const missing = required.filter((name) => name !== '' && !rows.some(({ host }) => host === name));
if (missing.length > 0) console.error(`required, and not run: ${missing.join(', ')}`);
if (rows.length === 0) console.error('no host has run');
const isGood =
  rows.length > 0 && missing.length === 0 && rows.every((row) => row.failed + row.translatedFailed === 0);
process.exitCode = isGood ? 0 : 1;
