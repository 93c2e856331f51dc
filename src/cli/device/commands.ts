/** `ringmint device`: secure elements, of the appliance's systems or any other: make, look into, attest, end. */
import { Argument, type Command, Option } from 'commander';
import { refuse } from '../../kit/result.ts';
import type { Appliance } from '../appliance.ts';
import {
  type DeviceCounterReport,
  type DeviceReport,
  type ListedProfile,
  type TamperEvent,
  tamperEvents,
} from '../device-administration.ts';
import type { ExitCode } from '../exit-code.ts';
import { type CommandContext, collect, type MakeCommand, subcommandsOf } from '../subcommands.ts';
import type { Terminal } from '../terminal.ts';
import { type AttestArguments, runAttest } from './attestation.ts';
import { runFlashDump } from './flash.ts';
import { addPlaceOptions, type PlaceArguments, readPlace } from './place.ts';

const isSimulator = 'it is a simulator: whoever can read its folder has its keys';
const pinHelp = 'file:PATH, env:NAME, credential:NAME or prompt';

/** Adds the commands to `device`, which is `ringmint device`. */
export function addDeviceCommands(
  device: Command,
  { appliance, terminal, home, done }: CommandContext,
): void {
  const make = subcommandsOf(device);
  const command: MakeCommand = (name, description, example) =>
    addPlaceOptions(make(name, description, example), home());

  make('profiles', 'list the vendors and models that can be made', 'profiles').action(async () => {
    const profiles = (await appliance.devices()).profiles();
    done(terminal.result({ profiles }, profiles.flatMap(describeProfile)));
  });

  command(
    'init',
    'make a device in a folder of its own, with its first PIN; it is a simulator',
    'init --device hsm/aster --profile aster-1 --pin file:aster.pin',
  )
    .option('--profile <name>', 'which model: `ringmint device profiles`', 'aster-1')
    .option('--pin <source>', `where the PIN is: ${pinHelp}; of a system's device one is made unless given`)
    .action(async (given: PlaceArguments & { profile: string; pin?: string }) => {
      done(await runInit(appliance, terminal, given));
    });

  command('info', 'show what it is, how it is, and what it holds at most', 'info --role quota').action(
    async (given: PlaceArguments) => {
      const place = readPlace(given);
      if (!place.ok) return done(terminal.refuse(place));
      const report = await (await appliance.devices()).info(place.value);
      return done(terminal.result({ ...report }, describeDevice(report)));
    },
  );

  command(
    'attest',
    'have it say what it is and runs, signed; or check offline what one said (`--check`)',
    'attest --role quota --out quota-device.cbor',
  )
    .option(
      '--nonce <hex>',
      'of 8 to 64 bytes: what it is to answer, or to have answered; a fresh one unless given',
    )
    .option('--out <file>', 'where to write it; `attestation.cbor` unless given')
    .option(
      '--check <file>',
      'instead: what `ringmint device attest` wrote, held against the roots of the vendors',
    )
    .option('--serial <hex>', 'with --check: which device it has to be of')
    .option('--profile <name>', 'with --check: which model it has to be')
    .addOption(
      new Option(
        '--measurement <hex>',
        'with --check: the image that it has to run; may be given again',
      ).argParser(collect),
    )
    .action(async (given: AttestArguments) => {
      done(await runAttest(appliance, terminal, given));
    });

  command(
    'pin',
    'show how many tries are left, or change the PIN',
    'pin change --device hsm/aster --pin file:aster.pin --new-pin file:aster-new.pin',
  )
    .addArgument(new Argument('[action]', 'what to do').choices(['status', 'change']).default('status'))
    .option('--pin <source>', `the PIN that it has: ${pinHelp}; the file in its folder unless given`)
    .option('--new-pin <source>', "the one that it is to have; of a system's device one is made unless given")
    .action(
      async (action: 'status' | 'change', given: PlaceArguments & { pin?: string; newPin?: string }) => {
        done(
          action === 'status'
            ? await runPinStatus(appliance, terminal, given)
            : await runPinChange(appliance, terminal, given),
        );
      },
    );

  command('counters', 'show its version, the tries left, alarms and wear', 'counters --role issuance').action(
    async (given: PlaceArguments) => {
      const place = readPlace(given);
      if (!place.ok) return done(terminal.refuse(place));
      const report = await (await appliance.devices()).counters(place.value);
      return done(terminal.result({ ...report }, describeCounters(report)));
    },
  );

  command(
    'tamper',
    'have its sensors see somebody open it: it destroys its secrets, for good',
    'tamper mesh --device hsm/aster',
  )
    .addArgument(new Argument('<event>', 'what they see').choices(tamperEvents))
    .action(async (event: TamperEvent, given: PlaceArguments) => {
      const place = readPlace(given);
      if (!place.ok) return done(terminal.refuse(place));
      const report = await (await appliance.devices()).tamper(place.value, event);
      return done(terminal.result({ ...report }, describeDevice(report)));
    });

  command(
    'zeroise',
    'destroy its keys and all that it keeps, for good; needs its serial, and no PIN',
    'zeroise --device hsm/aster --serial 5c0e9b1f3a7d4e628b90c1d2e3f4a5b6',
  )
    .requiredOption(
      '--serial <hex>',
      "the device's own, as `ringmint device info` shows it: so that no other one is meant",
    )
    .action(async (given: PlaceArguments & { serial: string }) => {
      const place = readPlace(given);
      if (!place.ok) return done(terminal.refuse(place));
      const report = await (await appliance.devices()).zeroise(place.value, given.serial.toLowerCase());
      return done(terminal.result({ ...report }, describeDevice(report)));
    });

  command(
    'flash',
    'show what lies in its flash, sector by sector, also while a system uses it',
    'flash dump --role quota --out quota-flash.bin',
  )
    .addArgument(new Argument('<action>', 'what to do').choices(['dump']))
    .option('--out <file>', 'write the bytes there, too')
    .action(async (_action: 'dump', given: PlaceArguments & { out?: string }) => {
      done(await runFlashDump(appliance, terminal, given));
    });
}

async function runInit(
  appliance: Appliance,
  terminal: Terminal,
  given: PlaceArguments & { profile: string; pin?: string },
): Promise<ExitCode> {
  const place = readPlace(given);
  if (!place.ok) return terminal.refuse(place);
  if (place.value.kind === 'folder' && given.pin === undefined)
    return terminal.refuse(
      refuse(
        'usage',
        `\`--pin SOURCE\` is missing: ${pinHelp} is accepted, of which the device takes its first PIN`,
      ),
    );
  const made = await (await appliance.devices()).init({
    place: place.value,
    profile: given.profile,
    pin: given.pin,
  });
  if (!made.ok) return terminal.refuse(made);
  const { folder, profile, vendor, serial, pinFile } = made.value;
  return terminal.result({ ...made.value }, [
    `made in \`${folder}\`: ${profile} of ${vendor}, serial ${serial}`,
    ...(pinFile === null ? [] : [`  its PIN is in \`${pinFile}\``]),
    `  ${isSimulator}`,
  ]);
}

const triesMeaning: Record<DeviceReport['state'], string> = {
  blank: 'it has no PIN yet',
  ready: 'the right PIN gives all of them back',
  locked: 'it is locked for good: no PIN opens it any more',
  failed: 'it takes no PIN before it is powered on anew',
  zeroised: 'it takes no PIN any more',
};

async function runPinStatus(
  appliance: Appliance,
  terminal: Terminal,
  given: PlaceArguments & { pin?: string; newPin?: string },
): Promise<ExitCode> {
  if (given.pin !== undefined || given.newPin !== undefined)
    return terminal.refuse(refuse('usage', '`--pin` and `--new-pin` go with `ringmint device pin change`'));
  const place = readPlace(given);
  if (!place.ok) return terminal.refuse(place);
  const { folder, state, limits } = await (await appliance.devices()).info(place.value);
  const { triesLeft } = await (await appliance.devices()).counters(place.value);
  const { pinTries, pinLength } = limits;
  return terminal.result({ folder, state, triesLeft, pinTries, pinLength }, [
    `${triesLeft} of ${pinTries} tries left; ${triesMeaning[state]}`,
    `  a PIN has ${pinLength.least} to ${pinLength.most} bytes`,
  ]);
}

async function runPinChange(
  appliance: Appliance,
  terminal: Terminal,
  given: PlaceArguments & { pin?: string; newPin?: string },
): Promise<ExitCode> {
  const place = readPlace(given);
  if (!place.ok) return terminal.refuse(place);
  if (place.value.kind === 'folder' && given.newPin === undefined)
    return terminal.refuse(refuse('usage', `\`--new-pin SOURCE\` is missing: ${pinHelp} is accepted`));
  const changed = await (await appliance.devices()).changePin({
    place: place.value,
    pin: given.pin,
    newPin: given.newPin,
  });
  return terminal.result({ ...changed }, [
    `the device in \`${changed.folder}\` has another PIN`,
    ...(changed.pinFile === null ? [] : [`  it is in \`${changed.pinFile}\``]),
    '  a system that runs with this device is to be started again: it has the old one in memory',
  ]);
}

function describeDevice({
  folder,
  state,
  reason,
  profile,
  vendor,
  serial,
  firmware,
  algorithms,
  limits,
}: DeviceReport): string[] {
  const { keys, anchors, ballots, modules, messageBytes, pinTries, pinLength } = limits;
  return [
    `${folder}: ${profile} of ${vendor}, serial ${serial === '' ? 'not to be read' : serial}`,
    `  state       ${state}${reason === '' ? '' : `: ${reason}`}`,
    `  firmware    ${firmware.version === '' ? 'none that runs' : `${firmware.version}, ${firmware.measurement}`}`,
    `  algorithms  ${algorithms.join(', ')}`,
    `  at most     ${keys} keys, ${anchors} anchors, ${ballots} ballots, ${modules} modules; messages of ${messageBytes} bytes`,
    `  PIN         ${pinLength.least} to ${pinLength.most} bytes, ${pinTries} tries`,
    `  ${isSimulator}`,
  ];
}

function describeCounters(report: DeviceCounterReport): string[] {
  const { folder, version, triesLeft, alarms, alarmLimit, wear, endurance } = report;
  return [
    folder,
    `  version  ${version} of what it keeps: it never goes back`,
    `  tries    ${triesLeft} left`,
    `  alarms   ${alarms}; at ${alarmLimit} it destroys its secrets`,
    `  wear     ${wear} of ${endurance} erases, ${((100 * wear) / endurance).toFixed(1)} %`,
  ];
}

function describeProfile({
  name,
  vendor,
  algorithms,
  attestation,
  limits,
  flashBytes,
  endurance,
}: ListedProfile): string[] {
  return [
    `${name.padEnd(12)} ${vendor}: ${algorithms.join(', ')}; attests with ${attestation}`,
    `${' '.repeat(13)}${limits.keys} keys, ${limits.anchors} anchors, ${limits.ballots} ballots, ${limits.modules} modules; ${limits.pinTries} tries; ${flashBytes / 1024} KiB of flash for ${endurance} erases`,
  ];
}
