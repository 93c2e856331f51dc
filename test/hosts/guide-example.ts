/** The program in C of docs/EMBEDDING.md, with what it prints, and the module that it reads: that of the first example there. */
import { readFileSync } from 'node:fs';
import { assemble } from '../../vm/index.ts';

const guide = new URL('../../docs/EMBEDDING.md', import.meta.url);

function only(pattern: RegExp, text: string): string[] {
  const found = [...text.matchAll(pattern)];
  if (found.length !== 1)
    throw new Error(`docs/EMBEDDING.md has ${pattern} ${found.length} times, and not once`);
  return found.flatMap((match) => [...match]);
}

export function guideExample(): { source: string; output: string; module: Uint8Array } {
  const text = readFileSync(guide, 'utf8');
  const [, source = '', output = ''] = only(/```c\n([\s\S]*?)```\n```text\n([\s\S]*?)```/g, text);
  const [, program = ''] = only(/\/\/ shortest\.ts\n[^`]*?assemble\(`([^`]*)`\)/g, text);
  const assembled = assemble(program);
  if (!assembled.ok) throw new Error(assembled.message);
  return { source, output, module: assembled.bytes };
}
