/** Runs what action.yml and gitlab.yml say, in the way their services run it; not on the services themselves. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { leftIn, type Outcome, packageFolder, Started, temporaryFolder } from './cli-process.ts';

const launch = join(packageFolder, 'launch');
const printed = 'printf "%s\\n" "$SOFTHSM_ROLES" "$SOFTHSM_PAYMENTS_SERIAL"';

/** The `run` of the action's step whose `if` is this. */
function stepOf(condition: string): string {
  const steps = readFileSync(join(packageFolder, 'action.yml'), 'utf8').split('    - if: ');
  const step = steps.find((text) => text.startsWith(`${condition}\n`)) ?? '';
  const block = /^ {6}run: \|\n((?: {8}.*\n)+)/m.exec(step)?.[1]?.replace(/^ {8}/gm, '');
  const line = /^ {6}run: '(.*)'$/m.exec(step)?.[1];
  const script = block ?? line;
  if (script === undefined) throw new Error(`action.yml has no step for \`${condition}\``);
  return script;
}

/** As GitHub runs a step with `shell: bash`. */
function step(folder: string, script: string, environment: NodeJS.ProcessEnv): Promise<Outcome> {
  mkdirSync(join(folder, 'runner temp'), { recursive: true });
  const file = join(folder, 'step.sh');
  writeFileSync(file, script);
  const words = ['--noprofile', '--norc', '-eo', 'pipefail', file];
  const given = {
    GITHUB_ACTION_PATH: packageFolder,
    GITHUB_ENV: join(folder, 'github-env'),
    GITHUB_OUTPUT: join(folder, 'github-output'),
    RUNNER_TEMP: join(folder, 'runner temp'),
    SOFTHSM_CI_ROLES: 'payments audit',
    SOFTHSM_CI_TEMPLATE: '',
    SOFTHSM_CI_ACCEPT_VERSION: '',
    DIRECTORY: '',
    ...environment,
  };
  return new Started('bash', words, given, folder).outcome();
}

test('the GitHub action runs a command, passes its status on, and leaves nothing', async () => {
  const folder = temporaryFolder();
  const script = stepOf("inputs.run != ''");
  const commands = `false || echo "alive"\n${printed}\nexit 5\n`;
  const { status, stdout } = await step(folder, script, { COMMANDS: commands, SOFTHSM_CI_DIR: '' });
  expect(status).toBe(5);
  expect(stdout).toMatch(/^alive\npayments audit\n[0-9a-f]{16}\n$/);
  expect(leftIn(folder)).toEqual([]);
});

test('the GitHub action leaves tokens to the steps that follow, until its cleanup', async () => {
  const folder = temporaryFolder();
  const made = await step(folder, stepOf("inputs.run == '' && inputs.mode == 'setup'"), {
    GITHUB_ACTIONS: 'true',
  });
  expect(made.status, made.stderr).toBe(0);
  const directory = join(folder, 'runner temp', 'softhsm-ci');
  expect(readFileSync(join(folder, 'github-output'), 'utf8')).toBe(`directory=${directory}\n`);

  const variables = readFileSync(join(folder, 'github-env'), 'utf8').trimEnd().split('\n');
  const environment = Object.fromEntries(
    variables.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
  const { stdout } = await step(folder, `${printed}; test -f "$SOFTHSM_AUDIT_CONF"`, environment);
  expect(stdout).toBe(`payments audit\n${environment['SOFTHSM_PAYMENTS_SERIAL']}\n`);

  const masked = made.stderr.match(/^::add-mask::[0-9a-f]{32}$/gm) ?? [];
  expect(masked).toHaveLength(4);
  expect(masked).toContain(
    `::add-mask::${readFileSync(environment['SOFTHSM_AUDIT_PIN_FILE'] ?? '', 'utf8')}`,
  );

  const cleaned = await step(folder, stepOf("inputs.run == '' && inputs.mode == 'cleanup'"), environment);
  expect(cleaned.status, cleaned.stderr).toBe(0);
  expect(existsSync(directory)).toBe(false);
});

test('the GitLab template makes tokens before the script, and removes them after it, though it fails', async () => {
  const folder = temporaryFolder();
  const template = readFileSync(join(packageFolder, 'gitlab.yml'), 'utf8');
  const linesOf = (section: string) =>
    (new RegExp(`^  ${section}:\\n((?:    - .*\\n)+)`, 'm').exec(template)?.[1] ?? '')
      .replace(/^ {4}- /gm, '')
      .trimEnd();
  // In a path with a blank `$SOFTHSM_CI` would be two words, as GitLab's own variables are split.
  const environment = {
    SOFTHSM_CI: 'launch',
    PATH: `${packageFolder}:${process.env['PATH']}`,
    SOFTHSM_CI_DIR: join(folder, '.softhsm-ci'),
    SOFTHSM_CI_ROLES: 'payments audit',
  };
  expect(existsSync(launch)).toBe(true);
  const shell = (script: string) =>
    new Started('bash', ['-eo', 'pipefail', '-c', script], environment, folder).outcome();
  const job = await shell(`${linesOf('before_script')}\n${printed}\nexit 9`);
  expect(job.status, job.stderr).toBe(9);
  expect(job.stdout).toMatch(/\npayments audit\n[0-9a-f]{16}\n$/);
  expect(existsSync(environment.SOFTHSM_CI_DIR)).toBe(true);
  const after = await shell(linesOf('after_script'));
  expect(after.status, after.stderr).toBe(0);
  expect(existsSync(environment.SOFTHSM_CI_DIR)).toBe(false);
});
