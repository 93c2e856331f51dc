/**
 * Every command of a device at run time: what it takes, within which limits, what it gives, and who may ask. Device and client check by it, and the
 * table in docs/DEVICE.md is made from it; the compiler holds it against the types of protocol.ts.
 */
import type { CborValue } from '../src/kit/encoding.ts';
import { quote, type Result, refuse, succeed } from '../src/kit/result.ts';
import { tamperEvents } from './chip/chip.ts';
import {
  alwaysTrue,
  bytes,
  exactly,
  type Fields,
  flag,
  integer,
  list,
  nullable,
  oneOf,
  pair,
  prose,
  record,
  signed64,
  text,
  unsigned64,
  writeFields,
} from './kind.ts';
import type { Access, CommandName, Commands, DeviceKey, DeviceLimits, Head, InputWord } from './protocol.ts';

export interface Command<Arguments, Returned> {
  readonly access: Access;
  /** Whether the same once more, after an answer that was lost, changes nothing and gives the same. */
  readonly twice: boolean;
  readonly arguments: Fields<Arguments>;
  readonly result: Fields<Returned>;
}

const most = Number.MAX_SAFE_INTEGER;
/** More than any frame holds: the profile's limits are the device's to check. */
const anyBytes = bytes({ least: 0, most: 2 ** 26 }, 'bytes, as many as a frame holds');
const name = text({ least: 1, most: 64 });
const count = integer({ least: 0, most });
const algorithm = oneOf(['ES256', 'ES384', 'EdDSA', 'PS256']);
const use = oneOf(['sign', 'agree', 'vote']);
const free = list(text({ least: 1, most: 127 }), { least: 0, most: 32 });
const head = record<Head>({ sequence: count, hash: exactly(32) });
const pin = { salt: exactly(16), pinKey: exactly(32) };
const key: Fields<DeviceKey> = {
  label: name,
  algorithm,
  use,
  anchored: flag,
  free,
  point: bytes({ least: 32, most: 600 }),
};
const limits = record<DeviceLimits>({
  keys: count,
  anchors: count,
  ballots: count,
  modules: count,
  messageBytes: count,
  frameBytes: count,
  pinTries: count,
  pinLength: record({ least: count, most: count }),
});
const word = integer({ least: 0, most: 2 ** 32 - 1 });
const input = record<InputWord>({ segment: word, index: word, value: signed64 });

export const commandTable: {
  readonly [N in CommandName]: Command<Commands[N]['arguments'], Commands[N]['result']>;
} = {
  info: {
    access: 'open',
    twice: true,
    arguments: {},
    result: {
      simulator: alwaysTrue,
      state: oneOf(['blank', 'ready', 'locked', 'failed', 'zeroised']),
      reason: prose(1_000),
      profile: name,
      vendor: prose(200),
      serial: text({ least: 0, most: 32 }),
      firmware: record({ version: prose(64), measurement: bytes({ least: 0, most: 32 }) }),
      algorithms: list(algorithm, { least: 0, most: 4 }),
      limits,
    },
  },
  counters: {
    access: 'open',
    twice: true,
    arguments: {},
    result: {
      version: unsigned64,
      triesLeft: count,
      alarms: count,
      alarmLimit: count,
      wear: count,
      endurance: count,
    },
  },
  attest: {
    access: 'open',
    twice: true,
    arguments: { nonce: bytes({ least: 8, most: 64 }) },
    result: { statement: anyBytes, endorsement: anyBytes },
  },
  initialise: { access: 'open', twice: false, arguments: pin, result: {} },
  login: {
    access: 'open',
    twice: false,
    arguments: { nonce: exactly(16), proof: exactly(32) },
    result: {},
  },
  'change-pin': { access: 'login', twice: false, arguments: pin, result: {} },
  generate: {
    access: 'login',
    twice: false,
    arguments: { label: name, algorithm, use, anchored: flag, free },
    result: key,
  },
  keys: {
    access: 'login',
    twice: true,
    arguments: {},
    result: { keys: list(record<DeviceKey>(key), { least: 0, most: 1_000 }) },
  },
  sign: {
    access: 'login',
    twice: true,
    arguments: { label: name, message: anyBytes },
    result: { signature: bytes({ least: 1, most: 1_024 }) },
  },
  derive: {
    access: 'login',
    twice: true,
    arguments: { label: name, point: exactly(65) },
    result: { secret: exactly(32) },
  },
  'read-anchor': { access: 'login', twice: true, arguments: { name }, result: { head: nullable(head) } },
  advance: {
    access: 'login',
    twice: true,
    arguments: { name, from: nullable(head), to: head },
    result: {},
  },
  prove: {
    access: 'login',
    twice: true,
    arguments: { name, from: head, entries: list(anyBytes, { least: 0, most: 10_000 }) },
    result: { reached: count, admitted: count },
  },
  vote: {
    access: 'login',
    twice: true,
    arguments: {
      label: name,
      proposal: exactly(32),
      choice: oneOf(['approve', 'reject', 'abstain']),
    },
    result: { ballot: anyBytes },
  },
  trust: {
    access: 'login',
    twice: true,
    arguments: { points: list(exactly(65), { least: 1, most: 16 }) },
    result: {},
  },
  load: {
    access: 'login',
    twice: true,
    arguments: { module: anyBytes },
    result: { hash: exactly(32), fuelBound: unsigned64 },
  },
  run: {
    access: 'login',
    twice: true,
    arguments: {
      hash: exactly(32),
      inputs: list(input, { least: 0, most: 100_000 }),
      fuel: nullable(unsigned64),
    },
    result: {
      outcome: oneOf(['finished', 'trapped']),
      fuelUsed: unsigned64,
      ports: list(pair(word, signed64), { least: 0, most: 100_000 }),
    },
  },
  zeroise: { access: 'open', twice: true, arguments: { serial: prose(64) }, result: {} },
  tamper: {
    access: 'open',
    twice: true,
    arguments: { event: oneOf(tamperEvents) },
    result: {},
  },
  'dump-flash': {
    access: 'open',
    twice: true,
    arguments: { sector: integer({ least: 0, most: 65_535 }) },
    result: { bytes: anyBytes, wear: count, holds: prose(200) },
  },
};

export const commandNames = Object.keys(commandTable) as CommandName[];

/** One command as it was asked for: its name with arguments that have the shape of `Commands`. */
export type Asked = {
  [N in CommandName]: { readonly name: N; readonly given: Commands[N]['arguments'] };
}[CommandName];

export type ArgumentCode = 'command_unknown' | 'argument_missing' | 'argument_unknown' | 'argument_invalid';

/** Fields of which the names are all that is known. */
type AnyFields = Readonly<Record<string, Fields<{ any: unknown }>['any']>>;

function fieldsOf(command: CommandName, which: 'arguments' | 'result'): AnyFields {
  return commandTable[command][which] as AnyFields;
}

/** Untrusted: what was asked, by the table. */
export function readCommand(
  command: string,
  given: ReadonlyMap<number | string, CborValue>,
): Result<Asked, ArgumentCode> {
  if (!Object.hasOwn(commandTable, command)) {
    return refuse(
      'command_unknown',
      `${quote(command)} is no command: accepted is ${commandNames.map((known) => `\`${known}\``).join(', ')}`,
    );
  }
  const known = command as CommandName;
  const read = readNamed(fieldsOf(known, 'arguments'), given);
  return read.ok ? succeed({ name: known, given: read.value } as unknown as Asked) : read;
}

/** What a device answered to a command; `argument_…` where it is not what the table says. */
export function readResult<N extends CommandName>(
  command: N,
  given: ReadonlyMap<number | string, CborValue>,
): Result<Commands[N]['result'], ArgumentCode> {
  const read = readNamed(fieldsOf(command, 'result'), given);
  return read.ok ? succeed(read.value as unknown as Commands[N]['result']) : read;
}

function readNamed(
  fields: AnyFields,
  given: ReadonlyMap<number | string, CborValue>,
): Result<Readonly<Record<string, unknown>>, ArgumentCode> {
  const names = Object.keys(fields);
  for (const found of given.keys()) {
    if (typeof found !== 'string' || !Object.hasOwn(fields, found)) {
      const accepted = names.map((known) => `\`${known}\``).join(', ');
      return refuse(
        'argument_unknown',
        `${quote(found)} is not taken: accepted is ${accepted === '' ? 'nothing' : accepted}`,
        quote(found).slice(1, -1),
      );
    }
  }
  const read: Record<string, unknown> = {};
  for (const wanted of names) {
    const value = given.get(wanted);
    const kind = fields[wanted];
    if (value === undefined || kind === undefined) {
      return refuse(
        'argument_missing',
        `\`${wanted}\` is missing: accepted is ${kind?.accepts ?? ''}`,
        wanted,
      );
    }
    const one = kind.read(value, wanted);
    if (!one.ok) return one;
    read[wanted] = one.value;
  }
  return succeed(read);
}

export function writeArguments<N extends CommandName>(
  command: N,
  given: Commands[N]['arguments'],
): ReadonlyMap<string, CborValue> {
  return writeFields(commandTable[command].arguments as Fields<Commands[N]['arguments']>, given);
}

export function writeResult<N extends CommandName>(
  command: N,
  result: Commands[N]['result'],
): ReadonlyMap<string, CborValue> {
  return writeFields(commandTable[command].result as Fields<Commands[N]['result']>, result);
}
