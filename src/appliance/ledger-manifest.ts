/** The manifest of a ledger's backup: whose it is, where its journal ends, and the hash of the file. No secret. */
import { type Static, Type } from 'typebox';
import { readManifestAs } from './backup-manifest.ts';

export const ledgerFileName = 'ledger.db';

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
  return readManifestAs(manifestSchema, folder, 'ringmint store backup');
}
