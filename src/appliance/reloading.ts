/**
 * A role that serves, and opens everything anew when the trust bundle changes: that is how a rotated or a revoked key reaches a running
 * system. What is under way is finished first; who asks in between is told that nobody answers, and asks again.
 */
import { unwatchFile, watchFile } from 'node:fs';
import { describeFault } from './fault.ts';
import { homeAt } from './home.ts';
import { type ServeOptions, type ServingRole, serve } from './serving.ts';

const pollEveryMs = 1_000;

export interface ReloadingOptions extends Omit<ServeOptions, 'endpoints'> {
  readonly endpoints: () => Promise<ServeOptions['endpoints']>;
  /** Resolves when the role is to end. */
  readonly stopped: Promise<void>;
  /** Told once, when it serves for the first time. */
  readonly ready: (serving: ServingRole) => void;
  /** Told each time when a witness has answered, and the role signs. */
  readonly witnessed: () => void;
}

/** Serves until `stopped`. Throws what keeps the role from being started; later on it waits for a bundle with which it can be, and throws what a witness has proven. */
export async function serveReloading(options: ReloadingOptions): Promise<void> {
  const { role, stopped, ready, witnessed, report } = options;
  const change = new BundleWatch(homeAt(options.home).trustBundle);
  let { port } = options;
  let started = false;
  try {
    for (let ended = false; !ended; ) {
      const changed = change.next();
      const serving = await serve({
        ...options,
        endpoints: await options.endpoints(),
        ...(port === undefined ? {} : { port }),
      }).catch((error: unknown) => {
        const fault = describeFault(error);
        if (!started || fault === undefined) throw error;
        report(
          `${role} cannot serve with this trust bundle, and waits for the next: ${fault.message} [${fault.code}]`,
        );
      });
      if (serving !== undefined) {
        // The others know it by this port.
        port = Number(new URL(serving.url).port);
        void serving.witnessed.then(witnessed);
        if (started) report(`${role} serves with the new trust bundle`);
        else ready(serving);
        started = true;
      }
      try {
        ended = await Promise.race([
          stopped.then(() => true),
          changed.then(() => false),
          ...(serving === undefined ? [] : [serving.halted.then(throwError)]),
        ]);
      } finally {
        await serving?.close();
      }
    }
  } finally {
    change.close();
  }
}

function throwError(error: Error): never {
  throw error;
}

/** Polls the file: it is replaced by a rename, and may lie on a file system that tells nobody. */
class BundleWatch {
  private readonly path: string;
  private readonly onChange = (): void => {
    this.changed();
  };
  private changed: () => void = () => undefined;
  private waiting: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.path = path;
    this.arm();
    watchFile(path, { interval: pollEveryMs }, this.onChange);
  }

  /** Resolves at the first change after the last call of this. */
  next(): Promise<void> {
    this.arm();
    return this.waiting;
  }

  close(): void {
    unwatchFile(this.path, this.onChange);
  }

  private arm(): void {
    this.waiting = new Promise((resolve) => {
      this.changed = resolve;
    });
  }
}
