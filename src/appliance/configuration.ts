/** The systems' configuration files: JSON with every field required, so that a missing line is an error and not a default. */
import { readFile } from 'node:fs/promises';
import { type Static, type TSchema, Type } from 'typebox';
import { Value } from 'typebox/value';
import { ApplianceError } from './appliance-error.ts';

const amount = Type.String({ pattern: '^[0-9]{1,16}$', description: 'minor units' });
const currency = Type.String({ pattern: '^[A-Z]{3}$' });
const issuer = Type.String({ pattern: '^[a-z0-9-]{1,64}$' });
const port = Type.Integer({ minimum: 0, maximum: 65_535 });

/** As an anchor is named (hsm/anchor.ts). */
const journalName = Type.String({ pattern: '^[a-z][a-z0-9-]{0,31}$' });
const name = Type.String({ pattern: '^[a-z0-9-]{1,32}$' });

/** An HSM of a system's: the SoftHSM token or the simulated secure element in its own folder, or any other through PKCS#11. */
const hsm = Type.Union([
  Type.Object({ name, kind: Type.Literal('softhsm') }, { additionalProperties: false }),
  Type.Object({ name, kind: Type.Literal('firmware-sim') }, { additionalProperties: false }),
  Type.Object(
    {
      name,
      kind: Type.Literal('pkcs11'),
      /** Path of its module. */
      module: Type.String({ minLength: 1 }),
      /** RFC 7512: which token. */
      uri: Type.String({ pattern: '^pkcs11:' }),
      /** Where the PIN is: file:PATH, credential:NAME, env:NAME or prompt. Never the PIN. */
      pin: Type.String({ minLength: 1 }),
      /** Of CK_C_INITIALIZE_ARGS, for a module that wants such. */
      libraryParameters: Type.Optional(Type.String()),
      /** Variables that the module wants. */
      environment: Type.Record(Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]*$' }), Type.String()),
    },
    { additionalProperties: false },
  ),
]);

/** What holds the anchors of a system's journals; the tokens of its HSMs where nothing is said. */
export const anchorChoice = Type.Optional(
  Type.Union([
    /** Data objects on the tokens of its HSMs, through PKCS#11. */
    Type.Object({ kind: Type.Literal('tokens') }, { additionalProperties: false }),
    /** The simulated secure element in its own folder. */
    Type.Object({ kind: Type.Literal('firmware-sim') }, { additionalProperties: false }),
    /** NV indices of a TPM 2.0 (hsm/tpm-anchor.ts). */
    Type.Object(
      {
        kind: Type.Literal('tpm'),
        /** How the tools reach it, such as `device:/dev/tpmrm0` or `swtpm:path=/run/tpm.sock` (tpm2-tools, TCTI). */
        tcti: Type.String({ minLength: 1 }),
        /** The first of the NV indices that the anchors may have; they take those that follow. */
        index: Type.String({ pattern: '^0x01[0-9a-f]{6}$' }),
        /** Where the authorisation of the indices is: file:PATH, credential:NAME or env:NAME. Never the value. */
        pin: Type.String({ minLength: 1 }),
        /** The same of the TPM's owner, where that is not empty. */
        ownerPin: Type.Optional(Type.String({ minLength: 1 })),
      },
      { additionalProperties: false },
    ),
  ]),
);

/** How a system signs: with how many processes, and how much its key may sign at most. */
const signing = Type.Object(
  {
    /** Where its keys may be; the first one that is well signs. */
    hsms: Type.Array(hsm, { minItems: 1, maxItems: 8 }),
    processes: Type.Integer({ minimum: 1, maximum: 16 }),
    sessions: Type.Integer({ minimum: 1, maximum: 64 }),
    signaturesPerMinute: Type.Union([Type.Integer({ minimum: 1 }), Type.Null()]),
    /** In any 24 hours, by currency; the last line of defence, below every quota. */
    amountPerDay: Type.Union([Type.Record(Type.String({ pattern: '^[A-Z]{3}$' }), amount), Type.Null()]),
  },
  { additionalProperties: false },
);

/** Where a system's ledger is; in the SQLite file of its own folder unless told otherwise. */
export const storeChoice = Type.Optional(
  Type.Union([
    Type.Object(
      {
        kind: Type.Literal('sqlite'),
        /** Of the journal's anchor in the system's token, where it is another one than the first. */
        anchor: Type.Optional(journalName),
      },
      { additionalProperties: false },
    ),
    Type.Object(
      {
        kind: Type.Literal('postgres'),
        /** Path of the file that holds the address and the password: neither is in the configuration. */
        urlFile: Type.String({ minLength: 1 }),
        /** The journal that this process writes; each process has one of its own. */
        series: journalName,
        /** Of this journal's anchor in the system's token, where it is not the series': a ledger that was moved keeps the one it had. */
        anchor: Type.Optional(journalName),
      },
      { additionalProperties: false },
    ),
  ]),
);

/** How much a system takes from its peers. */
const api = Type.Object(
  {
    /** Of one peer, which is one identity in a certificate. */
    requestsPerSecond: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
    /** Of everybody, also of those that have shown no certificate yet. */
    connections: Type.Integer({ minimum: 1, maximum: 65_536 }),
    connectionsPerPeer: Type.Integer({ minimum: 1, maximum: 65_536 }),
    requestsPerConnection: Type.Integer({ minimum: 1 }),
    /** Until a connection has shown its certificate. */
    handshakeSeconds: Type.Integer({ minimum: 1, maximum: 120 }),
    /** For the headers of a request, for its body, and for its caller to take the answer: so long each. */
    requestSeconds: Type.Integer({ minimum: 1, maximum: 3_600 }),
    /** Between two requests on one connection. */
    idleSeconds: Type.Integer({ minimum: 1, maximum: 3_600 }),
  },
  { additionalProperties: false },
);

/** One of several processes of quota control, on one PostgreSQL ledger. */
const quotaProcess = Type.Object(
  {
    /** The journal that it writes. */
    series: journalName,
    /** Of the control bits that it numbers. */
    epoch: Type.Integer({ minimum: 1 }),
    /** Of its journal's anchor in the token. */
    anchor: journalName,
    port,
    /** Id of its journal, by which its heads are known. */
    journal: Type.String({ pattern: '^[0-9a-f]{32}$' }),
    /** `abandoned`: taken out with requests that it never signed, and never served again. */
    state: Type.Union([Type.Literal('serving'), Type.Literal('taken-out'), Type.Literal('abandoned')]),
  },
  { additionalProperties: false },
);

/** appliance.json: what all three systems and the command line may know. */
export const applianceSchema = Type.Object(
  {
    version: Type.Literal(1),
    issuer,
    /** Where the systems listen; loopback unless told otherwise. */
    host: Type.String({ minLength: 1 }),
    ports: Type.Object({ central: port, issuance: port, quota: port }, { additionalProperties: false }),
    /** Where quota control is several processes: all of them, the first as quota/config.json names it; never removed, since their journals stay. */
    quotaProcesses: Type.Optional(Type.Array(quotaProcess, { minItems: 1, maxItems: 16 })),
    /** The PKCS#11 module; found again at each start where this is `auto`. */
    module: Type.String({ minLength: 1 }),
  },
  { additionalProperties: false },
);

/** What runs the rules (src/rules/engine.ts). */
export const engineChoice = Type.Union([
  Type.Literal('translated'),
  Type.Literal('interpreter'),
  Type.Literal('both'),
]);

export const centralSchema = Type.Object(
  {
    version: Type.Literal(1),
    signing,
    anchor: anchorChoice,
    store: storeChoice,
    api,
    frequencyWindowSeconds: Type.Integer({ minimum: 1 }),
    credentialLifetimeSeconds: Type.Integer({ minimum: 1, maximum: 3600 }),
    clockSkewSeconds: Type.Integer({ minimum: 0, maximum: 3600 }),
    /** What the rules run in; translated, and one decision of a hundred compared, where it is not named. */
    rules: Type.Optional(
      Type.Object(
        {
          engine: engineChoice,
          /** Of a program's decisions one in so many is made by the interpreter, too. */
          compareEvery: Type.Integer({ minimum: 1, maximum: 1_000_000_000 }),
        },
        { additionalProperties: false },
      ),
    ),
    limits: Type.Array(
      Type.Object(
        {
          issuer,
          currency,
          requestMaximum: amount,
          /** Confidential. */
          ceiling: amount,
          frequencyCap: Type.Integer({ minimum: 1 }),
        },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
);

export const issuanceSchema = Type.Object(
  {
    version: Type.Literal(1),
    signing,
    anchor: anchorChoice,
    store: storeChoice,
    api,
    requestLifetimeSeconds: Type.Integer({ minimum: 1, maximum: 86_400 }),
    redemptionSeconds: Type.Integer({ minimum: 1 }),
  },
  { additionalProperties: false },
);

export const quotaSchema = Type.Object(
  {
    version: Type.Literal(1),
    signing,
    anchor: anchorChoice,
    store: storeChoice,
    api,
    epoch: Type.Integer({ minimum: 1 }),
    /** How far central management's clock may be ahead; 60 where it is not named. */
    clockSkewSeconds: Type.Optional(Type.Integer({ minimum: 0, maximum: 3600 })),
  },
  { additionalProperties: false },
);

export type HsmConfiguration = Static<typeof hsm>;
export type SigningConfiguration = Static<typeof signing>;
export type AnchorChoice = NonNullable<Static<typeof anchorChoice>>;
export type QuotaProcess = Static<typeof quotaProcess>;
export type ApplianceConfiguration = Static<typeof applianceSchema>;
export type CentralConfiguration = Static<typeof centralSchema>;
export type RulesConfiguration = NonNullable<CentralConfiguration['rules']>;
export type IssuanceConfiguration = Static<typeof issuanceSchema>;
export type QuotaConfiguration = Static<typeof quotaSchema>;

/** Reads and checks a configuration file; throws `home_missing` or `configuration_invalid` with the field at fault. */
export async function readConfiguration<S extends TSchema>(path: string, schema: S): Promise<Static<S>> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new ApplianceError(
      'home_missing',
      `cannot read \`${path}\` (${(error as NodeJS.ErrnoException).code}): make an appliance with \`ringmint init\`, or name its folder with \`--home\``,
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ApplianceError('configuration_invalid', `\`${path}\` is not JSON: ${(error as Error).message}`);
  }
  if (Value.Check(schema, value)) return value as Static<S>;
  const [first] = Value.Errors(schema, value);
  throw new ApplianceError(
    'configuration_invalid',
    `\`${path}\`: ${first === undefined ? 'not accepted' : `${first.instancePath || '/'} ${first.message}`}`,
  );
}
