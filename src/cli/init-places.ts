/** Where the keys and the anchors of a new appliance are to be, as the command line says it. */
import { quote, type Result, refuse, succeed } from '../kit/result.ts';
import type { InitAnchor, InitHsm } from './appliance.ts';

export const initHsms = ['softhsm', 'firmware-sim'] as const satisfies readonly InitHsm[];
export const initAnchors = ['firmware-sim', 'tokens', 'tpm'] as const satisfies readonly InitAnchor['kind'][];

export interface PlaceArguments {
  readonly hsm: InitHsm;
  readonly anchor: InitAnchor['kind'];
  readonly tpm?: string;
  readonly tpmIndex?: string;
  readonly tpmOwnerPin?: string;
}

const firstIndex = 0x0180_0a00;

export function readPlaces({
  hsm,
  anchor: kind,
  tpm,
  tpmIndex,
  tpmOwnerPin,
}: PlaceArguments): Result<{ readonly hsm: InitHsm; readonly anchor: InitAnchor }, 'usage'> {
  if (hsm === 'firmware-sim' && kind !== 'firmware-sim')
    return refuse(
      'usage',
      `--anchor ${quote(kind)}: keys in \`firmware-sim\` sign only what is anchored in it, so that \`--anchor firmware-sim\` is accepted`,
    );
  if (kind !== 'tpm') {
    const [given] = Object.entries({
      '--tpm': tpm,
      '--tpm-index': tpmIndex,
      '--tpm-owner-pin': tpmOwnerPin,
    }).find(([, value]) => value !== undefined) ?? [undefined];
    if (given !== undefined)
      return refuse(
        'usage',
        `${given}: it is for \`--anchor tpm\`, and the anchors are to be in ${quote(kind)}`,
      );
    return succeed({ hsm, anchor: { kind } });
  }
  if (tpm === undefined)
    return refuse('usage', '--anchor tpm: which one is to be said, such as `--tpm device:/dev/tpmrm0`');
  const index = tpmIndex === undefined ? firstIndex : Number(tpmIndex);
  // The third system has the 256 that begin at 512 after it.
  if (!Number.isInteger(index) || index < 0x0100_0000 || index > 0x01ff_fd00)
    return refuse('usage', `--tpm-index ${quote(tpmIndex ?? '')}: 0x01000000 to 0x01fffd00 is accepted`);
  return succeed({
    hsm,
    anchor: { kind, tcti: tpm, index, ...(tpmOwnerPin === undefined ? {} : { ownerPin: tpmOwnerPin }) },
  });
}
