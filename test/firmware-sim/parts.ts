/** The firmware under test: the project's, or compiled from its sources with places changed. */
import { RamChip } from '../../firmware-sim/chip/ram-chip.ts';
import { boot } from '../../firmware-sim/firmware/boot.ts';
import { makeFirmware } from '../../firmware-sim/firmware/commands.ts';
import { manufacture } from '../../firmware-sim/firmware/manufacture.ts';
import type { Channel } from '../../firmware-sim/sealed-channel.ts';
import { assert } from '../../src/kit/result.ts';
import { type Change, loadChanged as loadChangedCode } from '../changed-code.ts';
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

export interface ChangedFirmware extends Parts {
  readonly Channel: typeof Channel;
  readonly remove: () => void;
}

/** The firmware with these places changed, of files under firmware-sim/. */
export async function loadChanged(changes: readonly Change[]): Promise<ChangedFirmware> {
  const code = await loadChangedCode<Code & Pick<ChangedFirmware, 'Channel'>>(
    {
      RamChip: 'firmware-sim/chip/ram-chip.ts',
      boot: 'firmware-sim/firmware/boot.ts',
      makeFirmware: 'firmware-sim/firmware/commands.ts',
      manufacture: 'firmware-sim/firmware/manufacture.ts',
      Channel: 'firmware-sim/sealed-channel.ts',
    },
    changes.map((change) => ({ ...change, file: `firmware-sim/${change.file}` })),
  );
  return { ...partsOf(code), Channel: code.Channel, remove: code.remove };
}
