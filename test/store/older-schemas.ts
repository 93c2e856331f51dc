/**
 * The SQLite schemas of versions 2, 3 and 4, as the programs of commits 562a3f2, c24e086 and 56ebf42 made them: never changed, so that what is
 * brought up is what was made. The digests of the older ledgers are of their text too.
 */
import { assert } from '../../src/kit/result.ts';

const second = `
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

CREATE TABLE quota (
  issuer    TEXT NOT NULL,
  currency  TEXT NOT NULL,
  version   INTEGER NOT NULL CHECK (version >= 1),
  allocated INTEGER NOT NULL CHECK (allocated >= 0),
  reserved  INTEGER NOT NULL CHECK (reserved >= 0),
  issued    INTEGER NOT NULL CHECK (issued >= 0),
  frozen    INTEGER NOT NULL CHECK (frozen IN (0, 1)),
  limits    BLOB NOT NULL,
  clock_ms  INTEGER NOT NULL,
  PRIMARY KEY (issuer, currency),
  CHECK (reserved + issued <= allocated)
) STRICT;

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

-- Of each other system's journal the highest head that was shown, as it was signed; with it the first one that contradicts it.
CREATE TABLE held_head (
  role          TEXT NOT NULL,
  name          TEXT NOT NULL,
  signed        BLOB NOT NULL,
  held_ms       INTEGER NOT NULL,
  contradiction BLOB,
  PRIMARY KEY (role, name)
) STRICT, WITHOUT ROWID;
`;

const third = edited(second, [
  [
    '  take_ms      INTEGER,\n',
    `  -- See src/store/settlement.ts.
  settles      BLOB,
`,
  ],
  [
    '  clock_ms  INTEGER NOT NULL,\n',
    `  -- Whether what is retired for good comes back.
  returns   INTEGER NOT NULL CHECK (returns IN (0, 1)),
  -- Of what is issued: gone for good; of that, what came back; in accounts.
  retired   INTEGER NOT NULL DEFAULT 0 CHECK (retired >= 0),
  returned  INTEGER NOT NULL DEFAULT 0 CHECK (returned BETWEEN 0 AND retired),
  credited  INTEGER NOT NULL DEFAULT 0 CHECK (credited >= 0),
`,
  ],
  [
    '  CHECK (reserved + issued',
    ` - returned <= allocated),
  CHECK (retired + credited <= issued)`,
    ' <= allocated)',
  ],
]).concat(`
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
`);

const fourth = edited(third, [
  [
    '  settles      BLOB,\n',
    `  -- Of a take: the reservation that it is of.
  take_reservation BLOB CHECK (take_reservation IS NULL OR length(take_reservation) = 16),
  -- See src/store/reservation.ts.
  reserves     BLOB,
  -- What central management approved by it.
  approve_currency TEXT,
  approve_amount INTEGER CHECK (approve_amount > 0),
`,
  ],
  [
    '  credited  INTEGER NOT NULL DEFAULT 0 CHECK (credited >= 0),\n',
    `  -- What is left of the reservations that are open.
  held      INTEGER NOT NULL DEFAULT 0 CHECK (held >= 0),
  -- Of what is issued: never was, and never will be. Only central management's account has it.
  voided    INTEGER NOT NULL DEFAULT 0 CHECK (voided BETWEEN 0 AND issued),
`,
  ],
  ['  CHECK (reserved + ', 'held + issued - voided', 'issued'],
  ['-- Of each ', 'journal of each other system the', "other system's journal the"],
  ['  name          TEXT NOT NULL,\n', '  journal       BLOB NOT NULL CHECK (length(journal) = 16),\n'],
  ['  PRIMARY KEY (role, name', ', journal'],
]).concat(`
CREATE INDEX intent_reserves ON intent (sequence) WHERE reserves IS NOT NULL;
CREATE INDEX intent_approves ON intent (issuer, approve_currency) WHERE approve_amount IS NOT NULL;

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

-- Of central management's account: requests of which the other two have said how much was issued, and what was freed by that.
CREATE TABLE resolution (
  id       BLOB PRIMARY KEY CHECK (length(id) = 16),
  sequence INTEGER NOT NULL UNIQUE REFERENCES journal (sequence),
  issuer   TEXT NOT NULL,
  currency TEXT NOT NULL,
  freed    INTEGER NOT NULL CHECK (freed >= 0),
  FOREIGN KEY (issuer, currency) REFERENCES quota (issuer, currency)
) STRICT, WITHOUT ROWID;
`);

export const olderSchemas = { 2: second, 3: third, 4: fourth } as const;

/** Each edit: what stands once in the text, what follows it from now on, and what followed it before that is gone. */
function edited(text: string, edits: readonly (readonly [string, string, string?])[]): string {
  return edits.reduce((sql, [place, added, gone = '']) => {
    const parts = sql.split(place + gone);
    assert(parts.length === 2, `${place} stands once in the schema before`);
    return parts.join(place + added);
  }, text);
}
