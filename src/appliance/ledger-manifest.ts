/** The manifest of a ledger's backup: whose it is, where its journal ends, and the hash of the file. No secret. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { BackupError } from '../../hsm/backup-error.ts';

export const ledgerFileName = 'ledger.db';
export const manifestName = 'manifest.json';

const digest = Type.String({ pattern: '^[0-9a-f]{64}$' });

const manifestSchema = Type.Object(
  {
    version: Type.Literal(1),
    kind: Type.Literal('ledger'),
    role: Type.Union([Type.Literal('central'), Type.Literal('issuance'), Type.Literal('quota')]),
    journalId: Type.String({ pattern: '^[0-9a-f]{32}$' }),
    /** Number and hash of the last entry. */
    head: Type.Object(
      { sequence: Type.Integer({ minimum: 0 }), hash: digest },
      { additionalProperties: false },
    ),
    /** Seconds since the epoch. */
    madeAt: Type.Integer({ minimum: 0, maximum: 253_402_300_799 }),
    size: Type.Integer({ minimum: 1 }),
    sha256: digest,
  },
  { additionalProperties: false },
);

export type LedgerManifest = Static<typeof manifestSchema>;

/** Throws `backup_incomplete` where `folder` has none, and `backup_altered` where it is not what a backup of a ledger writes. */
export function readLedgerManifest(folder: string): LedgerManifest {
  const path = join(folder, manifestName);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new BackupError(
      'backup_incomplete',
      `cannot read \`${path}\` (${(error as NodeJS.ErrnoException).code}): a folder that \`ringmint store backup\` made is accepted`,
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new BackupError('backup_altered', `\`${path}\` is not JSON: ${(error as Error).message}`);
  }
  if (Value.Check(manifestSchema, value)) return value as LedgerManifest;
  const [first] = Value.Errors(manifestSchema, value);
  throw new BackupError(
    'backup_altered',
    `\`${path}\` has ${first?.instancePath || '/'}, which ${first?.message ?? 'is not accepted'}: the manifest of a ledger is accepted`,
  );
}
