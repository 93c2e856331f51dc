/**
 * The PostgreSQL schema: the tables of SQLite's, with a series in the journal's key. The migrations below make it, step by step;
 * a step that has been released is never changed.
 */

/** Taken while a database is opened and migrated, so that two processes do not do it at once: "RGMT". */
export const migrationLock = 0x52474d54;
/** The first half of a series' advisory lock; the second is the series' number. */
export const seriesLock = 0x52474d53;

const first = `
CREATE TABLE store (
  one     boolean PRIMARY KEY CHECK (one),
  role    text NOT NULL,
  version integer NOT NULL,
  -- Set where the store was moved to another database: it is not served again.
  moved_to text
);

CREATE TABLE series (
  number  integer PRIMARY KEY CHECK (number > 0),
  name    text NOT NULL UNIQUE,
  id      bytea NOT NULL UNIQUE CHECK (length(id) = 16)
);

-- Append-only: the triggers keep a bug here from rewriting history; the hash chain tells of the rest.
CREATE TABLE journal (
  series   integer NOT NULL REFERENCES series (number),
  sequence bigint NOT NULL CHECK (sequence > 0),
  bytes    bytea NOT NULL,
  hash     bytea NOT NULL CHECK (length(hash) = 32),
  PRIMARY KEY (series, sequence)
);
CREATE FUNCTION keep_journal() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN RAISE EXCEPTION 'the journal is append-only'; END $$;
CREATE TRIGGER journal_keep BEFORE UPDATE OR DELETE OR TRUNCATE ON journal
  FOR EACH STATEMENT EXECUTE FUNCTION keep_journal();

CREATE TABLE intent (
  kind         text NOT NULL,
  id           bytea NOT NULL CHECK (length(id) = 16),
  issuer       text NOT NULL,
  body_hash    bytea NOT NULL CHECK (length(body_hash) = 32),
  series       integer NOT NULL,
  sequence     bigint NOT NULL,
  created_ms   bigint NOT NULL,
  context      bytea NOT NULL,
  to_be_signed bytea NOT NULL,
  signed       bytea,
  epoch        bigint,
  serial       bigint CHECK (serial > 0),
  orders       bytea,
  spends       bytea UNIQUE CHECK (length(spends) = 16),
  take_currency text,
  take_amount  bigint CHECK (take_amount > 0),
  take_day     text,
  PRIMARY KEY (kind, id),
  UNIQUE (series, sequence),
  FOREIGN KEY (series, sequence) REFERENCES journal (series, sequence)
);
CREATE UNIQUE INDEX intent_serial ON intent (epoch, serial) WHERE serial IS NOT NULL;
CREATE INDEX intent_unsigned ON intent (series, sequence) WHERE signed IS NULL;
CREATE INDEX intent_recent ON intent (kind, issuer, created_ms);

-- Found by id when a caller asks again; intent.orders, which the journal has, is the same once more.
CREATE TABLE caller_order (
  id        bytea PRIMARY KEY CHECK (length(id) = 16),
  body_hash bytea NOT NULL CHECK (length(body_hash) = 32),
  intent_id bytea NOT NULL,
  position  bigint NOT NULL CHECK (position >= 0)
);

-- Rows that are written again and again: room in each page lets PostgreSQL do it in place (HOT).
CREATE TABLE quota (
  issuer    text COLLATE "C" NOT NULL,
  currency  text COLLATE "C" NOT NULL,
  allocated bigint NOT NULL CHECK (allocated >= 0),
  reserved  bigint NOT NULL CHECK (reserved >= 0),
  issued    bigint NOT NULL CHECK (issued >= 0),
  day_limit bigint NOT NULL CHECK (day_limit >= 0),
  PRIMARY KEY (issuer, currency),
  CHECK (reserved + issued <= allocated)
) WITH (fillfactor = 50);

CREATE TABLE quota_day (
  issuer   text COLLATE "C" NOT NULL,
  currency text COLLATE "C" NOT NULL,
  day      text COLLATE "C" NOT NULL,
  used     bigint NOT NULL CHECK (used >= 0),
  PRIMARY KEY (issuer, currency, day),
  FOREIGN KEY (issuer, currency) REFERENCES quota (issuer, currency)
) WITH (fillfactor = 50);
`;

/** Step n makes version n out of version n - 1. */
export const migrations: readonly string[] = [first];
