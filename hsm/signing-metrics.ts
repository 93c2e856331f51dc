/** Counts and latencies of a signer, as Prometheus has them. */
import type { PoolHealth } from './process-pool.ts';

/** Upper bounds of the buckets, ms. */
const boundsMs = [0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000] as const;

export interface SigningFigures {
  /** By outcome: `signed`, or the code of what went wrong. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** Of signatures that were let out, by upper bound in ms; each counts all that were no slower. */
  readonly latency: readonly { readonly boundMs: number; readonly count: number }[];
  readonly count: number;
  readonly sumMs: number;
  /** Begun and not ended. */
  readonly inFlight: number;
}

export class SigningMetrics {
  private readonly outcomes = new Map<string, number>();
  private readonly buckets: number[] = boundsMs.map(() => 0);
  private count = 0;
  private sumMs = 0;
  private begun = 0;

  begin(): void {
    this.begun++;
  }

  end(outcome: string, ms: number): void {
    this.begun--;
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
    if (outcome !== 'signed') return;
    this.count++;
    this.sumMs += ms;
    for (const [index, bound] of boundsMs.entries()) {
      if (ms <= bound) this.buckets[index] = (this.buckets[index] ?? 0) + 1;
    }
  }

  get figures(): SigningFigures {
    return {
      outcomes: Object.fromEntries([...this.outcomes].sort(([a], [b]) => (a < b ? -1 : 1))),
      latency: boundsMs.map((boundMs, index) => ({ boundMs, count: this.buckets[index] ?? 0 })),
      count: this.count,
      sumMs: this.sumMs,
      inFlight: this.begun,
    };
  }
}

/** Prometheus text exposition, version 0.0.4; `role` names whose signer it is. */
export function showFigures(role: string, figures: SigningFigures): string {
  const label = `role="${role}"`;
  const lines = [
    '# HELP ringmint_signing_total Signing operations by outcome.',
    '# TYPE ringmint_signing_total counter',
    ...Object.entries(figures.outcomes).map(
      ([outcome, count]) => `ringmint_signing_total{${label},outcome="${outcome}"} ${count}`,
    ),
    '# HELP ringmint_signing_in_flight Signing operations that wait or run.',
    '# TYPE ringmint_signing_in_flight gauge',
    `ringmint_signing_in_flight{${label}} ${figures.inFlight}`,
    '# HELP ringmint_signing_seconds Time until a signature was verified and let out.',
    '# TYPE ringmint_signing_seconds histogram',
    ...figures.latency.map(
      ({ boundMs, count }) => `ringmint_signing_seconds_bucket{${label},le="${boundMs / 1000}"} ${count}`,
    ),
    `ringmint_signing_seconds_bucket{${label},le="+Inf"} ${figures.count}`,
    `ringmint_signing_seconds_sum{${label}} ${figures.sumMs / 1000}`,
    `ringmint_signing_seconds_count{${label}} ${figures.count}`,
  ];
  return `${lines.join('\n')}\n`;
}

export interface KeyHealth {
  /** Name of the HSM that the key is in. */
  readonly hsm: string;
  readonly keyId: string;
  readonly health: PoolHealth;
}

/** How the HSMs of `role` are, key by key, in the same format. */
export function showHealth(role: string, keys: readonly KeyHealth[]): string {
  const family = (
    name: string,
    type: 'gauge' | 'counter',
    help: string,
    value: (health: PoolHealth) => number,
  ): string[] => [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} ${type}`,
    ...keys.map(
      ({ hsm, keyId, health }) => `${name}{role="${role}",hsm="${hsm}",key="${keyId}"} ${value(health)}`,
    ),
  ];
  const lines = [
    ...family(
      'ringmint_hsm_up',
      'gauge',
      'Whether the HSM is called: 0 while its breaker is open.',
      ({ breaker }) => (breaker === 'closed' ? 1 : 0),
    ),
    ...family('ringmint_hsm_processes', 'gauge', 'Signer processes.', ({ processes }) => processes),
    ...family(
      'ringmint_hsm_sessions',
      'gauge',
      'Sessions of all signer processes.',
      ({ sessions }) => sessions,
    ),
    ...family('ringmint_hsm_calls', 'gauge', 'Calls that wait or run.', ({ admitted }) => admitted),
    ...family(
      'ringmint_hsm_replaced_total',
      'counter',
      'Signer processes that ended and were made good.',
      ({ replaced }) => replaced,
    ),
  ];
  return `${lines.join('\n')}\n`;
}
