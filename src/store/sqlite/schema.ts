/** The SQLite schema, version 5. STRICT tables: a value of another type than its column's is refused by the database too. */
import { journalClaim } from '../held-head.ts';

/** Written into the file's header (PRAGMA application_id), so that another program's database is told from ours: "RGMT". */
export const applicationId = 0x52474d54;
/** The oldest that is brought up. Version 1 had neither orders nor limits over windows; its journal's entries say less, and cannot be made to say more. */
export const oldestVersion = 2;
/** Version 3 has settlement: what is spent, retired, and in accounts. Version 4 has reservations, central management's own account, and the journal of a held head. Version 5 finds what was settled of a quota. */
export const schemaVersion = 5;

/** The currency of what an intent settles: after the list's head and its own (src/store/settlement.ts). */
export const settledCurrency = 'substr(settles, 3, 3)';

const quotaTable = `CREATE TABLE quota (
  issuer    TEXT NOT NULL,
  currency  TEXT NOT NULL,
  version   INTEGER NOT NULL CHECK (version >= 1),
  allocated INTEGER NOT NULL CHECK (allocated >= 0),
  reserved  INTEGER NOT NULL CHECK (reserved >= 0),
  issued    INTEGER NOT NULL CHECK (issued >= 0),
  frozen    INTEGER NOT NULL CHECK (frozen IN (0, 1)),
  limits    BLOB NOT NULL,
  clock_ms  INTEGER NOT NULL,
  -- Whether what is retired for good comes back.
  returns   INTEGER NOT NULL CHECK (returns IN (0, 1)),
  -- Of what is issued: gone for good; of that, what came back; in accounts.
  retired   INTEGER NOT NULL DEFAULT 0 CHECK (retired >= 0),
  returned  INTEGER NOT NULL DEFAULT 0 CHECK (returned BETWEEN 0 AND retired),
  credited  INTEGER NOT NULL DEFAULT 0 CHECK (credited >= 0),
  -- What is left of the reservations that are open.
  held      INTEGER NOT NULL DEFAULT 0 CHECK (held >= 0),
  -- Of what is issued: never was, and never will be. Only central management's account has it.
  voided    INTEGER NOT NULL DEFAULT 0 CHECK (voided BETWEEN 0 AND issued),
  PRIMARY KEY (issuer, currency),
  CHECK (reserved + held + issued - voided - returned <= allocated),
  CHECK (retired + credited <= issued)
) STRICT;
`;

/** Of the intents that keep quota, take what was kept, or approve. */
const intentIndexes = `
CREATE INDEX intent_reserves ON intent (sequence) WHERE reserves IS NOT NULL;
CREATE INDEX intent_approves ON intent (issuer, approve_currency) WHERE approve_amount IS NOT NULL;
`;

const heldHeadTable = `-- Of each journal of each other system the highest head that was shown, as it was signed; with it the first one that contradicts it.
CREATE TABLE held_head (
  role          TEXT NOT NULL,
  name          TEXT NOT NULL,
  journal       BLOB NOT NULL CHECK (length(journal) = 16),
  signed        BLOB NOT NULL,
  held_ms       INTEGER NOT NULL,
  contradiction BLOB,
  PRIMARY KEY (role, name, journal)
) STRICT, WITHOUT ROWID;
`;

const settlementTables = `
CREATE INDEX intent_settles ON intent (sequence) WHERE settles IS NOT NULL;

-- Every unit that was spent, and the id of the retirement that spent it; intent.settles, which the journal has, is the same once more.
CREATE TABLE spent_unit (
  epoch     INTEGER NOT NULL,
  serial    INTEGER NOT NULL,
  position  INTEGER NOT NULL,
  intent_id BLOB NOT NULL CHECK (length(intent_id) = 16),
  PRIMARY KEY (epoch, serial, position)
) STRICT, WITHOUT ROWID;

-- What an account has: it is named by the thumbprint of its key.
CREATE TABLE account (
  id       BLOB NOT NULL CHECK (length(id) = 32),
  issuer   TEXT NOT NULL,
  currency TEXT NOT NULL,
  amount   INTEGER NOT NULL CHECK (amount >= 0),
  PRIMARY KEY (id, issuer, currency),
  FOREIGN KEY (issuer, currency) REFERENCES quota (issuer, currency)
) STRICT, WITHOUT ROWID;
`;

const reservationTables = `
-- Quota that is kept for orders to come; what is left of it is amount - used while it is open, and nothing after that.
CREATE TABLE reservation (
  id         BLOB PRIMARY KEY CHECK (length(id) = 16),
  issuer     TEXT NOT NULL,
  currency   TEXT NOT NULL,
  amount     INTEGER NOT NULL CHECK (amount > 0),
  used       INTEGER NOT NULL CHECK (used BETWEEN 0 AND amount),
  expires_ms INTEGER NOT NULL,
  state      TEXT NOT NULL CHECK (state IN ('open', 'used', 'released', 'expired')),
  FOREIGN KEY (issuer, currency) REFERENCES quota (issuer, currency),
  CHECK ((state = 'used') = (used = amount))
) STRICT, WITHOUT ROWID;
CREATE INDEX reservation_open ON reservation (issuer, currency, expires_ms) WHERE state = 'open';
`;

const settledIndex = `
CREATE INDEX intent_settled ON intent (issuer, ${settledCurrency}, sequence) WHERE settles IS NOT NULL;
`;

const resolutionTables = `
-- Of central management's account: requests of which the other two have said how much was issued, and what was freed by that.
CREATE TABLE resolution (
  id       BLOB PRIMARY KEY CHECK (length(id) = 16),
  sequence INTEGER NOT NULL UNIQUE REFERENCES journal (sequence),
  issuer   TEXT NOT NULL,
  currency TEXT NOT NULL,
  freed    INTEGER NOT NULL CHECK (freed >= 0),
  FOREIGN KEY (issuer, currency) REFERENCES quota (issuer, currency)
) STRICT, WITHOUT ROWID;
`;

export const schema = `
CREATE TABLE store (
  one     INTEGER PRIMARY KEY CHECK (one = 1),
  role    TEXT NOT NULL,
  id      BLOB NOT NULL CHECK (length(id) = 16)
) STRICT;

-- Append-only: the triggers below keep a bug here from rewriting history; the hash chain tells of the rest.
CREATE TABLE journal (
  sequence INTEGER PRIMARY KEY,
  bytes    BLOB NOT NULL,
  hash     BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
CREATE TRIGGER journal_keep BEFORE UPDATE ON journal BEGIN SELECT raise(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER journal_hold BEFORE DELETE ON journal BEGIN SELECT raise(ABORT, 'the journal is append-only'); END;

CREATE TABLE intent (
  kind         TEXT NOT NULL,
  id           BLOB NOT NULL CHECK (length(id) = 16),
  issuer       TEXT NOT NULL,
  body_hash    BLOB NOT NULL CHECK (length(body_hash) = 32),
  sequence     INTEGER NOT NULL UNIQUE REFERENCES journal (sequence),
  created_ms   INTEGER NOT NULL,
  context      BLOB NOT NULL,
  to_be_signed BLOB NOT NULL,
  signed       BLOB,
  epoch        INTEGER,
  serial       INTEGER CHECK (serial > 0),
  orders       BLOB,
  decides      INTEGER NOT NULL CHECK (decides >= 0),
  spends       BLOB UNIQUE CHECK (spends IS NULL OR length(spends) = 16),
  take_currency TEXT,
  take_amount  INTEGER CHECK (take_amount > 0),
  take_orders  INTEGER CHECK (take_orders > 0),
  take_ms      INTEGER,
  -- See src/store/settlement.ts.
  settles      BLOB,
  -- Of a take: the reservation that it is of.
  take_reservation BLOB CHECK (take_reservation IS NULL OR length(take_reservation) = 16),
  -- See src/store/reservation.ts.
  reserves     BLOB,
  -- What central management approved by it.
  approve_currency TEXT,
  approve_amount INTEGER CHECK (approve_amount > 0),
  PRIMARY KEY (kind, id)
) STRICT;
CREATE UNIQUE INDEX intent_serial ON intent (epoch, serial) WHERE serial IS NOT NULL;
CREATE INDEX intent_unsigned ON intent (sequence) WHERE signed IS NULL;
CREATE INDEX intent_take ON intent (issuer, take_currency, take_ms) WHERE take_ms IS NOT NULL;
CREATE INDEX intent_decided ON intent (issuer, created_ms, decides) WHERE decides > 0;

-- Found by id when a caller asks again; intent.orders, which the journal has, is the same once more.
CREATE TABLE caller_order (
  id        BLOB PRIMARY KEY CHECK (length(id) = 16),
  body_hash BLOB NOT NULL CHECK (length(body_hash) = 32),
  intent_id BLOB NOT NULL,
  position  INTEGER NOT NULL CHECK (position >= 0)
) STRICT, WITHOUT ROWID;

${quotaTable}
-- What was taken, by the slots of each limit's window (src/quota/window.ts); slots that count no more are removed with the next take.
CREATE TABLE quota_slot (
  issuer   TEXT NOT NULL,
  currency TEXT NOT NULL,
  name     TEXT NOT NULL,
  slot     INTEGER NOT NULL,
  used     INTEGER NOT NULL CHECK (used > 0),
  PRIMARY KEY (issuer, currency, name, slot),
  FOREIGN KEY (issuer, currency) REFERENCES quota (issuer, currency)
) STRICT, WITHOUT ROWID;

CREATE TABLE quota_change (
  id       BLOB PRIMARY KEY CHECK (length(id) = 32),
  sequence INTEGER NOT NULL UNIQUE REFERENCES journal (sequence),
  -- Where it put the clock of a quota back: of which, and to what.
  issuer   TEXT,
  currency TEXT,
  reset_ms INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX quota_reset ON quota_change (issuer, currency) WHERE reset_ms IS NOT NULL;

CREATE TABLE quota_stop (
  id         BLOB PRIMARY KEY CHECK (length(id) = 16),
  sequence   INTEGER NOT NULL UNIQUE REFERENCES journal (sequence),
  reason     TEXT NOT NULL,
  author     TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  lifted     INTEGER REFERENCES quota_change (sequence)
) STRICT, WITHOUT ROWID;
CREATE INDEX quota_stop_in_force ON quota_stop (sequence) WHERE lifted IS NULL;

${heldHeadTable}${settlementTables}${intentIndexes}${reservationTables}${resolutionTables}${settledIndex}`;

/** What version 3 added to version 2. Its checks of a whole quota come with version 4, which makes that table anew. */
const third = `
ALTER TABLE intent ADD COLUMN settles BLOB;
ALTER TABLE quota ADD COLUMN returns INTEGER NOT NULL DEFAULT 0;
ALTER TABLE quota ADD COLUMN retired INTEGER NOT NULL DEFAULT 0;
ALTER TABLE quota ADD COLUMN returned INTEGER NOT NULL DEFAULT 0;
ALTER TABLE quota ADD COLUMN credited INTEGER NOT NULL DEFAULT 0;
${settlementTables}`;

/**
 * The quotas' table is made anew, since SQLite cannot change a check of one, and that of held heads, since it cannot change a key; nothing
 * else of their contents is written. The journal of a head is what it says itself, under a claim that stands at one place in it.
 */
const fourth = `
ALTER TABLE intent ADD COLUMN take_reservation BLOB CHECK (take_reservation IS NULL OR length(take_reservation) = 16);
ALTER TABLE intent ADD COLUMN reserves BLOB;
ALTER TABLE intent ADD COLUMN approve_currency TEXT;
ALTER TABLE intent ADD COLUMN approve_amount INTEGER CHECK (approve_amount > 0);
${quotaTable.replace('TABLE quota', 'TABLE quota_4')}
INSERT INTO quota_4
    (issuer, currency, version, allocated, reserved, issued, frozen, limits, clock_ms, returns, retired, returned, credited)
  SELECT issuer, currency, version, allocated, reserved, issued, frozen, limits, clock_ms, returns, retired, returned, credited
  FROM quota;
DROP TABLE quota;
ALTER TABLE quota_4 RENAME TO quota;
${heldHeadTable.replace('TABLE held_head', 'TABLE held_head_4')}INSERT INTO held_head_4 (role, name, journal, signed, held_ms, contradiction)
  SELECT role, name, substr(signed, instr(signed, X'${journalClaim}') + 6, 16), signed, held_ms, contradiction FROM held_head;
DROP TABLE held_head;
ALTER TABLE held_head_4 RENAME TO held_head;
${intentIndexes}${reservationTables}${resolutionTables}`;

/** What makes this program's version out of `version`, from the oldest on. */
export function upgradeFrom(version: number): string {
  return [third, fourth, settledIndex].slice(version - oldestVersion).join('');
}
