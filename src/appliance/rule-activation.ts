/** `ringmint rules stage | activate | revert | shadow | status`: on central management's folder, whether it runs or not. A running one takes it over. */

import type {
  RuleActivation,
  RuleSetStatus,
  RuleStatus,
  ShadowStanding,
  StagedRules,
} from '../cli/rule-administration.ts';
import { toHex } from '../kit/bytes.ts';
import type { Clock } from '../kit/clock.ts';
import { type Result, refuse, succeed } from '../kit/result.ts';
import { Engine } from '../rules/engine.ts';
import { openIssuanceRules } from '../rules/issuance-rules.ts';
import type { RuleSet } from '../rules/set/rule-set.ts';
import { lockFile } from '../store/sqlite/file-lock.ts';
import { makeNodeVerifySignature } from '../verifier/signature-node.ts';
import { type CentralConfiguration, centralSchema, readConfiguration } from './configuration.ts';
import { type Home, homeAt } from './home.ts';
import { readMachineWasm } from './machine-wasm.ts';
import { domesticCorridors, openTrusted, publisherRule, readKeptSet, readTrustedSet } from './rule-bundle.ts';
import { readRuleEngine } from './rule-engine.ts';
import {
  bundlePath,
  inForce,
  keepFile,
  makeRuleFolder,
  type RuleState,
  readOrMissing,
  readRuleState,
  type Step,
  shadowReportPath,
  statePath,
  writeRuleState,
} from './rule-folder.ts';
import { readRuleTranslator } from './rule-translator.ts';
import { readTrustBundleFile } from './trust.ts';

/** Checks a bundle as strictly as central management does, and keeps it by its hash. */
export async function stageRules(
  folder: string,
  bytes: Uint8Array,
  step?: Step,
): Promise<Result<StagedRules>> {
  const home = homeAt(folder);
  const configuration = await readCentral(home);
  const { bundle } = await readTrustBundleFile(home);
  const opened = openTrusted(bytes, publisherRule(bundle), makeNodeVerifySignature());
  if (!opened.ok) return opened;
  const set = opened.value;
  const fitting = await checkFit(set, configuration);
  if (!fitting.ok) return fitting;
  const { untranslated } = fitting.value;
  const hash = toHex(set.hash);
  return change(home, async (state) => {
    await keepFile(bundlePath(home, hash), bytes, step);
    await writeRuleState(home, { ...state, staged: hash }, step);
    const modules = set.modules.map(({ name, version }) => ({ name, version: String(version) }));
    return succeed({ name: set.name, version: String(set.version), hash, modules, untranslated });
  });
}

export async function activateRules(
  folder: string,
  clock: Clock,
  step?: Step,
): Promise<Result<RuleActivation>> {
  const home = homeAt(folder);
  await readCentral(home);
  return change(home, async (state) => {
    const { staged } = state;
    if (staged === null)
      return refuse('rules_not_staged', 'no rule set is staged: `ringmint rules stage BUNDLE` comes first');
    if (staged === inForce(state).hash)
      return refuse('rules_in_force', 'what is staged is in force already: stage another set');
    const { bundle } = await readTrustBundleFile(home);
    const set = await readTrustedSet(home, staged, bundle, makeNodeVerifySignature());
    return set.ok ? put(home, state, set.value, 'activate', clock, step) : set;
  });
}

export async function revertRules(
  folder: string,
  clock: Clock,
  step?: Step,
): Promise<Result<RuleActivation>> {
  const home = homeAt(folder);
  await readCentral(home);
  return change(home, async (state) => {
    const now = inForce(state).hash;
    const before = state.activations.findLast(({ hash }) => hash !== now);
    if (before === undefined)
      return refuse(
        'rules_not_replaced',
        'no other rule set was in force before: there is nothing to go back to',
      );
    const set = await readKeptSet(home, before.hash);
    return set.ok ? put(home, state, set.value, 'revert', clock, step) : set;
  });
}

/** INVARIANT: the version is above that of every activation before, and not below the set's own. */
async function put(
  home: Home,
  state: RuleState,
  set: RuleSet,
  how: 'activate' | 'revert',
  clock: Clock,
  step?: Step,
): Promise<Result<RuleActivation>> {
  const next = Math.max(...state.activations.map(({ version }) => version)) + 1;
  const version = how === 'activate' ? Math.max(next, Number(set.version)) : next;
  const activation = { version, hash: toHex(set.hash), name: set.name, how, atMs: clock.nowMs() };
  await writeRuleState(
    home,
    {
      ...state,
      activations: [...state.activations, activation],
      staged: null,
      // In force, it needs no shadow.
      shadow: state.shadow === activation.hash ? null : state.shadow,
    },
    step,
  );
  return succeed(activation);
}

export async function shadowRules(folder: string, on: boolean, step?: Step): Promise<Result<RuleSetStatus>> {
  const home = homeAt(folder);
  await readCentral(home);
  return change(home, async (state) => {
    if (on && state.staged === null)
      return refuse('rules_not_staged', 'no rule set is staged: `ringmint rules stage BUNDLE` comes first');
    const changed = { ...state, shadow: on ? state.staged : null };
    await writeRuleState(home, changed, step);
    return succeed(changed);
  });
}

export async function readRules(folder: string): Promise<RuleStatus> {
  const home = homeAt(folder);
  await readCentral(home);
  return { ...(await readRuleState(home)), engine: await readRuleEngine(home) };
}

/** As the running system wrote it last: within some seconds. */
export async function readShadow(folder: string): Promise<Result<ShadowStanding>> {
  const home = homeAt(folder);
  await readCentral(home);
  const bytes = await readOrMissing(shadowReportPath(home));
  if (bytes === undefined)
    return refuse(
      'shadow_silent',
      'there is no report of a shadow set: `ringmint rules shadow` starts one, and orders that are decided fill it',
    );
  return succeed(JSON.parse(new TextDecoder().decode(bytes)) as ShadowStanding);
}

/** Throws where there is no central management here. */
function readCentral(home: Home): Promise<CentralConfiguration> {
  return readConfiguration(home.config('central'), centralSchema);
}

/** One change at a time; what reads meanwhile reads the state before or after it. */
async function change<T>(home: Home, make: (state: RuleState) => Promise<Result<T>>): Promise<Result<T>> {
  await makeRuleFolder(home);
  const release = lockFile(`${statePath(home)}.lock`);
  if (release === undefined)
    return refuse('in_progress', 'another command is changing the rules: give this one again in a moment');
  try {
    return await make(await readRuleState(home));
  } finally {
    release();
  }
}

/** That the machine takes the rules at all, and whether their programs are translated: within the country of each currency that is issued. */
async function checkFit(
  set: RuleSet,
  configuration: CentralConfiguration,
): Promise<Result<{ readonly untranslated: string | null }>> {
  let untranslated: string | null = null;
  const { translate } = await readRuleTranslator();
  const engine = new Engine({
    choice: configuration.rules?.engine === 'interpreter' ? 'interpreter' : 'translated',
    compareEvery: 1,
    translate,
    difference: null,
    leisure: () => Promise.resolve(),
    report(event) {
      if (event.kind === 'untranslated') untranslated ??= `${event.message} [${event.code}]`;
    },
  });
  const rules = await openIssuanceRules(set, await readMachineWasm(), '', engine);
  for (const corridor of domesticCorridors(configuration)) {
    const [fault] = rules.check(corridor);
    if (fault !== undefined)
      return refuse('rules_refused', `the machine does not take the rules on ${corridor.currency}: ${fault}`);
    await rules.prepare(corridor);
  }
  return succeed({ untranslated });
}
