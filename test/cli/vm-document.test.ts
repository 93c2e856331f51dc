/**
 * docs/VM-TOOLS.md against the compiled program: every command in it is run in bash, and what is printed is what is there.
 * After a change of what commands print, `npx vitest run -u` writes the document anew.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeWorkplace, project, type Workplace } from '../flow/ringmint.ts';

let place: Workplace;

beforeAll(async () => {
  place = makeWorkplace();
  await place.init();
  cpSync(place.home, join(place.folder, '.ringmint'), { recursive: true });
  cpSync(join(project, 'samples'), join(place.folder, 'samples'), { recursive: true });
  mkdirSync(join(place.folder, 'bin'));
  const program = join(place.folder, 'bin/ringmint');
  writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${project}/dist/src/main.js' "$@"\n`);
  chmodSync(program, 0o755);
});

afterAll(() => place.remove());

/** Standard output and standard error together, as a terminal shows them; keys are made anew for each appliance. */
function runInBash(command: string): string {
  const { stdout, error } = spawnSync('bash', ['-c', `exec 2>&1\n${command}\n`], {
    cwd: place.folder,
    env: {
      ...process.env,
      PATH: `${join(place.folder, 'bin')}:${process.env['PATH'] ?? ''}`,
      RINGMINT_HOME: place.home,
    },
    encoding: 'utf8',
    timeout: 60_000,
  });
  if (error !== undefined) throw error;
  return stdout.replaceAll(/^( +key +)[0-9a-f]{64}$/gm, '$1…');
}

/** The commands of a block: a `$` begins one, and a here-document goes on to its `END`. */
function commandsOf(block: string): string[] {
  const commands: string[] = [];
  let isOpen = false;
  for (const line of block.split('\n')) {
    if (isOpen) {
      commands.push(`${commands.pop() ?? ''}\n${line}`);
      isOpen = line !== 'END';
    } else if (line.startsWith('$ ')) {
      commands.push(line.slice(2));
      isOpen = line.includes("<<'END'");
    }
  }
  return commands;
}

describe('docs/VM-TOOLS.md', () => {
  it('shows what its commands print', async () => {
    const file = join(project, 'docs/VM-TOOLS.md');
    let count = 0;
    const real = readFileSync(file, 'utf8').replaceAll(/```console\n([\s\S]*?)```/g, (_, block: string) => {
      const shown = commandsOf(block).map((command) => {
        count++;
        return `$ ${command}\n${runInBash(command)}`;
      });
      return `\`\`\`console\n${shown.join('')}\`\`\``;
    });
    expect(count).toBeGreaterThan(20);
    expect(real).not.toMatch(/internal_error|command not found/);
    await expect(real).toMatchFileSnapshot(file);
    // More than thirty processes, each with a start of its own.
  }, 240_000);
});
