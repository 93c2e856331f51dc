/** `ringmint rules stage | activate | revert | shadow | status | rerun`: which rule set decides, and what was decided. */
import { quote, refuse } from '../../kit/result.ts';
import { parseUuid } from '../../records/request-id.ts';
import { type ExitCode, exitCode } from '../exit-code.ts';
import { readInput } from '../file.ts';
import type {
  RuleActivation,
  RuleAdministration,
  RuleEngineStanding,
  RuleStatus,
} from '../rule-administration.ts';
import type { Terminal } from '../terminal.ts';

/** A bundle with its lists. */
const bundleSizeLimit = 64 * 1024 * 1024;
const shownFindings = 20;

export async function runStage(
  rules: RuleAdministration,
  terminal: Terminal,
  { home, file }: { readonly home: string; readonly file: string },
): Promise<ExitCode> {
  const bundle = await readInput(file, bundleSizeLimit);
  if (!bundle.ok) return terminal.refuse(bundle);
  const staged = await rules.stage(home, bundle.value);
  if (!staged.ok) return terminal.refuse(staged);
  const { name, version, hash, modules, untranslated } = staged.value;
  return terminal.result({ ...staged.value }, [
    `${name} ${version} is staged; nothing is decided by it yet`,
    `  hash     ${hash}`,
    ...modules.map((module) => `  module   ${module.name} ${module.version}`),
    ...(untranslated === null
      ? []
      : [`  the interpreter decides by it, since it is not translated: ${untranslated}`]),
    '`ringmint rules shadow` has it decide in the shadow, `ringmint rules activate` puts it in force',
  ]);
}

export async function runActivate(
  rules: RuleAdministration,
  terminal: Terminal,
  home: string,
): Promise<ExitCode> {
  const activated = await rules.activate(home);
  return activated.ok ? tellActivation(terminal, activated.value) : terminal.refuse(activated);
}

export async function runRevert(
  rules: RuleAdministration,
  terminal: Terminal,
  home: string,
): Promise<ExitCode> {
  const reverted = await rules.revert(home);
  return reverted.ok ? tellActivation(terminal, reverted.value) : terminal.refuse(reverted);
}

function tellActivation(terminal: Terminal, activation: RuleActivation): ExitCode {
  return terminal.result({ ...activation }, [
    `${describe(activation)} is in force; a central management that runs takes it over within seconds, and its log says so`,
    `  hash     ${activation.hash}`,
  ]);
}

export async function runShadow(
  rules: RuleAdministration,
  terminal: Terminal,
  { home, off, report }: { readonly home: string; readonly off: boolean; readonly report: boolean },
): Promise<ExitCode> {
  if (report) return showShadow(rules, terminal, home);
  const changed = await rules.shadow(home, !off);
  if (!changed.ok) return terminal.refuse(changed);
  const { shadow } = changed.value;
  return terminal.result({ ...changed.value }, [
    shadow === null
      ? 'nothing decides in the shadow'
      : `${shadow} decides in the shadow; no answer changes by it`,
  ]);
}

async function showShadow(rules: RuleAdministration, terminal: Terminal, home: string): Promise<ExitCode> {
  const standing = await rules.shadowStanding(home);
  if (!standing.ok) return terminal.refuse(standing);
  const { hash, sinceMs, orders, different, dropped, failed, counts, examples } = standing.value;
  return terminal.result({ ...standing.value }, [
    `shadow set ${hash ?? 'none'}, since ${new Date(sinceMs).toISOString()}`,
    `  ${orders} orders, ${different} decided otherwise, ${failed} failed, ${dropped} not looked at for want of room`,
    ...counts.map((one) => `  ${one.kind}  ${one.rule === '' ? '(same codes)' : one.rule}: ${one.orders}`),
    ...examples
      .slice(0, shownFindings)
      .map(
        ({ kind, request, order, live, shadow }) =>
          `  ${kind}  ${request} order ${order}: ${outcome(live)} in force, ${outcome(shadow)} in the shadow`,
      ),
  ]);
}

function outcome({
  verdict,
  reasons,
}: {
  readonly verdict: string;
  readonly reasons: readonly string[];
}): string {
  return reasons.length === 0 ? verdict : `${verdict} (${reasons.join(', ')})`;
}

export async function runRuleStatus(
  rules: RuleAdministration,
  terminal: Terminal,
  home: string,
): Promise<ExitCode> {
  const status: RuleStatus = await rules.status(home);
  const { activations, staged, shadow, engine } = status;
  const [last] = activations.slice(-1);
  return terminal.result({ ...status }, [
    last === undefined ? 'nothing is in force' : `${describe(last)} is in force`,
    ...activations.map((one) => `  ${describe(one)}  ${one.hash}  ${momentOf(one)}`),
    `  staged   ${staged ?? 'none'}`,
    `  shadow   ${shadow ?? 'none'}`,
    ...(engine === null ? [] : describeEngine(engine)),
  ]);
}

function describeEngine({
  inUse,
  chosen,
  compareEvery,
  difference,
  untranslated,
}: RuleEngineStanding): readonly string[] {
  const how = {
    translated: `translations, one decision of ${compareEvery} compared with the interpreter's`,
    interpreter: 'the interpreter',
    both: 'both, each decision compared',
  };
  return [
    `  engine   ${how[inUse]}${inUse === chosen ? '' : `, where ${chosen} was chosen`}`,
    ...(difference === null
      ? []
      : [
          `  DIFFERED on program ${difference.program} at ${new Date(difference.atMs).toISOString()} (${difference.what}): \`ringmint rules rerun --all\` finds what was decided otherwise`,
        ]),
    ...untranslated.map(
      ({ program, code, message }) => `  program ${program} is left to the interpreter: ${message} [${code}]`,
    ),
  ];
}

function describe({ name, version, how }: RuleActivation): string {
  return `rule set ${version} (${name}${how === 'revert' ? ', reverted to' : ''})`;
}

function momentOf({ atMs, how }: RuleActivation): string {
  return how === 'shipped' ? 'as it ships' : new Date(atMs).toISOString();
}

export async function runRerun(
  rules: RuleAdministration,
  terminal: Terminal,
  { home, id, all }: { readonly home: string; readonly id: string | undefined; readonly all: boolean },
): Promise<ExitCode> {
  if (all === (id !== undefined))
    return terminal.refuse(refuse('usage', 'the id of a request is accepted, or `--all`'));
  const request = id === undefined ? undefined : parseUuid(id);
  if (id !== undefined && request === undefined)
    return terminal.refuse(refuse('usage', `${quote(id)} is no UUID: the id of a request is accepted`));
  const report = await rules.rerun({
    home,
    request,
    progress: (decisions) => terminal.say(`  ${decisions} decisions`),
  });
  const { decisions, orders, unrecorded, findings } = report;
  if (request !== undefined && decisions + unrecorded + findings.length === 0)
    return terminal.refuse(
      refuse(
        'request_unknown',
        `central management decided no request ${quote(id)}: the id of a request is accepted`,
      ),
    );
  const lines = [
    `${decisions} decisions on ${orders} orders made again, ${unrecorded} of versions that recorded nothing`,
    ...findings
      .slice(0, shownFindings)
      .map(
        ({ sequence, request: of, code, message }) =>
          `  entry ${sequence}, request ${of}: ${message} [${code}]`,
      ),
    ...(findings.length > shownFindings
      ? [`  and ${findings.length - shownFindings} more; --json has all`]
      : []),
  ];
  const counted = { decisions, orders, unrecorded, findings };
  if (findings.length === 0) return terminal.result(counted, [...lines, 'all the same, bit for bit']);
  for (const line of lines) terminal.say(line);
  terminal.refuse(
    refuse(
      'decision_differs',
      `${findings.length} decisions are not as they were recorded, or cannot be made again`,
    ),
    counted,
  );
  return exitCode.notAuthentic;
}
