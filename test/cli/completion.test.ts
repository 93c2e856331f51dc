/** The completion script in bash itself: what it offers at each place of a command line. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ringmint } from './session.ts';

let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ringmint completion-'));
  writeFileSync(join(folder, 'complete.sh'), (await ringmint(['completion', 'bash'])).out);
  writeFileSync(join(folder, 'payment.rasm'), '');
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What bash offers for the last of `words`. */
function offered(...words: string[]): string[] {
  const script = `. ./complete.sh; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _ringmint; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const out = execFileSync('bash', ['-c', script, 'bash', 'ringmint', ...words], {
    cwd: folder,
    encoding: 'utf8',
  });
  return out.split('\n').filter((word) => word !== '');
}

describe('completion', () => {
  it('offers the commands, and those of vm', () => {
    expect(offered('')).toEqual(expect.arrayContaining(['init', 'issue', 'vm', 'completion']));
    expect(offered('v')).toEqual(['verify', 'vm']);
    expect(offered('vm', '')).toEqual([
      'asm',
      'disasm',
      'check',
      'run',
      'trace',
      'debug',
      'cover',
      'why',
      'translate',
      'check-translation',
      'sign',
      'verify',
    ]);
    expect(offered('vm', 'd')).toEqual(['disasm', 'debug']);
  });

  it('offers the options of a command of vm, its files, and no others', () => {
    expect(offered('vm', 'run', '--c')).toEqual(['--clearance']);
    expect(offered('vm', 'cover', '--')).toEqual(
      expect.arrayContaining(['--runs', '--least', '--json', '--help']),
    );
    expect(offered('vm', 'asm', '--r')).toEqual([]);
    expect(offered('vm', 'run', 'pay')).toEqual(['payment.rasm']);
    expect(offered('vm', 'run', 'payment.rasm', '--in')).toEqual(['--input']);
  });

  it('offers what the other commands take', () => {
    expect(offered('serve', '')).toEqual(expect.arrayContaining(['central', 'issuance', 'quota']));
    expect(offered('verify', '--t')).toEqual(['--trust']);
  });
});
