/** The manifest of a ledger's backup: whose it is, where its journal ends, and the hash of the file. No secret. */
import { type Static, Type } from 'typebox';
import { readManifestAs } from './backup-manifest.ts';

export const ledgerFileName = 'ledger.db';

const digest = Type.String({ pattern: '^[0-9a-f]{64}$' });

const journalId = Type.String({ pattern: '^[0-9a-f]{32}$' });
/** Number and hash of the last entry. */
const head = Type.Object(
  { sequence: Type.Integer({ minimum: 0 }), hash: digest },
  { additionalProperties: false },
);

const common = {
  kind: Type.Literal('ledger'),
  role: Type.Union([Type.Literal('central'), Type.Literal('issuance'), Type.Literal('quota')]),
  /** Seconds since the epoch. */
  madeAt: Type.Integer({ minimum: 0, maximum: 253_402_300_799 }),
  size: Type.Integer({ minimum: 1 }),
  sha256: digest,
} as const;

/** Of a ledger with one journal. */
const first = Type.Object(
  { version: Type.Literal(1), journalId, head, ...common },
  { additionalProperties: false },
);

const second = Type.Object(
  {
    version: Type.Literal(2),
    journals: Type.Array(
      Type.Object(
        /** The name of its series; null where the ledger is a file with one journal. */
        { series: Type.Union([Type.String(), Type.Null()]), journalId, head },
        { additionalProperties: false },
      ),
      { minItems: 1 },
    ),
    ...common,
  },
  { additionalProperties: false },
);

export type LedgerManifest = Static<typeof second>;

/** Throws `backup_incomplete` where `folder` has none, and `backup_altered` where it is not what a backup of a ledger writes. */
export function readLedgerManifest(folder: string): LedgerManifest {
  const manifest = readManifestAs(Type.Union([first, second]), folder, 'ringmint store backup');
  if (manifest.version === 2) return manifest;
  const { journalId: id, head: end, ...rest } = manifest;
  return { ...rest, version: 2, journals: [{ series: null, journalId: id, head: end }] };
}
