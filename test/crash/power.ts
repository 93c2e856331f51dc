/**
 * The power of three systems, and where it goes off: every call to a store, an anchor and a signer, and every message between two
 * systems, is a point that is counted before it runs and after it ran. Where a cut falls, a system is gone: each later call that its
 * code makes throws Cut, for ever; what is opened again has a power of its own.
 */
import type { Signer } from '../../hsm/signer.ts';
import type { Anchor } from '../../src/journal/anchor.ts';
import { type Result, refuse } from '../../src/kit/result.ts';
import type { Store } from '../../src/store/store.ts';

export const roles = ['central', 'issuance', 'quota'] as const;
export type Role = (typeof roles)[number];

export class Cut extends Error {}

export const sides = ['before', 'after'] as const;
export type Side = (typeof sides)[number];
/** `line`: only the connection is cut, and both systems stay. */
export type Scope = 'role' | 'all' | 'line';

/** Where the power is to go off: at the point with this number, or when the point of this name comes by for the time `skip` + 1. */
export interface Plan {
  readonly at: { readonly number: number } | { readonly name: string; readonly skip: number };
  readonly side: Side;
  readonly scope: Scope;
  /** On which side of a point it is to fall there instead, where that comes by before. */
  readonly sooner?: ((name: string) => Side | undefined) | undefined;
}

export interface FallenCut {
  readonly name: string;
  readonly side: Side;
  readonly scope: Scope;
}

/** Counts the points of all three systems and says where the planned cut falls. */
export class Meter {
  /** Points that came by since it was armed. */
  passed: string[] = [];
  fallen: FallenCut | undefined;
  private plan: Plan | undefined;
  private skipped = 0;
  private readonly powers = new Set<Power>();

  arm(plan: Plan | undefined): void {
    this.plan = plan;
    this.passed = [];
    this.skipped = 0;
    this.fallen = undefined;
  }

  connect(power: Power): void {
    this.powers.add(power);
  }

  disconnect(power: Power): void {
    this.powers.delete(power);
  }

  /** The cut, where it falls on this call. */
  pass(name: string): FallenCut | undefined {
    this.passed.push(name);
    const { plan } = this;
    if (plan === undefined || this.fallen !== undefined) return undefined;
    const wanted = plan.sooner?.(name);
    if (wanted === undefined && !this.isPlanned(plan, name)) return undefined;
    const scope = plan.scope === 'line' && !name.includes(' → ') ? 'role' : plan.scope;
    this.fallen = { name, side: wanted ?? plan.side, scope };
    return this.fallen;
  }

  private isPlanned({ at }: Plan, name: string): boolean {
    if ('number' in at) return this.passed.length - 1 === at.number;
    return at.name === name && this.skipped++ >= at.skip;
  }

  cut(scope: Scope, power: Power): void {
    for (const one of scope === 'all' ? this.powers : [power]) one.off = true;
  }
}

/** The power of one system, from its start to its end. */
export class Power {
  off = false;
  private readonly meter: Meter;
  private readonly role: Role;

  constructor(meter: Meter, role: Role) {
    this.meter = meter;
    this.role = role;
    meter.connect(this);
  }

  async spend<T>(name: string, call: () => Promise<T>): Promise<T> {
    this.assertOn();
    const cut = this.meter.pass(`${this.role} ${name}`);
    if (cut?.side === 'before') this.fall(cut.scope);
    this.assertOn();
    const value = await call();
    if (cut?.side === 'after') this.fall(cut.scope);
    // What a device answers after its system is gone reaches nobody.
    this.assertOn();
    return value;
  }

  /** A message to `to` and its reply; a line that is cut is `peer_unavailable`, as over HTTPS. */
  async send<T>(to: Role, name: string, call: () => Promise<Result<T>>): Promise<Result<T>> {
    this.assertOn();
    const lost = refuse('peer_unavailable', `the ${to} system did not answer`);
    const cut = this.meter.pass(`${this.role} → ${to} ${name}`);
    if (cut?.side === 'before') {
      if (cut.scope === 'line') return lost;
      this.fall(cut.scope);
    }
    this.assertOn();
    const answer = await call().catch((error: unknown): Result<T> => {
      if (error instanceof Cut) return lost;
      throw error;
    });
    if (cut?.side === 'after') {
      if (cut.scope === 'line') return lost;
      this.fall(cut.scope);
    }
    this.assertOn();
    return answer;
  }

  private fall(scope: Scope): void {
    this.meter.cut(scope, this);
  }

  private assertOn(): void {
    if (this.off) throw new Cut(`${this.role} has no power`);
  }

  /** Each call of the store is a point; a commit and a record say of which kinds. */
  store(store: Store): Store {
    return passThrough(store, (call, name) => this.spend(name, call));
  }

  anchor(anchor: Anchor): Anchor {
    return {
      read: () => this.spend('anchor read', () => anchor.read()),
      advance: (from, to) => this.spend('anchor advance', () => anchor.advance(from, to)),
    };
  }

  signer(signer: Signer): Signer {
    return {
      ...signer,
      sign: (message, request) => this.spend(`sign ${request.purpose}`, () => signer.sign(message, request)),
    };
  }
}

/** The same store, each call of which is made by `pass`; but for `reads`, which asks nothing yet, and `close`. */
export function passThrough(
  store: Store,
  pass: (call: () => Promise<unknown>, name: string) => Promise<unknown>,
): Store {
  return new Proxy(store, {
    get: (target, key: keyof Store) => {
      const method = target[key] as (...given: unknown[]) => Promise<unknown>;
      return (...given: unknown[]) => {
        const call = (): Promise<unknown> => method.apply(target, given);
        return key === 'reads' || key === 'close' ? call() : pass(call, nameOf(key, given[0]));
      };
    },
  });
}

function nameOf(method: string, given: unknown): string {
  if (method === 'findIntent') return `${method} ${String(given)}`;
  if (!Array.isArray(given) || (method !== 'commit' && method !== 'recordSigned')) return method;
  const kinds = new Set(given.map((one: { kind: string }) => one.kind));
  return `${method} ${[...kinds].sort().join('+')}`;
}
