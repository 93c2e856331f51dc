/**
 * The rules of a central management that serves: the set in force, which it takes over from its folder when that changes, with no restart; the
 * shadow set beside it; feeds; and what decisions say, counted.
 *
 * A set that cannot be taken over leaves the one that is in force, and the log says so. At a start there is nothing to go on with: then it throws.
 */
import { unwatchFile, watchFile } from 'node:fs';
import { join } from 'node:path';
import { sha256, toHex } from '../kit/bytes.ts';
import { systemClock, systemRandom } from '../kit/clock.ts';
import { type Result, succeed } from '../kit/result.ts';
import { formatUuid } from '../records/request-id.ts';
import { seal } from '../records/sealing.ts';
import type { VerifySignature } from '../records/signature.ts';
import type { TrustBundle } from '../records/trust-bundle.ts';
import type { CentralRules } from '../roles/central.ts';
import { decisionRecordType } from '../roles/decision-context.ts';
import type { DecidedOrders } from '../roles/order-decisions.ts';
import { makeShadow, type Shadow } from '../roles/shadow-rules.ts';
import type { Engine } from '../rules/engine.ts';
import type { RulesInForce } from '../rules/in-force.ts';
import { openIssuanceRules } from '../rules/issuance-rules.ts';
import { shippedSource } from '../rules/policy/shipped-set.ts';
import { makeBundle } from '../rules/set/bundle.ts';
import type { RuleSet } from '../rules/set/rule-set.ts';
import type { CentralConfiguration } from './configuration.ts';
import { describeFault } from './fault.ts';
import { type Feeds, noFeeds, readFeeds } from './feed-file.ts';
import type { Home } from './home.ts';
import { readMachineWasm } from './machine-wasm.ts';
import { writeFileDurably } from './private-file.ts';
import { asActivated, domesticCorridors, readKeptSet, readTrustedSet, throwRefused } from './rule-bundle.ts';
import { RuleEngine } from './rule-engine.ts';
import {
  bundlePath,
  inForce,
  keepFile,
  machinePath,
  makeRuleFolder,
  type RuleState,
  readOrMissing,
  readRuleState,
  readSealingKey,
  shadowReportPath,
  statePath,
} from './rule-folder.ts';
import { type RuleFigures, showRules } from './rule-metrics.ts';
import { type RuleTranslator, readRuleTranslator } from './rule-translator.ts';

export interface CentralRulesOptions {
  readonly home: Home;
  readonly bundle: TrustBundle;
  readonly verifySignature: VerifySignature;
  /** Of this program. */
  readonly release: string;
  readonly configuration: Pick<CentralConfiguration, 'rules' | 'limits'>;
  /** The one that ships where nothing is said. */
  readonly translator?: RuleTranslator;
  /** Lines for the log. */
  readonly report: (line: string) => void;
}

export interface OpenedCentralRules {
  readonly rules: CentralRules;
  /** For Prometheus. */
  figures(): string;
  close(): Promise<void>;
}

const pollEveryMs = 1_000;
const reportEveryMs = 5_000;

/** Throws `rules_unusable` where the set in force is not there, or is not what its name says. */
export async function openCentralRules(options: CentralRulesOptions): Promise<OpenedCentralRules> {
  const { home, report } = options;
  await makeRuleFolder(home);
  const key = await readSealingKey(home, systemRandom);
  if (key === undefined) throw new Error('invariant broken: the key was made');
  const wasm = await readMachineWasm();
  // Kept before anything is decided by them: what decided can be asked again.
  await keepFile(machinePath(home, toHex(sha256(wasm))), wasm);
  const shipped = shippedSource();
  await keepFile(bundlePath(home, toHex(shipped.set.hash)), makeBundle(shipped));
  const { translator = await readRuleTranslator(), configuration } = options;
  const engine = await RuleEngine.open({ ...options, translator, configuration: configuration.rules });
  const holder = new RuleHolder(options, wasm, engine.engine);
  await holder.start();
  const feeds = new FeedHolder(join(home.folder('central'), 'feeds.json'), report);
  await feeds.read();
  const onState = (): void => void holder.follow();
  const onFeeds = (): void => void feeds.read();
  watchFile(statePath(home), { interval: pollEveryMs }, onState);
  watchFile(feeds.path, { interval: pollEveryMs }, onFeeds);
  const timer = setInterval(() => void holder.writeReport(), reportEveryMs);
  timer.unref();
  return {
    rules: {
      inForce: () => holder.current,
      feeds: (currency) => feeds.current.of(currency),
      seal: (record) => seal(key, record, decisionRecordType, systemRandom),
      decided: (request, decision) => holder.note(request, decision),
    },
    figures: () => showRules(holder.current.ruleSet, holder.figures, holder.shadow?.report, engine.engine),
    async close() {
      clearInterval(timer);
      unwatchFile(statePath(home), onState);
      unwatchFile(feeds.path, onFeeds);
      await holder.close();
      await engine.close();
    },
  };
}

/** The feeds as the file last had them; none where there is no such file, or it is none. */
class FeedHolder {
  current: Feeds = noFeeds;
  readonly path: string;
  private readonly report: (line: string) => void;

  constructor(path: string, report: (line: string) => void) {
    this.path = path;
    this.report = report;
  }

  async read(): Promise<void> {
    try {
      const bytes = await readOrMissing(this.path);
      const read = bytes === undefined ? succeed(noFeeds) : readFeeds(new TextDecoder().decode(bytes));
      if (!read.ok)
        this.report(
          `central cannot read \`${this.path}\`, and rules that need a feed hold until it can: ${read.message} [${read.code}]`,
        );
      this.current = read.ok ? read.value : noFeeds;
    } catch (error) {
      this.current = noFeeds;
      this.report(`central cannot read \`${this.path}\`: ${(error as Error).message}`);
    }
  }
}

class RuleHolder {
  current!: RulesInForce;
  shadow: Shadow | undefined;
  readonly figures: RuleFigures = { orders: new Map(), refusals: 0 };
  private live!: RulesInForce;
  private shadowRules: RulesInForce | undefined;
  private shadowHash: string | null = null;
  private readonly options: CentralRulesOptions;
  private readonly wasm: Uint8Array;
  private readonly engine: Engine;
  /** Hashes of sets that were in force here: going back to one asks nobody. */
  private readonly served = new Set<string>();
  private following: Promise<void> = Promise.resolve();
  private written = 0;

  constructor(options: CentralRulesOptions, wasm: Uint8Array, engine: Engine) {
    this.options = options;
    this.wasm = wasm;
    this.engine = engine;
  }

  async start(): Promise<void> {
    const { home, report } = this.options;
    const state = await readRuleState(home);
    const { version, hash } = inForce(state);
    const set = throwRefused(await readKeptSet(home, hash));
    this.live = await this.open(asActivated(set, version));
    this.served.add(hash);
    const trusted = await this.readTrusted(hash);
    if (!trusted.ok)
      report(
        `central decides by rule set ${version}, which would not be taken over today: ${trusted.message} [${trusted.code}]`,
      );
    await this.followShadow(state);
    this.combine();
  }

  /** Takes over what the folder says, one change after another. */
  follow(): Promise<void> {
    this.following = this.following.then(() => this.takeOver());
    return this.following;
  }

  note({ id, issuer }: { readonly id: Uint8Array; readonly issuer: string }, decision: DecidedOrders): void {
    const { outcomes } = decision;
    const flags = new Set<string>();
    let flagged = 0;
    for (const { verdict, reasons } of outcomes) {
      this.figures.orders.set(verdict, (this.figures.orders.get(verdict) ?? 0) + 1);
      if (verdict !== 'FLAG') continue;
      flagged++;
      for (const reason of reasons) flags.add(reason);
    }
    if (flagged > 0)
      this.options.report(
        `central flagged ${flagged} orders of request ${formatUuid(id)} of ${issuer}: ${[...flags].join(', ')}`,
      );
    this.shadow?.add(id, decision);
  }

  async writeReport(): Promise<void> {
    const { shadow, shadowHash } = this;
    if (shadow === undefined || shadow.report.orders + shadow.report.dropped === this.written) return;
    this.written = shadow.report.orders + shadow.report.dropped;
    try {
      const text = JSON.stringify({ version: 1, hash: shadowHash, ...shadow.report }, null, 2);
      await writeFileDurably(shadowReportPath(this.options.home), `${text}\n`, 0o600);
    } catch (error) {
      this.options.report(`central cannot write what the shadow set decided: ${(error as Error).message}`);
    }
  }

  async close(): Promise<void> {
    await this.following;
    await this.writeReport();
    this.shadow?.close();
  }

  private async takeOver(): Promise<void> {
    const { home, report } = this.options;
    try {
      const state = await readRuleState(home);
      const { version, hash } = inForce(state);
      if (version !== this.live.ruleSet.version || hash !== toHex(this.live.ruleSet.hash))
        await this.replace(version, hash);
      await this.followShadow(state);
      this.combine();
    } catch (error) {
      this.figures.refusals++;
      const message = describeFault(error)?.message ?? (error as Error).message;
      report(`central goes on with rule set ${this.live.ruleSet.version}: ${message}`);
    }
  }

  private async replace(version: number, hash: string): Promise<void> {
    const { home, report } = this.options;
    if (version <= this.live.ruleSet.version) {
      this.figures.refusals++;
      report(
        `central goes on with rule set ${this.live.ruleSet.version}: version ${version} is not above it, and versions only go up`,
      );
      return;
    }
    const trusted = this.served.has(hash) ? await readKeptSet(home, hash) : await this.readTrusted(hash);
    if (!trusted.ok) {
      this.figures.refusals++;
      report(
        `central goes on with rule set ${this.live.ruleSet.version}, and refuses ${version}: ${trusted.message} [${trusted.code}]`,
      );
      return;
    }
    this.live = await this.open(asActivated(trusted.value, version));
    this.served.add(hash);
    report(
      `central decides by rule set ${version} (${trusted.value.name}, ${hash.slice(0, 16)}) from now on`,
    );
  }

  private async followShadow({ shadow }: RuleState): Promise<void> {
    const { home, report } = this.options;
    if (shadow === this.shadowHash) return;
    await this.writeReport();
    this.shadow?.close();
    this.shadow = undefined;
    this.shadowRules = undefined;
    this.shadowHash = shadow;
    this.written = 0;
    if (shadow === null) return;
    const set = await readKeptSet(home, shadow);
    if (!set.ok) {
      report(`central has no shadow set: ${set.message} [${set.code}]`);
      return;
    }
    this.shadowRules = await this.open(set.value);
    this.shadow = makeShadow(this.shadowRules, systemClock);
    report(`central decides by rule set ${set.value.name} (${shadow.slice(0, 16)}) in the shadow, too`);
  }

  /** The set in force, asked with all that the shadow set looks at, too. */
  private combine(): void {
    const { live, shadowRules } = this;
    this.current =
      shadowRules === undefined
        ? live
        : {
            ...live,
            feeds: [...new Set([...live.feeds, ...shadowRules.feeds])],
            windows: [...new Set([...live.windows, ...shadowRules.windows])],
          };
  }

  /** Its programs within the country of each currency that is issued are translated before it decides. */
  private async open(set: RuleSet): Promise<RulesInForce> {
    const { release, configuration } = this.options;
    const rules = await openIssuanceRules(set, this.wasm, release, this.engine);
    for (const corridor of domesticCorridors(configuration)) await rules.prepare(corridor);
    return rules;
  }

  private readTrusted(hash: string): Promise<Result<RuleSet>> {
    const { home, bundle, verifySignature } = this.options;
    return readTrustedSet(home, hash, bundle, verifySignature);
  }
}
