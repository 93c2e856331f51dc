/**
 * A client's link to a device: finds the process that serves the folder or starts one, and carries jobs to it in their order, also over the loss of a
 * connection or of the process. A job that may be done twice is then done once more; of another nobody knows whether it was done: `device_lost`.
 */
import { connectDevice, type DeviceConnection } from './connection.ts';
import { DeviceChild } from './device-child.ts';
import { DeviceError } from './device-error.ts';

export interface Job<T> {
  /** Runs with nothing else in flight. */
  readonly alone: boolean;
  /** Runs on a connection that was just made, and that `resume` was not called for: what its hello says is so now. */
  readonly fresh: boolean;
  readonly twice: boolean;
  readonly run: (connection: DeviceConnection) => Promise<T>;
}

export interface LinkOptions {
  readonly folder: string;
  readonly timeoutMs: number;
  /** Called for each new connection before any job has it. */
  readonly resume: (connection: DeviceConnection) => Promise<void>;
}

interface Entry {
  readonly alone: boolean;
  readonly fresh: boolean;
  again: boolean;
  /** Sends it; gives whether it is settled, or has to be sent once more. */
  readonly start: (connection: DeviceConnection) => Promise<'settled' | 'lost'>;
  readonly fail: (error: DeviceError) => void;
  over: boolean;
}

/** What starting a process and booting may take on a host that is busy. */
const startLimitMs = 30_000;
/** How long a device that has all its connections is asked again. */
const crowdMs = 500;

export class DeviceLink {
  private readonly options: LinkOptions;
  private readonly queue: Entry[] = [];
  /** Those that were in flight when the connection was lost. */
  private readonly lost: Entry[] = [];
  private readonly inFlight = new Set<Entry>();
  private connection: DeviceConnection | undefined;
  /** Whether any job was given the connection. */
  private used = false;
  private child: DeviceChild | undefined;
  private opening = false;
  private closing: Promise<void> | undefined;
  private drained: (() => void) | undefined;

  constructor(options: LinkOptions) {
    this.options = options;
  }

  /** Resolves when a device is there; throws where none can be had. */
  async start(): Promise<void> {
    try {
      const nothing = { alone: true, fresh: false, twice: true, run: async () => undefined };
      await this.submit(nothing, Math.max(startLimitMs, this.options.timeoutMs));
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** Of the device's process, where this client started it. */
  get processId(): number | undefined {
    return this.child?.running === true ? this.child.processId : undefined;
  }

  submit<T>({ alone, fresh, twice, run }: Job<T>, timeoutMs = this.options.timeoutMs): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.closing !== undefined) {
        reject(new DeviceError('device_lost', 'this program has closed the device'));
        return;
      }
      const settle = (then: () => void): void => {
        if (entry.over) return;
        entry.over = true;
        clearTimeout(timer);
        then();
      };
      const entry: Entry = {
        alone,
        fresh,
        again: twice,
        over: false,
        start: async (connection) => {
          try {
            const value = await run(connection);
            settle(() => resolve(value));
          } catch (error) {
            if (entry.again && !entry.over && !connection.usable && isLoss(error)) return 'lost';
            settle(() => reject(error as Error));
          }
          return 'settled';
        },
        fail: (error) => settle(() => reject(error)),
      };
      const timer = setTimeout(() => {
        entry.fail(new DeviceError('device_busy', `the device did not answer within ${timeoutMs} ms`));
        this.pump();
      }, timeoutMs);
      this.queue.push(entry);
      this.pump();
    });
  }

  /** Lets what was submitted end, then ends the connection, and the process where this client started it. */
  close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  private async end(): Promise<void> {
    // Every job has a deadline, so that this ends.
    if (!this.idle) await new Promise<void>((resolve) => (this.drained = resolve));
    this.connection?.close();
    await this.child?.end();
  }

  private get idle(): boolean {
    return (
      !this.opening &&
      [this.queue, this.lost, [...this.inFlight]].every((entries) => entries.every(({ over }) => over))
    );
  }

  /** Sends what can be sent. */
  private pump(): void {
    for (;;) {
      if (this.opening) return;
      const list = this.lost.length > 0 ? this.lost : this.queue;
      const [entry] = list;
      if (entry === undefined) break;
      if (entry.over) {
        list.shift();
        continue;
      }
      const { connection, inFlight } = this;
      if (connection === undefined || !connection.usable) {
        // What is in flight hears of the loss first, and comes before what has waited.
        if (inFlight.size === 0) void this.open(entry.fresh);
        return;
      }
      if (inFlight.size > 0 && (entry.alone || this.isAlone)) return;
      if (entry.fresh && this.used) {
        this.connection = undefined;
        connection.close();
        continue;
      }
      list.shift();
      this.used = true;
      this.send(entry, connection);
    }
    if (this.idle) this.drained?.();
  }

  private get isAlone(): boolean {
    for (const { alone } of this.inFlight) if (alone) return true;
    return false;
  }

  private send(entry: Entry, connection: DeviceConnection): void {
    this.inFlight.add(entry);
    void entry.start(connection).then((end) => {
      this.inFlight.delete(entry);
      if (end === 'lost') {
        entry.again = false;
        this.lost.push(entry);
      }
      this.pump();
    });
  }

  private async open(fresh: boolean): Promise<void> {
    this.opening = true;
    try {
      await this.reach(fresh);
    } catch (error) {
      const cause =
        error instanceof DeviceError
          ? error
          : new DeviceError(
              'device_lost',
              `the device was lost: ${error instanceof Error ? error.message : 'unknown'}`,
            );
      for (const entry of [...this.lost.splice(0), ...this.queue.splice(0)]) entry.fail(cause);
    } finally {
      this.opening = false;
    }
    this.pump();
  }

  private async reach(fresh: boolean): Promise<void> {
    for (let left = 2; ; left--) {
      const connection = await this.connect();
      connection.onLost = () => this.pump();
      this.connection = connection;
      this.used = !fresh;
      if (fresh) return;
      try {
        await this.options.resume(connection);
        return;
      } catch (error) {
        // Killed once more as it logged in.
        if (left === 0 || connection.usable) throw error;
      }
    }
  }

  private async connect(): Promise<DeviceConnection> {
    const { folder, timeoutMs } = this.options;
    const startedMs = performance.now();
    for (;;) {
      const connection = await connectDevice(folder, timeoutMs).catch((error: DeviceError) => error);
      if (connection instanceof DeviceError) {
        // One that was just closed, such as this client's own, may still count.
        if (connection.code !== 'too_many_connections' || performance.now() - startedMs > crowdMs)
          throw connection;
        await new Promise((resolve) => setTimeout(resolve, 20));
        continue;
      }
      if (connection !== undefined) return connection;
      // One that runs and cannot be reached is of no use, such as one whose socket was removed.
      await this.child?.end();
      this.child = new DeviceChild(folder);
      const failure = await this.started(this.child);
      if (failure === undefined) continue;
      await this.child.end();
      // Somebody else was quicker, and serves soon; or has just ended, and lets go of it.
      if (failure.code !== 'device_in_use' || performance.now() - startedMs > timeoutMs) throw failure;
      await new Promise((resolve) => setTimeout(resolve, 5 + 20 * Math.random()));
    }
  }

  private async started(child: DeviceChild): Promise<DeviceError | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<DeviceError>((resolve) => {
      timer = setTimeout(
        () => resolve(new DeviceError('device_lost', `the device did not start within ${startLimitMs} ms`)),
        startLimitMs,
      );
    });
    const ready = child.ready.then(
      () => undefined,
      (error: DeviceError) => error,
    );
    const outcome = await Promise.race([ready, late]);
    clearTimeout(timer);
    return outcome;
  }
}

function isLoss(error: unknown): boolean {
  return error instanceof DeviceError && error.code === 'device_lost';
}
