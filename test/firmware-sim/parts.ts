/**
 * The firmware under test: the project's, or a copy of its sources with one place changed. A copy lies outside of the project, so that nothing of
 * it can be committed, and uses the project's packages.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RamChip } from '../../firmware-sim/chip/ram-chip.ts';
import { boot } from '../../firmware-sim/firmware/boot.ts';
import { makeFirmware } from '../../firmware-sim/firmware/commands.ts';
import { manufacture } from '../../firmware-sim/firmware/manufacture.ts';
import type { Channel } from '../../firmware-sim/sealed-channel.ts';
import { assert } from '../../src/kit/result.ts';
import type { Parts } from './workbench.ts';

interface Code {
  readonly RamChip: typeof RamChip;
  readonly boot: typeof boot;
  readonly makeFirmware: typeof makeFirmware;
  readonly manufacture: typeof manufacture;
}

function partsOf(code: Code): Parts {
  // A second goes by with each look at the clock: how many signatures a second there are is tested elsewhere.
  let nowMs = 0;
  return {
    manufacture(profile) {
      const chip = code.RamChip.make({ flash: profile.flash, die: profile.die, seed: 7 });
      const made = code.manufacture({ chip, profile });
      assert(made.ok, `the factory makes \`${profile.name}\`: ${made.ok ? '' : made.message}`);
      return chip;
    },
    boot: code.boot,
    makeFirmware: (booted) => code.makeFirmware(booted, () => (nowMs += 1_001)),
  };
}

/** The project's own. */
export const firmware: Parts = partsOf({ RamChip, boot, makeFirmware, manufacture });

/** One place of a source file, by its path under firmware-sim/, and what stands there instead. */
export interface Change {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

export interface ChangedFirmware extends Parts {
  readonly Channel: typeof Channel;
  remove(): void;
}

/** The firmware with these places changed; throws where one of them is not there exactly once. */
export async function loadChanged(changes: readonly Change[]): Promise<ChangedFirmware> {
  const project = join(import.meta.dirname, '../..');
  const folder = mkdtempSync(join(tmpdir(), 'ringmint-bent-'));
  cpSync(join(project, 'firmware-sim'), join(folder, 'firmware-sim'), { recursive: true });
  for (const beside of ['node_modules', 'hsm', 'vm', 'src'])
    symlinkSync(join(project, beside), join(folder, beside));
  for (const { file, from, to } of changes) {
    const path = join(folder, 'firmware-sim', file);
    const text = readFileSync(path, 'utf8');
    if (text.split(from).length !== 2)
      throw new Error(`firmware-sim/${file} has not exactly one \`${from}\``);
    writeFileSync(
      path,
      text.replace(from, () => to),
    );
  }
  const load = (name: string): Promise<Record<string, unknown>> =>
    import(join(folder, 'firmware-sim', `${name}.ts`));
  const loaded = await Promise.all(
    ['chip/ram-chip', 'firmware/boot', 'firmware/commands', 'firmware/manufacture', 'sealed-channel'].map(
      load,
    ),
  );
  const code = Object.assign({}, ...loaded) as Code & Pick<ChangedFirmware, 'Channel'>;
  return {
    ...partsOf(code),
    Channel: code.Channel,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
