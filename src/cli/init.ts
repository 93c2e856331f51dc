/** `ringmint init`: makes an appliance from a file of quotas. */

import { quote, type Result, refuse, succeed } from '../kit/result.ts';
import type { Appliance, InitReport } from './appliance.ts';
import type { ExitCode } from './exit-code.ts';
import { readInput } from './file.ts';
import { type PlaceArguments, readPlaces } from './init-places.ts';
import { decodeQuotas } from './quota-file.ts';
import type { Terminal } from './terminal.ts';

export interface InitArguments extends PlaceArguments {
  readonly home: string;
  readonly issuer: string;
  readonly quotaFile: string;
  readonly timeZone: string;
  readonly host: string;
  readonly ports: string;
  readonly module: string;
}

export async function runInit(
  appliance: Appliance,
  terminal: Terminal,
  given: InitArguments,
): Promise<ExitCode> {
  if (!/^[a-z0-9-]{1,64}$/.test(given.issuer)) {
    return terminal.refuse(
      refuse(
        'usage',
        `--issuer ${quote(given.issuer)}: 1 to 64 of \`a\`-\`z\`, \`0\`-\`9\` and \`-\` are accepted`,
      ),
    );
  }
  const ports = readPorts(given.ports);
  if (!ports.ok) return terminal.refuse(ports);
  const places = readPlaces(given);
  if (!places.ok) return terminal.refuse(places);
  const bytes = await readInput(given.quotaFile, 1024 * 1024);
  if (!bytes.ok) return terminal.refuse(bytes);
  const quotas = decodeQuotas(bytes.value);
  if (!quotas.ok) return terminal.refuse(quotas);
  const { home, issuer, timeZone, host, module } = given;
  const report = await appliance.init({
    home,
    issuer,
    quotas: quotas.value,
    timeZone,
    host,
    ports: ports.value,
    module,
    ...places.value,
    progress: (line) => terminal.progress(`  ${line}`),
  });
  return terminal.result({ ...report }, [
    `an appliance of issuer ${report.issuer} is made at ${report.home}`,
    `  keys      central   ${report.keyIds.central}`,
    `            issuance  ${report.keyIds.issuance}`,
    `            quota     ${report.keyIds.quota}`,
    `  root key  ${report.rootKeyId}`,
    ...describePlaces(report),
    `  verifiers pin the root key: \`ringmint verify FILE --root ${report.rootKeyId.slice(0, 8)}…\``,
    `  now move ${report.home}/root off this machine, then start the systems: \`ringmint up\``,
  ]);
}

/** Nobody is to take a simulator for hardware. */
function describePlaces({ hsm, anchor }: InitReport): readonly string[] {
  const anchored = `  anchors   ${anchorNames[anchor]}`;
  if (hsm === 'softhsm') return [anchored];
  return [
    anchored,
    '  THE KEYS ARE IN A SIMULATOR (firmware-sim): whoever can read the files of its device folders has them. It is for',
    '  trying things out, and never for money; `ringmint init` without `--hsm` has them in SoftHSM, docs/HSM.md in hardware',
  ];
}

const anchorNames = {
  'firmware-sim': 'in a simulated secure element (firmware-sim) of each system',
  tokens: "on the systems' PKCS#11 tokens",
  tpm: 'in the TPM',
} as const;

function readPorts(text: string): Result<Record<'central' | 'issuance' | 'quota', number>, 'usage'> {
  if (text === 'auto') return succeed({ central: 0, issuance: 0, quota: 0 });
  const [central, issuance, quota, ...rest] = text.split(',').map(Number);
  const valid = (port: number | undefined): port is number =>
    port !== undefined && Number.isInteger(port) && port > 0 && port < 65_536;
  if (!valid(central) || !valid(issuance) || !valid(quota) || rest.length > 0) {
    return refuse(
      'usage',
      `--ports ${quote(text)}: \`auto\`, or three ports for central, issuance and quota such as \`7101,7102,7103\`, are accepted`,
    );
  }
  return succeed({ central, issuance, quota });
}
