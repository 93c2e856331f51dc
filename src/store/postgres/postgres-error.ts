/** PostgreSQL's SQLSTATEs (PostgreSQL documentation, appendix A) and the driver's own codes as the store's. */
import { StoreError, type StoreErrorCode } from '../store.ts';

/** The connection is gone: what was not committed is undone by the server, what was being committed is not known. */
export function isLost(error: unknown): boolean {
  const code = codeOf(error);
  return /^(?:CONNECTION_|CONNECT_TIMEOUT|E[A-Z]+$|08|57P)/.test(code);
}

/** Another transaction was in the way: the same again, from the start, comes out right. */
export function isRetryable(error: unknown): boolean {
  // serialization_failure, deadlock_detected, unique_violation of what another series has just committed.
  const code = codeOf(error);
  return (
    code === '40001' || code === '40P01' || (code === '23505' && constraintOf(error) !== 'intent_serial')
  );
}

export function asStoreError(error: unknown, shown: string): unknown {
  if (error instanceof StoreError) return error;
  const code = codeOf(error);
  if (code === '') return error;
  const { code: storeCode, hint } = classify(code, error);
  return new StoreError(storeCode, `\`${shown}\`: ${hint} (${code}: ${(error as Error).message})`);
}

/** By SQLSTATE or driver code; a class (the first two characters) where the code itself is not there. */
const table: Readonly<Record<string, { readonly code: StoreErrorCode; readonly hint: string }>> = {
  '28': {
    code: 'store_denied',
    hint: 'the server refuses the user or the password: correct the address in its file',
  },
  '42501': {
    code: 'store_denied',
    hint: 'the user lacks a right: the ledger needs a database whose owner it is',
  },
  '3D000': { code: 'store_missing', hint: 'there is no such database: make it with createdb, or restore it' },
  '53300': {
    code: 'store_busy',
    hint: 'the server has no connection left: raise max_connections, or stop what holds them',
  },
  '53100': {
    code: 'store_full',
    hint: 'the disk of the server is full; nothing was written: free some space, then send the same again',
  },
  '53': {
    code: 'store_busy',
    hint: 'the server is out of resources; nothing was written: send the same again later',
  },
  '55P03': {
    code: 'store_busy',
    hint: 'another process holds the quota for too long; nothing was written: send the same again',
  },
  '57014': {
    code: 'store_busy',
    hint: 'the server stopped the statement; nothing was written: send the same again',
  },
  '40': {
    code: 'store_busy',
    hint: 'other processes were in the way each time; nothing was written: send the same again',
  },
  '25006': {
    code: 'store_read_only',
    hint: 'the server takes no writes: it is a standby, or read-only; name the primary',
  },
  '25P03': {
    code: 'store_unreachable',
    hint: 'this process stood still inside a transaction, so the server undid it: send the same again',
  },
  '57P': {
    code: 'store_unreachable',
    hint: 'the server is stopping or starting: send the same again when it is up',
  },
  '08': { code: 'store_unreachable', hint: 'the connection was lost: send the same again' },
  '23': {
    code: 'store_corrupt',
    hint: 'the database holds what it should not: restore a backup, and compare its journal with the heads that the other systems hold',
  },
  XX: {
    code: 'store_corrupt',
    hint: 'the database is damaged: restore a backup, and compare its journal with the heads that the other systems hold',
  },
  '58': { code: 'store_io', hint: 'the server cannot read or write its disk; nothing was decided' },
};

function classify(code: string, error: unknown): { code: StoreErrorCode; hint: string } {
  if (code === '23505' && constraintOf(error) === 'intent_serial')
    return {
      code: 'epoch_in_use',
      hint: 'a serial of this epoch is used by another record; nothing was written: each process needs an `epoch` of its own in its config.json',
    };
  const known = table[code] ?? table[code.slice(0, 3)] ?? table[code.slice(0, 2)];
  if (known !== undefined) return known;
  if (isLost(error))
    return {
      code: 'store_unreachable',
      hint: 'the server does not answer: is it running, and is the address right? send the same again when it is',
    };
  return { code: 'store_io', hint: 'the database cannot be read or written; nothing was decided' };
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
}

function constraintOf(error: unknown): unknown {
  return (error as { constraint_name?: unknown }).constraint_name;
}
