/** `ringmint rules rerun`: decisions of central management's ledger, made again by the rule sets and the machines that made them. */

import type { RerunFinding, RerunReport } from '../cli/rule-administration.ts';
import { decodeEntry, decodeIntentContent } from '../journal/entry.ts';
import type { LedgerContent } from '../journal/extract.ts';
import { equalBytes, mapKey, toHex } from '../kit/bytes.ts';
import { type Result, refuse, succeed } from '../kit/result.ts';
import { attachSignature } from '../records/cose.ts';
import { decodeCredential } from '../records/credential.ts';
import { decodeDenial } from '../records/denial.ts';
import { formatUuid } from '../records/request-id.ts';
import { type SealingKey, unseal } from '../records/sealing.ts';
import { decisionRecordType, decodeDecisionContext } from '../roles/decision-context.ts';
import type { RulesInForce } from '../rules/in-force.ts';
import { openIssuanceRules } from '../rules/issuance-rules.ts';
import { type DecisionRecord, decodeDecisionRecord } from '../rules/recording/decision-record.ts';
import { type RerunDifference, rerunDecision } from '../rules/recording/rerun.ts';
import { type Home, homeAt } from './home.ts';
import { readLedger } from './ledger-extract.ts';
import { readMachineWasm } from './machine-wasm.ts';
import { asActivated, readKeptMachine, readKeptSet } from './rule-bundle.ts';
import { readSealingKey } from './rule-folder.ts';

export interface RerunOptions {
  readonly home: string;
  /** 16 bytes; all where none is named. */
  readonly request: Uint8Array | undefined;
  readonly progress: (decisions: number) => void;
  /** Of this program. */
  readonly release: string;
}

const progressEvery = 1_000;

/** Reads beside the running system; every decision is looked at, whatever is wrong with one of them. */
export async function rerunDecisions(options: RerunOptions): Promise<RerunReport> {
  const home = homeAt(options.home);
  const rerun = new Rerun(options, home, await readSealingKey(home), await readMachineWasm());
  await readLedger(home, 'central', (content) => rerun.all(content.entries));
  return rerun;
}

interface Kept {
  readonly kind: string;
  readonly id: Uint8Array;
  readonly toBeSigned: Uint8Array;
  readonly context: Uint8Array;
}

class Rerun implements RerunReport {
  decisions = 0;
  orders = 0;
  unrecorded = 0;
  readonly findings: RerunFinding[] = [];
  private readonly options: RerunOptions;
  private readonly home: Home;
  private readonly key: SealingKey | undefined;
  private readonly wasm: Uint8Array;
  private readonly opened = new Map<string, Result<RulesInForce>>();
  /** Requests whose record is in the entry before: a denial beside a credential has none of its own. */
  private last = '';

  constructor(options: RerunOptions, home: Home, key: SealingKey | undefined, wasm: Uint8Array) {
    this.options = options;
    this.home = home;
    this.key = key;
    this.wasm = wasm;
  }

  async all(entries: LedgerContent['entries']): Promise<void> {
    const { request, progress } = this.options;
    let seen = 0;
    for await (const { bytes, sequence } of entries) {
      const entry = decodeEntry(bytes);
      if (!entry.ok || !(entry.value.kind === 'credential' || entry.value.kind === 'denial')) continue;
      const { kind, subject, content } = entry.value;
      const intent = decodeIntentContent(content);
      if (!intent.ok || !(subject instanceof Uint8Array)) continue;
      if (request !== undefined && !equalBytes(subject, request)) continue;
      if (++seen % progressEvery === 0) progress(seen);
      await this.one(sequence, { kind, id: subject, ...intent.value });
    }
  }

  private async one(sequence: number, kept: Kept): Promise<void> {
    const find = (code: string, message: string): void => {
      this.findings.push({ sequence, request: formatUuid(kept.id), code, message });
    };
    const name = mapKey(kept.id);
    const isSecond = kept.context.length === 0 && name === this.last;
    this.last = name;
    if (isSecond) return;
    if (kept.context.length === 0) {
      this.unrecorded++;
      return;
    }
    const record = await this.open(kept.context);
    if (!record.ok) return find(record.code, record.message);
    const said = readSaid(kept);
    if (said === undefined) return find('record_malformed', 'what was signed of the decision cannot be read');
    const { ruleSet, traceHash, outcomes } = record.value;
    if (!equalBytes(said.traceHash, traceHash) || !equalBytes(said.ruleSet.hash, ruleSet.hash))
      return find(
        'decision_differs',
        'what was signed names another trace or rule set than what was recorded',
      );
    const rules = await this.rulesOf(record.value);
    if (!rules.ok) return find(rules.code, rules.message);
    this.decisions++;
    this.orders += outcomes.length;
    const differences = rerunDecision(record.value, rules.value);
    if (differences.length > 0) find('decision_differs', this.describe(record.value, differences));
  }

  private async open(context: Uint8Array): Promise<Result<DecisionRecord>> {
    const decoded = decodeDecisionContext(context);
    if (decoded === undefined)
      return refuse(
        'decision_record_malformed',
        'what was recorded is of no version that this program knows',
      );
    if (this.key === undefined)
      return refuse('seal_key_unknown', 'central/rules/record.key is not there: bring it back from a backup');
    const opened = await unseal([this.key], decoded.sealed, decisionRecordType);
    return opened.ok ? decodeDecisionRecord(opened.value) : opened;
  }

  private async rulesOf({ ruleSet, machine }: DecisionRecord): Promise<Result<RulesInForce>> {
    const name = `${ruleSet.version} ${toHex(ruleSet.hash)} ${toHex(machine)}`;
    let rules = this.opened.get(name);
    if (rules === undefined) {
      rules = await this.openRules(ruleSet.version, ruleSet.hash, machine);
      this.opened.set(name, rules);
    }
    return rules;
  }

  private async openRules(
    version: number,
    hash: Uint8Array,
    machine: Uint8Array,
  ): Promise<Result<RulesInForce>> {
    const set = await readKeptSet(this.home, toHex(hash));
    if (!set.ok) return set;
    const wasm = await readKeptMachine(this.home, machine, this.wasm);
    if (!wasm.ok) return wasm;
    return succeed(
      await openIssuanceRules(asActivated(set.value, version), wasm.value, this.options.release),
    );
  }

  private describe({ release }: DecisionRecord, differences: readonly RerunDifference[]): string {
    const [first] = differences;
    const where = first?.order === null || first === undefined ? '' : `order ${first.order}: `;
    const what = `${where}${first?.what} was ${first?.recorded || 'none'}, and is ${first?.again || 'none'}`;
    const more = differences.length > 1 ? `, and ${differences.length - 1} more` : '';
    const other =
      release === this.options.release
        ? ''
        : `; it was decided by release ${release}, and this is ${this.options.release}: run it again with that one`;
    return `${what}${more}${other}`;
  }
}

function readSaid({ kind, toBeSigned }: Kept): Pick<DecisionRecord, 'ruleSet' | 'traceHash'> | undefined {
  // As it was to be signed: whether it was does not matter here.
  const unsigned = attachSignature(toBeSigned, new Uint8Array(64));
  const decoded = kind === 'credential' ? decodeCredential(unsigned) : decodeDenial(unsigned);
  return decoded.ok ? decoded.value.record : undefined;
}
