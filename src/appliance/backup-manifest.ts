/** The manifest of a key backup: whose keys it holds, under which labels, and the hash of each file. No secret. */
import { type Static, type TSchema, Type } from 'typebox';
import { Value } from 'typebox/value';
import { BackupError } from '../../hsm/backup-error.ts';
import { readManifestText } from '../../hsm/backup-folder.ts';

const digest = Type.String({ pattern: '^[0-9a-f]{64}$' });

const manifestSchema = Type.Object(
  {
    version: Type.Literal(1),
    role: Type.Union([Type.Literal('central'), Type.Literal('issuance'), Type.Literal('quota')]),
    /** Name of the HSM in the role's config.json. */
    hsm: Type.String({ minLength: 1 }),
    tokenLabel: Type.String({ minLength: 1, maxLength: 32 }),
    /** Seconds since the epoch. */
    madeAt: Type.Integer({ minimum: 0, maximum: 253_402_300_799 }),
    /** As the role's keys.json had them. */
    keys: Type.Array(
      Type.Object(
        {
          label: Type.String({ minLength: 1 }),
          kind: Type.Union([Type.Literal('signing'), Type.Literal('agreement')]),
          keyId: digest,
        },
        { additionalProperties: false },
      ),
      { minItems: 1 },
    ),
    files: Type.Array(
      Type.Object(
        { path: Type.String({ minLength: 1 }), size: Type.Integer({ minimum: 0 }), sha256: digest },
        { additionalProperties: false },
      ),
      { minItems: 1 },
    ),
  },
  { additionalProperties: false },
);

export type BackupManifest = Static<typeof manifestSchema>;

/** The manifest in `folder`; throws `backup_incomplete` where there is none, and `backup_altered` where it is not what a backup writes. */
export function readManifest(folder: string): BackupManifest {
  const manifest: BackupManifest = readManifestAs(manifestSchema, folder, 'ringmint keys backup');
  // Whoever can write the manifest must not have other files of this machine read or written.
  const outside = manifest.files.find(({ path }) => !isBelow(path));
  if (outside !== undefined)
    throw altered(folder, `names \`${outside.path}\`: a path below its folder is accepted`);
  return manifest;
}

/** The manifest in `folder` that the command `madeBy` wrote; throws as `readManifest` does. */
export function readManifestAs<Schema extends TSchema>(
  schema: Schema,
  folder: string,
  madeBy: string,
): Static<Schema> {
  const text = readManifestText(folder, madeBy);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw altered(folder, `is not JSON: ${(error as Error).message}`);
  }
  if (Value.Check(schema, value)) return value as Static<Schema>;
  const [first] = Value.Errors(schema, value);
  throw altered(folder, `has ${first?.instancePath || '/'}, which ${first?.message ?? 'is not accepted'}`);
}

function isBelow(path: string): boolean {
  return path.split('/').every((part) => !['', '.', '..'].includes(part) && !/[\0\\]/.test(part));
}

function altered(folder: string, what: string): BackupError {
  return new BackupError('backup_altered', `the manifest in \`${folder}\` ${what}`);
}
