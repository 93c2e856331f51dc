/**
 * A system as several processes on one ledger, from the caller's side: calls are spread over them, and go to another one where one does
 * not answer, stops, or is not to be worked with.
 *
 * The same bytes prefer the same process, so that whoever sends again what was not answered reaches the one that has it. Another one gives
 * the same stored bytes, or `in_progress` where they are not signed yet: ids, quotas and credentials are one for all, so that nothing
 * happens twice wherever it is sent.
 */
import { type Refusal, type Result, refuse } from '../kit/result.ts';
import { statusOf } from './problem-code.ts';

/** Header of an answer: the journal of the process that has given it, where its system has several. */
export const journalHeader = 'ringmint-journal';

/** Where a process of a system listens. */
export interface Endpoint {
  /** Its series; null where the system has one process. */
  readonly series: string | null;
  /** Base address, such as `https://127.0.0.1:7101`. */
  readonly base: string;
}

export interface ProcessesOptions {
  /** Whether a journal (its id, hex) is one whose process is not to be worked with. */
  readonly avoids: (journal: string) => boolean;
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number;
}

/** What a process is told by its answers. */
export interface Heard {
  /** Id of the journal of the process that has answered, hex. */
  journal(id: string): void;
}

export interface Processes {
  /** Calls one of `endpoints` after another, the preferred one first, until one has answered for all of them. */
  callAny<T>(
    endpoints: readonly Endpoint[],
    key: Uint8Array | undefined,
    call: (to: Endpoint, heard: Heard) => Promise<Result<T>>,
  ): Promise<Result<T>>;
}

/** A process that did not answer is asked last for so long. */
const awayMs = 1_000;
/** Bytes of a message that its process is chosen by: those at its end differ, whatever it is. */
const keyBytes = 32;

export function makeProcesses({ avoids, now }: ProcessesOptions): Processes {
  /** By base address: until when it is asked last, and the journal that it had. */
  const away = new Map<string, number>();
  const journals = new Map<string, string>();
  let turn = 0;

  function order(endpoints: readonly Endpoint[], key: Uint8Array | undefined): Endpoint[] {
    const isAway = ({ base }: Endpoint): number => ((away.get(base) ?? 0) > now() ? 1 : 0);
    const weighed = endpoints.map((endpoint, index) => ({
      endpoint,
      // Without a key each call begins with the next one.
      weight: key === undefined ? (index + turn) % endpoints.length : weightOf(key, endpoint),
    }));
    turn = (turn + 1) % endpoints.length;
    return weighed
      .sort((a, b) => isAway(a.endpoint) - isAway(b.endpoint) || a.weight - b.weight)
      .map(({ endpoint }) => endpoint);
  }

  function isAvoided({ base }: Endpoint): boolean {
    const journal = journals.get(base);
    return journal !== undefined && avoids(journal);
  }

  return {
    async callAny(endpoints, key, call) {
      let waiting: Refusal | undefined;
      let first: Refusal | undefined;
      for (const endpoint of order(endpoints, key)) {
        const { base } = endpoint;
        const answer = isAvoided(endpoint)
          ? refuseForked(endpoint)
          : await call(endpoint, { journal: (id) => void journals.set(base, id) });
        // What a process says whose journal is found forked only now, is not believed either.
        if (answer.ok && isAvoided(endpoint)) first ??= refuseForked(endpoint);
        else if (answer.ok || !isOfProcess(answer)) {
          away.delete(base);
          return answer;
        } else if (answer.code === 'in_progress') waiting = answer;
        else {
          away.set(base, now() + awayMs);
          first ??= answer;
        }
      }
      // That one of them has it is more than that another one is away.
      return waiting ?? first ?? refuse('peer_unavailable', 'no process of the system has an address');
    },
  };
}

/** Whether another process may answer otherwise: what is said of quotas, records and stops is the same everywhere. */
function isOfProcess({ code }: Refusal): boolean {
  if (code === 'issuance_stopped') return false;
  const status = statusOf(code);
  return code === 'peer_unavailable' || status === 503 || status === 429;
}

function refuseForked({ series }: Endpoint): Refusal {
  return refuse(
    'journal_forked',
    `process \`${series ?? ''}\` has signed journal heads that no one journal has: nothing of it is worked with (docs/OPERATIONS.md, Witnesses)`,
  );
}

/** Rendezvous hashing, by FNV-1a: where a process is added or taken out, only what it is to have moves. */
function weightOf(key: Uint8Array, { series, base }: Endpoint): number {
  let hash = 0x811c9dc5;
  const mix = (byte: number): void => {
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  };
  for (const byte of new TextEncoder().encode(series ?? base)) mix(byte);
  for (const byte of key.subarray(-keyBytes)) mix(byte);
  // The last bytes have not reached the high bits yet.
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) >>> 0;
  return (hash ^ (hash >>> 13)) >>> 0;
}
