/**
 * A system's keys.json: which of its keys is in which HSM, under which label. It says where to look; what a key is worth, the trust
 * bundle says.
 *
 * A key is written down before it is published. A crash in between leaves an entry that no bundle names: such a key signs nothing.
 */
import { type Static, Type } from 'typebox';
import { readConfiguration } from './configuration.ts';
import type { Home, Role } from './home.ts';
import { writeFileDurably } from './private-file.ts';

const inventorySchema = Type.Object(
  {
    version: Type.Literal(1),
    keys: Type.Array(
      Type.Object(
        {
          /** RFC 9679 thumbprint, in hex. */
          keyId: Type.String({ pattern: '^[0-9a-f]{64}$' }),
          kind: Type.Union([Type.Literal('signing'), Type.Literal('agreement')]),
          /** Name of the HSM in config.json. */
          hsm: Type.String({ minLength: 1 }),
          label: Type.String({ minLength: 1 }),
        },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
);

export type KeyPlace = Static<typeof inventorySchema>['keys'][number];

/** Throws `home_missing` or `configuration_invalid`. */
export async function readInventory(home: Home, role: Role): Promise<readonly KeyPlace[]> {
  return (await readConfiguration(home.keys(role), inventorySchema)).keys;
}

export async function writeInventory(home: Home, role: Role, keys: readonly KeyPlace[]): Promise<void> {
  await writeFileDurably(home.keys(role), `${JSON.stringify({ version: 1, keys }, null, 2)}\n`, 0o600);
}
