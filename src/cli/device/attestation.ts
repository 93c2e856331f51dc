/**
 * `ringmint device attest`: has a device say what it is and what it runs, and checks what one said.
 *
 * The file is deterministic CBOR (RFC 8949 §4.2): [ "ringmint.device-attestation.v1", profile, nonce, statement, endorsement ].
 */
import { fromHex, toHex } from '../../kit/bytes.ts';
import { decodeCbor, encodeCbor } from '../../kit/encoding.ts';
import { quote, type Result, refuse, succeed } from '../../kit/result.ts';
import type { Appliance } from '../appliance.ts';
import type { DeviceAttestation } from '../device-administration.ts';
import { type ExitCode, exitCode } from '../exit-code.ts';
import { readInput, writeOutput } from '../file.ts';
import type { Terminal } from '../terminal.ts';
import { type PlaceArguments, readPlace } from './place.ts';

const format = 'ringmint.device-attestation.v1';
const sizeLimit = 65_536;
const defaultFile = 'attestation.cbor';

export interface AttestArguments extends PlaceArguments {
  readonly nonce?: string;
  readonly out?: string;
  readonly check?: string;
  readonly serial?: string;
  readonly profile?: string;
  readonly measurement?: readonly string[];
}

export function runAttest(
  appliance: Appliance,
  terminal: Terminal,
  given: AttestArguments,
): Promise<ExitCode> {
  return given.check === undefined
    ? askDevice(appliance, terminal, given)
    : checkFile(appliance, terminal, { ...given, check: given.check });
}

async function askDevice(
  appliance: Appliance,
  terminal: Terminal,
  given: AttestArguments,
): Promise<ExitCode> {
  const unused = (['serial', 'profile', 'measurement'] as const).find((name) => given[name] !== undefined);
  if (unused !== undefined)
    return terminal.refuse(
      refuse('usage', `--${unused}: it goes with \`--check FILE\`, which is held against it`),
    );
  const place = readPlace(given);
  if (!place.ok) return terminal.refuse(place);
  const nonce = readHex('--nonce', given.nonce, 8, 64);
  if (!nonce.ok) return terminal.refuse(nonce);
  const attested = await (await appliance.devices()).attest(place.value, nonce.value);
  const file = given.out ?? defaultFile;
  const written = await writeOutput(file, encodeAttestation(attested));
  if (!written.ok) return terminal.refuse(written);
  const { profile, statement, endorsement } = attested;
  const shown = toHex(attested.nonce);
  return terminal.result(
    { file, profile, nonce: shown, statement: toHex(statement), endorsement: toHex(endorsement) },
    [
      `${file}: what the device says of itself, and its vendor's endorsement`,
      `  nonce  ${shown}${given.nonce === undefined ? ', made for this question' : ''}`,
      `  check it with \`ringmint device attest --check ${file} --nonce ${shown}\``,
    ],
  );
}

async function checkFile(
  appliance: Appliance,
  terminal: Terminal,
  given: AttestArguments & { readonly check: string },
): Promise<ExitCode> {
  if (given.device !== undefined || given.role !== undefined || given.out !== undefined)
    return terminal.refuse(
      refuse(
        'usage',
        '`--check FILE` asks no device and writes nothing: `--device`, `--role` and `--out` do not go with it',
      ),
    );
  const nonce = readHex('--nonce', given.nonce, 8, 64);
  if (!nonce.ok) return terminal.refuse(nonce);
  const serial = readHex('--serial', given.serial, 16, 16);
  if (!serial.ok) return terminal.refuse(serial);
  const measurements: Uint8Array[] = [];
  for (const text of given.measurement ?? []) {
    const read = readHex('--measurement', text, 32, 32);
    if (!read.ok) return terminal.refuse(read);
    if (read.value !== undefined) measurements.push(read.value);
  }
  const bytes = await readInput(given.check, sizeLimit);
  if (!bytes.ok) return terminal.refuse(bytes);
  const file = decodeAttestation(bytes.value);
  if (!file.ok) return terminal.refuse(file);
  if (given.profile !== undefined && given.profile !== file.value.profile)
    return terminal.refuse(
      refuse(
        'profile_mismatch',
        `the file is of ${quote(file.value.profile)}, and not of ${quote(given.profile)}`,
      ),
      { authentic: false },
      exitCode.notAuthentic,
    );
  const checked = (await appliance.devices()).checkAttestation({
    ...file.value,
    nonce: nonce.value ?? file.value.nonce,
    serial: serial.value,
    measurements,
  });
  if (!checked.ok)
    return terminal.refuse(
      checked,
      { authentic: false },
      checked.code === 'profile_unknown' ? exitCode.usage : exitCode.notAuthentic,
    );
  const { vendor, profile, serial: number, version, measurement, state, storeVersion } = checked.value;
  const answered = nonce.value !== undefined;
  return terminal.result({ authentic: true, fresh: answered, simulator: true, ...checked.value }, [
    `authentic: ${profile} of ${vendor}, serial ${number}`,
    `  runs      ${version}, ${measurement}`,
    `  state     ${state}, version ${storeVersion} of what it keeps`,
    answered
      ? '  it answers the nonce that you gave'
      : `  when it said so is not known: with \`--nonce\` it is held against yours; the file has ${toHex(file.value.nonce)}`,
    '  it is a simulator: the keys of its vendor are public, so this proves nothing about hardware',
  ]);
}

function encodeAttestation({ profile, nonce, statement, endorsement }: DeviceAttestation): Uint8Array {
  return encodeCbor([format, profile, nonce, statement, endorsement]);
}

function decodeAttestation(bytes: Uint8Array): Result<DeviceAttestation> {
  const decoded = decodeCbor(bytes);
  if (!decoded.ok) return decoded;
  const [kind, profile, nonce, statement, endorsement, ...more] = Array.isArray(decoded.value)
    ? decoded.value
    : [];
  if (
    kind !== format ||
    typeof profile !== 'string' ||
    !(nonce instanceof Uint8Array) ||
    !(statement instanceof Uint8Array) ||
    !(endorsement instanceof Uint8Array) ||
    more.length > 0
  )
    return refuse(
      'file_unknown',
      'the file is no attestation: what `ringmint device attest` wrote is accepted',
    );
  return succeed({ profile, nonce, statement, endorsement });
}

function readHex(
  option: string,
  text: string | undefined,
  least: number,
  most: number,
): Result<Uint8Array | undefined, 'usage'> {
  if (text === undefined) return succeed(undefined);
  const bytes = fromHex(text);
  if (bytes !== undefined && bytes.length >= least && bytes.length <= most) return succeed(bytes);
  const accepted = least === most ? `${2 * least}` : `${2 * least} to ${2 * most}, an even number,`;
  return refuse('usage', `${option} ${quote(text)}: ${accepted} hexadecimal digits are accepted`);
}
