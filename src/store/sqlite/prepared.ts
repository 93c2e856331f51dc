/** The SQL of a database, by names. */
import type Database from 'better-sqlite3';

export type Prepared<Sql> = { readonly [Name in keyof Sql]: Database.Statement };

/** Each is prepared once, when it is first used: whoever opens a ledger needs few of them. */
export function prepareWhenUsed<Sql extends Readonly<Record<string, string>>>(
  db: Database.Database,
  sql: Sql,
): Prepared<Sql> {
  const statements = {};
  for (const [name, text] of Object.entries(sql))
    Object.defineProperty(statements, name, {
      configurable: true,
      get() {
        const value = db.prepare(text);
        Object.defineProperty(statements, name, { value });
        return value;
      },
    });
  return statements as Prepared<Sql>;
}
