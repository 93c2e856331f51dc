/**
 * A sweep of scheduled faults over a signer: several tokens at once, each behind a fault shim with a plan of its
 * own, drawn from one seed, and under load until the plans are over.
 *
 * What has to hold after every fault, whatever it was:
 *
 * - each request (an intent) ends once: with one signature or with one SignerError that has a known code;
 * - each signature that is given out is right, by node:crypto under the key that the token was made with, and
 *   is given out once;
 * - nothing is rejected without being heard; every request ends soon after its deadline;
 * - when the plan is over the signer signs again, and when it is closed none of its processes is left.
 */
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { TokenDirectory } from '../../hsm/token-directory.ts';
import { Dice } from '../vm/random-program.ts';
import { countCalls, drawPlan, kindOf } from './fault-plan.ts';
import { FaultShim, type LoggedCall } from './fault-shim.ts';
import { eventually, isRunning, isValid, messageOf, provision, softhsm } from './temporary-token.ts';

/** All that the sweep knows of a signer. */
export interface SweptSigner {
  sign(message: Uint8Array): Promise<Uint8Array>;
  /** May be called again when it is closed. */
  close(): Promise<void>;
}

/** Makes a signer with the key `signing` of a token, through `module` instead of the token's own. */
export type SignerMaker = (token: TokenDirectory, module: string, timeoutMs: number) => Promise<SweptSigner>;

export interface SweepOptions {
  readonly seed: number;
  /** Faults that have to happen, over all tokens. */
  readonly faults: number;
  /** Tokens, each with a signer, at once. */
  readonly lanes: number;
  readonly folder: string;
  readonly makeSigner: SignerMaker;
  /** Every code that a SignerError may have here. */
  readonly codes: ReadonlySet<string>;
  /** What a request may take. */
  readonly timeoutMs: number;
  readonly openingsHang: boolean;
  /** Whether a signature is right; ES256 where none is given. */
  readonly isRight?: (point: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean;
}

export interface SweepReport {
  readonly scheduled: number;
  readonly fired: number;
  readonly requests: number;
  /** Requests that ended right, or with an error of a code. */
  readonly outcomes: ReadonlyMap<string, number>;
  /** Fault kind to outcome to how often. */
  readonly table: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** What did not hold, with the seed's place; empty where all did. */
  readonly violations: readonly string[];
  readonly processes: number;
  readonly slowestMs: number;
  /** From the end of a plan to the first right signature, the longest. */
  readonly recoveryMs: number;
  /** Requests that failed after their plan was over and a signature had been right again: sessions that were left spoilt. */
  readonly lateFailures: number;
  /** Intents that the token signed more than once inside, of which one signature at most was given out. */
  readonly signedAgain: number;
}

const otherKey = 'other';
const keys = [
  { label: 'signing', kind: 'signing' },
  { label: otherKey, kind: 'signing' },
] as const;
/** On a busy machine a deadline is seen late. */
const graceMs = 5_000;
/** More than an opening that hangs may cost, with the pause after it. */
const stuckMs = 60_000;
/** A broken signer fails again and again: the first failures say it. */
const violationLimit = 20;

class Sweep {
  readonly violations: string[] = [];
  readonly outcomes = new Map<string, number>();
  readonly table = new Map<string, Map<string, number>>();
  readonly released = new Set<string>();
  readonly options: SweepOptions;
  scheduled = 0;
  fired = 0;
  requests = 0;
  processes = 0;
  slowestMs = 0;
  recoveryMs = 0;
  lateFailures = 0;
  signedAgain = 0;

  constructor(options: SweepOptions) {
    this.options = options;
  }

  count(kind: string, outcome: string): void {
    const row = this.table.get(kind) ?? new Map<string, number>();
    row.set(outcome, (row.get(outcome) ?? 0) + 1);
    this.table.set(kind, row);
  }
}

/** Runs a sweep to its end. Throws only where it cannot be run: what did not hold is in `violations`. */
export async function sweep(options: SweepOptions): Promise<SweepReport> {
  const state = new Sweep(options);
  const note = (reason: unknown) => state.violations.push(`a rejection that nobody heard: ${String(reason)}`);
  const signers: SweptSigner[] = [];
  process.on('unhandledRejection', note);
  try {
    const original = join(options.folder, 'token');
    await provision(original, keys, 'swept');
    const lanes: Lane[] = [];
    for (let number = 0; number < options.lanes; number++) {
      const folder = join(options.folder, `lane ${number}`);
      mkdirSync(folder);
      cpSync(original, join(folder, 'token'), { recursive: true });
      // The copy's own configuration is written; its key is the original's.
      const directory = await provision(join(folder, 'token'), keys, 'swept');
      const shim = new FaultShim(join(folder, 'shim'), softhsm);
      // One after the other: this opening has no fault, and a busy machine must not look like one.
      const signer = await options.makeSigner(directory, shim.module, options.timeoutMs);
      signers.push(signer);
      lanes.push(new Lane(state, number, shim, signer, directory.points.get('signing') ?? new Uint8Array()));
    }
    await Promise.all(lanes.map((lane) => lane.run()));
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    // Each lane closes its own; these are left where another one could not be opened.
    await Promise.all(signers.map((signer) => signer.close()));
    process.off('unhandledRejection', note);
  }
  return state;
}

class Lane {
  private readonly state: Sweep;
  private readonly name: string;
  private readonly dice: Dice;
  private readonly shim: FaultShim;
  private readonly signer: SweptSigner;
  private readonly point: Uint8Array;
  private readonly processes = new Set<number>();
  /** Faults that happened, by function and count: a call that waits is logged twice. */
  private readonly seen = new Set<string>();
  private readonly signedInside = new Map<string, number>();
  private intents = 0;
  /** When there last was both a right signature and a fault since the time before. */
  private progressMs = 0;
  private hasSigned = false;
  private hasFailed = false;

  constructor(state: Sweep, number: number, shim: FaultShim, signer: SweptSigner, point: Uint8Array) {
    this.state = state;
    this.name = `lane ${number}`;
    this.dice = new Dice(state.options.seed * 1_000 + number);
    this.shim = shim;
    this.signer = signer;
    this.point = point;
  }

  async run(): Promise<void> {
    const { signer } = this;
    const { openingsHang, faults, lanes } = this.state.options;
    try {
      const opening = countCalls(this.read().calls);
      const plan = drawPlan({
        dice: this.dice,
        before: opening,
        opening,
        // Every second call of C_Sign has a fault, some of which never come up, and no lane does just its share.
        signatures: Math.ceil((4 * faults) / lanes),
        otherKey,
        openingsHang,
      });
      this.state.scheduled += plan.length;
      this.shim.plan(plan);
      this.progressMs = performance.now();
      while (this.state.fired < this.state.options.faults && !this.isStuck()) await this.round(signer);
      this.shim.plan([]);
      await this.recover(signer);
    } finally {
      await signer.close();
    }
    this.read();
    for (const times of this.signedInside.values()) if (times > 1) this.state.signedAgain++;
    this.state.processes += this.processes.size;
    for (const id of this.processes) {
      await eventually(async () => !(await isRunning(id))).catch(() =>
        this.violate(`the signer is closed, and its process ${id} is left`),
      );
    }
  }

  /** A signer that has given up for good, or a plan without a fault left, would let a round follow a round for ever. */
  private isStuck(): boolean {
    const ms = performance.now() - this.progressMs;
    if (ms < stuckMs) return false;
    this.violate(`for ${Math.round(ms / 1_000)} s, nothing was signed or no fault came up`);
    return true;
  }

  /** Some requests at once, and what the faults that came in between made of them. */
  private async round(signer: SweptSigner): Promise<void> {
    const width = this.dice.pick([1, 1, 1, 1, 2, 4, 8]);
    const messages = Array.from({ length: width }, () => this.nextIntent());
    const outcomes = await Promise.all(messages.map((message) => this.request(signer, message)));
    const { faults } = this.read();
    this.attribute(messages, outcomes, faults);
    if (outcomes.includes('right')) this.hasSigned = true;
    if (faults.length > 0) this.hasFailed = true;
    if (this.hasSigned && this.hasFailed) {
      this.progressMs = performance.now();
      this.hasSigned = false;
      this.hasFailed = false;
    }
    // As a caller would: what failed is sent again a little later.
    if (outcomes.some((outcome) => outcome !== 'right')) await rest(20);
  }

  /** Enters each fault into the table with what became of the request that met it. */
  private attribute(
    messages: readonly Uint8Array[],
    outcomes: readonly string[],
    faults: LoggedCall[],
  ): void {
    // C_Sign's data is the message or its digest. The other calls do not say for whom they are made: their faults go to
    // the first failure that no fault of C_Sign explains.
    const byData = new Map<string, number>();
    for (const [index, message] of messages.entries()) {
      byData.set(prefixOf(message), index);
      byData.set(prefixOf(createHash('sha256').update(message).digest()), index);
    }
    const indexOf = (call: LoggedCall) => (call.data === undefined ? undefined : byData.get(call.data));
    const explained = new Set(faults.map(indexOf));
    const rest = outcomes.filter((_, index) => messages.length === 1 || !explained.has(index));
    const other = rest.find((outcome) => outcome !== 'right') ?? 'right';
    for (const call of faults) this.state.count(kindOf(call), outcomes[indexOf(call) ?? -1] ?? other);
    // Most of these are refused in the pause after a failure; a signer_timeout among them wants an explanation.
    if (faults.length === 0 && other !== 'right') this.state.count('(none)', other);
  }

  private nextIntent(): Uint8Array {
    return messageOf(`${this.state.options.seed} ${this.name} ${++this.intents}`);
  }

  /** Makes one request and checks its end; `right`, or the error's code. */
  private async request(signer: SweptSigner, message: Uint8Array): Promise<string> {
    const { state } = this;
    const intent = `intent ${prefixOf(message)}`;
    const startedMs = performance.now();
    let ends = 0;
    state.requests++;
    const outcome = await signer.sign(message).then(
      (signature) => {
        ends++;
        return this.judge(intent, message, signature);
      },
      (error: unknown) => {
        ends++;
        return this.codeOf(intent, error);
      },
    );
    const tookMs = performance.now() - startedMs;
    state.slowestMs = Math.max(state.slowestMs, tookMs);
    if (tookMs > state.options.timeoutMs + graceMs)
      this.violate(
        `${intent} took ${Math.round(tookMs)} ms, and its deadline was ${state.options.timeoutMs}`,
      );
    if (ends !== 1) this.violate(`${intent} ended ${ends} times`);
    state.outcomes.set(outcome, (state.outcomes.get(outcome) ?? 0) + 1);
    return outcome;
  }

  private judge(intent: string, message: Uint8Array, signature: Uint8Array): string {
    const isRight = this.state.options.isRight ?? isValid;
    if (!isRight(this.point, message, signature)) {
      this.violate(`${intent} was given a wrong signature`);
      return 'WRONG';
    }
    const text = Buffer.from(signature).toString('hex');
    if (this.state.released.has(text)) this.violate(`${intent} was given a signature that was given before`);
    this.state.released.add(text);
    return 'right';
  }

  private codeOf(intent: string, error: unknown): string {
    const code =
      error instanceof Error && error.name === 'SignerError' && 'code' in error ? error.code : undefined;
    if (typeof code === 'string' && this.state.options.codes.has(code)) return code;
    this.violate(
      `${intent} failed with what is no SignerError of a known code: ${String(error)} (${String(code)})`,
    );
    return 'UNKNOWN';
  }

  /** With the plan over, the signer has to sign again, and soon all that it is asked. */
  private async recover(signer: SweptSigner): Promise<void> {
    const { state } = this;
    const startedMs = performance.now();
    const signs = async (width: number) => {
      const requests = Array.from({ length: width }, () => this.request(signer, this.nextIntent()));
      const failures = (await Promise.all(requests)).filter((outcome) => outcome !== 'right').length;
      // What began in the plan may still be at work: a process that hangs, a pause.
      for (const call of this.read().faults) state.count(kindOf(call), failures === 0 ? 'right' : 'late');
      return failures;
    };
    let hasSigned = false;
    for (;;) {
      const failures = await signs(hasSigned ? 20 : 1);
      if (failures === 0 && hasSigned) return;
      if (failures === 0) {
        hasSigned = true;
        state.recoveryMs = Math.max(state.recoveryMs, performance.now() - startedMs);
      } else {
        if (hasSigned) state.lateFailures += failures;
        await rest(20);
      }
      if (performance.now() - startedMs > stuckMs) {
        this.violate(`for ${stuckMs} ms after the plan was over, not all requests were signed`);
        return;
      }
    }
  }

  private read(): { calls: LoggedCall[]; faults: LoggedCall[] } {
    const calls = this.shim.readLog();
    const faults = [];
    for (const call of calls) {
      this.processes.add(call.processId);
      if (call.name === 'C_Sign' && call.answer === 'CKR_OK' && call.data !== undefined)
        this.signedInside.set(call.data, (this.signedInside.get(call.data) ?? 0) + 1);
      const key = `${call.name} ${call.count}`;
      if (call.fault === undefined || call.fault.unfit || this.seen.has(key)) continue;
      this.seen.add(key);
      faults.push(call);
    }
    this.state.fired += faults.length;
    return { calls, faults };
  }

  private violate(what: string): void {
    if (this.state.violations.length >= violationLimit) return;
    this.state.violations.push(`seed ${this.state.options.seed}, ${this.name}: ${what}`);
  }
}

/** As the shim's log shows what C_Sign was given. */
function prefixOf(data: Uint8Array): string {
  return Buffer.from(data.subarray(0, 8)).toString('hex');
}

function rest(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The report as text: totals, then the faults that happened by kind and outcome. */
export function describeSweep(report: SweepReport): string {
  const { fired, scheduled, requests, processes, slowestMs, recoveryMs, signedAgain, outcomes, table } =
    report;
  const columns = [...new Set([...table.values()].flatMap((row) => [...row.keys()]))].sort(
    (a, b) => Number(b === 'right') - Number(a === 'right') || (a < b ? -1 : 1),
  );
  const kinds = [...table.keys()].sort();
  const width = Math.max(...kinds.map((kind) => kind.length));
  const line = (name: string, cells: readonly string[]) =>
    `${name.padEnd(width)} ${cells.map((cell, i) => cell.padStart((columns[i - 1]?.length ?? 5) + 1)).join('')}`;
  return [
    `${fired} faults happened (${scheduled} were scheduled), ${requests} requests, ${processes} processes`,
    `requests: ${[...outcomes].map(([outcome, count]) => `${outcome} ${count}`).join(', ')}`,
    `slowest request ${Math.round(slowestMs)} ms; signed again at most ${Math.round(recoveryMs)} ms after its plan was over; ${report.lateFailures} failures after that; ${signedAgain} intents signed inside more than once`,
    line('fault', ['total', ...columns]),
    ...kinds.map((kind) => {
      const row = table.get(kind) ?? new Map<string, number>();
      const total = [...row.values()].reduce((sum, count) => sum + count, 0);
      return line(kind, [String(total), ...columns.map((column) => String(row.get(column) ?? '·'))]);
    }),
  ].join('\n');
}
