/**
 * Central management's folder of rules:
 *
 * ```
 * central/rules/
 *   active.json                 which set is in force, which is staged, which decides in the shadow; all that ever were, in their order
 *   bundles/HASH.rulebundle     each set that was ever staged, by the hash of what it means: never altered, never removed
 *   machines/HASH.wasm          each label machine that ever decided
 *   record.key                  seals what decisions were made of: 32 bytes, for its owner only
 *   shadow.json                 what the shadow set would have decided otherwise
 *   engine.json                 what runs the rules: translations, or the interpreter
 * ```
 * A crash leaves `active.json` as it was or as it is to be: it is replaced by a rename, and names only what is on the disk by then.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Static, Type } from 'typebox';
import { toHex } from '../kit/bytes.ts';
import type { RandomBytes } from '../kit/clock.ts';
import { type SealingKey, sealingKey } from '../records/sealing.ts';
import { shippedRuleSet } from '../rules/policy/shipped-set.ts';
import { ApplianceError } from './appliance-error.ts';
import { readConfiguration } from './configuration.ts';
import type { Home } from './home.ts';
import { makePrivateFolder, writeFileDurably } from './private-file.ts';

const hash = Type.String({ pattern: '^[0-9a-f]{64}$' });

const activationSchema = Type.Object(
  {
    /** As decisions name it; each is above the one before. */
    version: Type.Integer({ minimum: 1 }),
    hash,
    /** Of the set. */
    name: Type.String({ minLength: 1, maxLength: 200 }),
    how: Type.Union([Type.Literal('shipped'), Type.Literal('activate'), Type.Literal('revert')]),
    atMs: Type.Integer({ minimum: 0 }),
  },
  { additionalProperties: false },
);

const stateSchema = Type.Object(
  {
    version: Type.Literal(1),
    /** The last one is in force. */
    activations: Type.Array(activationSchema, { minItems: 1 }),
    staged: Type.Union([hash, Type.Null()]),
    shadow: Type.Union([hash, Type.Null()]),
  },
  { additionalProperties: false },
);

export type Activation = Static<typeof activationSchema>;
export type RuleState = Static<typeof stateSchema>;

/** Told of each step before it is made: a test cuts there. */
export type Step = (name: string) => void;

export function statePath(home: Home): string {
  return join(home.rules, 'active.json');
}

export function bundlePath(home: Home, hashHex: string): string {
  return join(home.rules, 'bundles', `${hashHex}.rulebundle`);
}

export function machinePath(home: Home, hashHex: string): string {
  return join(home.rules, 'machines', `${hashHex}.wasm`);
}

export function shadowReportPath(home: Home): string {
  return join(home.rules, 'shadow.json');
}

export function enginePath(home: Home): string {
  return join(home.rules, 'engine.json');
}

/** Where nothing was ever activated: the set that ships. */
export async function readRuleState(home: Home): Promise<RuleState> {
  try {
    return await readConfiguration(statePath(home), stateSchema);
  } catch (error) {
    if (!(error instanceof ApplianceError) || error.code !== 'home_missing') throw error;
    // Nothing but a file that is not there is no state: what cannot be read is told.
    if ((await readOrMissing(statePath(home))) !== undefined) throw error;
    const { name, version, hash: shipped } = shippedRuleSet();
    const activation = {
      version: Number(version),
      hash: toHex(shipped),
      name,
      how: 'shipped',
      atMs: 0,
    } as const;
    return { version: 1, activations: [activation], staged: null, shadow: null };
  }
}

export function inForce({ activations }: RuleState): Activation {
  const last = activations.at(-1);
  if (last === undefined) throw new Error('invariant broken: a state has an activation');
  return last;
}

export async function writeRuleState(home: Home, state: RuleState, step?: Step): Promise<void> {
  const named = (name: string): void => step?.(`state: ${name}`);
  await writeFileDurably(statePath(home), `${JSON.stringify(state, null, 2)}\n`, 0o600, named);
}

/** The folder with its parts, made where it is not there. */
export async function makeRuleFolder(home: Home): Promise<void> {
  await makePrivateFolder(home.rules);
  await makePrivateFolder(join(home.rules, 'bundles'));
  await makePrivateFolder(join(home.rules, 'machines'));
}

/** Keeps a file that is named by what is in it: what is there already is left as it is. */
export async function keepFile(path: string, bytes: Uint8Array, step?: Step): Promise<void> {
  if ((await readOrMissing(path)) !== undefined) return;
  await writeFileDurably(path, bytes, 0o600, (name) => step?.(`keep: ${name}`));
}

/** The key that seals decisions, made the first time that it is asked for. */
export async function readSealingKey(home: Home, random?: RandomBytes): Promise<SealingKey | undefined> {
  const path = join(home.rules, 'record.key');
  let secret = await readOrMissing(path);
  if (secret === undefined && random !== undefined) {
    secret = random(32);
    await writeFileDurably(path, secret, 0o600);
  }
  if (secret === undefined) return undefined;
  if (secret.length !== 32)
    throw new ApplianceError(
      'configuration_invalid',
      `\`${path}\` has ${secret.length} bytes: the key of 32 bytes that seals decisions is accepted; bring it back from a backup`,
    );
  return sealingKey(secret);
}

/** `undefined` where there is no such file; throws where it cannot be read. */
export async function readOrMissing(path: string): Promise<Uint8Array | undefined> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new ApplianceError('home_unreadable', `cannot read \`${path}\` (${code})`);
  }
}
