import type { JournalHead } from './chain.ts';

/** The journal's head outside the database. */
export interface Anchor {
  /** What is anchored; undefined where nothing was ever. */
  read(): Promise<JournalHead | undefined>;
  advance(from: JournalHead | undefined, to: JournalHead): Promise<void>;
}
