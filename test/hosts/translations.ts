/** What hosts run translated: the programs of the conformance file, translated and checked here, once for all of them. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { toHex } from '../../vm/bytes.ts';
import { checkTranslation } from '../../vm/translator/checker.ts';
import { translate } from '../../vm/translator/translate.ts';
import type { TranslationSample } from './checks.ts';
import { type Case, hashOf, readRunCases } from './conformance.ts';

const runtimeFile = new URL('../../vm/translator-runtime.wasm', import.meta.url);

/** A case in the form of the conformance file. */
const textOf = ({ name, module, lines }: Case): string =>
  [`case ${name}`, `module ${toHex(module)}`, ...lines.map((words) => words.join(' ')), 'end\n'].join('\n');

/**
 * Writes into `folder`: translated/HASH.wasm for every module that runs, with its cases in HASH.txt; translated.js and what
 * worker.capnp says of them, for workerd; and translation.json, what a host is to translate by itself.
 */
export function writeTranslations(folder: string, conformance: string): void {
  const runtime = new Uint8Array(readFileSync(runtimeFile));
  mkdirSync(join(folder, 'translated'));
  const modules = new Map<string, readonly Case[]>();
  for (const one of readRunCases(conformance)) {
    const hash = hashOf(one);
    modules.set(hash, [...(modules.get(hash) ?? []), one]);
  }
  let longest: { readonly one: Case; readonly wasm: Uint8Array } | undefined;
  for (const [hash, cases] of modules) {
    const [one] = cases;
    if (one === undefined) continue;
    const { wasm } = translate({ source: one.module, runtime, registers: true });
    const checked = checkTranslation({ source: one.module, translated: wasm, runtime });
    if (!checked.ok) throw new Error(`${one.name}: ${checked.message}`);
    writeFileSync(join(folder, `translated/${hash}.wasm`), wasm);
    writeFileSync(join(folder, `translated/${hash}.txt`), cases.map(textOf).join(''));
    if (longest === undefined || wasm.length > longest.wasm.length) longest = { one, wasm };
  }
  if (longest === undefined) throw new Error('there is no program to be translated');
  const sample: TranslationSample = {
    text: textOf(longest.one),
    runtime: toHex(runtime),
    wasm: toHex(longest.wasm),
  };
  writeFileSync(join(folder, 'translation.json'), JSON.stringify(sample));
  embedInWorker(folder, [...modules.keys()]);
}

function embedInWorker(folder: string, hashes: readonly string[]): void {
  const imports = hashes.map((hash, at) => `import m${at} from './translated/${hash}.wasm';`);
  const entries = hashes.map((hash, at) => `  ['${hash}', m${at}],`);
  const source = [...imports, 'export const translated = new Map([', ...entries, ']);', ''];
  writeFileSync(join(folder, 'translated.js'), source.join('\n'));

  const file = join(folder, 'worker.capnp');
  const config = readFileSync(file, 'utf8');
  const place = '# translated modules';
  if (!config.includes(place)) throw new Error(`worker.capnp has no \`${place}\``);
  const modules = hashes.map((hash) => {
    const path = `translated/${hash}.wasm`;
    return `(name = "${path}", wasm = embed "${path}"),`;
  });
  writeFileSync(file, config.replace(place, modules.join('\n    ')));
}
