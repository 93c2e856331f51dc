/** `ringmint keys`: the keys of the three systems, made in their HSMs and published by the root. */
import { Argument, type Command } from 'commander';
import { quote, type Result, refuse, succeed } from '../../kit/result.ts';
import { isoTime } from '../../records/key-ring.ts';
import { type KeyRole, keyRoles } from '../../records/trust-bundle.ts';
import { type KeyListing, type Role, roles } from '../appliance.ts';
import { type CommandContext, type MakeCommand, rootFolderOption, subcommandsOf } from '../subcommands.ts';
import { runAudit, runCheckAudit } from './audit.ts';
import { addBackupCommands } from './backup.ts';

interface ChangeGiven {
  readonly home: string;
  readonly rootFolder?: string;
}

/** Adds the commands to `keys`, which is `ringmint keys`. */
export function addKeysCommands(keys: Command, context: CommandContext): void {
  const { appliance, terminal, home, clock, done } = context;
  const command = subcommandsOf(keys);

  command('list', 'show every key of the key set, and where it is', 'list')
    .addOption(home())
    .action(async (given: { home: string }) => {
      const listing = await appliance.keys.list(given.home);
      done(terminal.result({ ...listing }, describeListing(listing)));
    });

  command('rotate', 'make a new key in an HSM, and let it take over from the old one', 'rotate issuance')
    .addArgument(new Argument('<role>', 'whose').choices(keyRoles))
    .addOption(home())
    .addOption(rootFolderOption())
    .option('--hsm <name>', "the HSM, by its name in the system's config.json; the first one unless given")
    .option(
      '--delay <seconds>',
      'until the new key names records: by then every system has the new bundle',
      '15',
    )
    .option('--overlap <seconds>', 'how long the old key goes on after that', '3600')
    .action(async (role: KeyRole, given: ChangeGiven & { hsm?: string; delay: string; overlap: string }) => {
      const delay = readSeconds('--delay', given.delay);
      if (!delay.ok) return done(terminal.refuse(delay));
      const overlap = readSeconds('--overlap', given.overlap);
      if (!overlap.ok) return done(terminal.refuse(overlap));
      terminal.progress(`  making a key for ${role}`);
      const change = await appliance.keys.rotate({
        home: given.home,
        rootFolder: given.rootFolder,
        role,
        hsm: given.hsm,
        delaySeconds: delay.value,
        overlapSeconds: overlap.value,
      });
      return done(
        terminal.result({ ...change }, [
          `${role} has a new key ${change.keyId}`,
          `  it names records from ${isoTime(change.notBefore)} on`,
          change.replaced === null
            ? '  it replaces no other key of that HSM'
            : `  ${change.replaced.slice(0, 16)}… goes on until ${isoTime(change.notBefore + overlap.value)}, and what it signed stays good`,
          '  running systems take the new trust bundle by themselves; hand it to your verifiers',
        ]),
      );
    });

  command(
    'revoke',
    'revoke a key: from a time on nothing counts that it signed',
    'revoke 4f6a1c0e --since 2026-11-20T00:00:00Z',
  )
    .argument('<key>', 'its id, or eight of its first digits or more')
    .addOption(home())
    .addOption(rootFolderOption())
    .option('--since <time>', 'from when on the key may have been in other hands; now unless given')
    .action(async (keyId: string, given: ChangeGiven & { since?: string }) => {
      const since = given.since === undefined ? undefined : Math.floor(Date.parse(given.since) / 1000);
      if (since !== undefined && !(since >= 0 && since <= clock.nowSeconds()))
        return done(
          terminal.refuse(
            refuse(
              'usage',
              `--since ${quote(given.since)}: a time that is past, such as \`2026-11-20T12:00:00Z\`, is accepted`,
            ),
          ),
        );
      const change = await appliance.keys.revoke({
        home: given.home,
        rootFolder: given.rootFolder,
        keyId,
        since,
      });
      return done(
        terminal.result({ ...change }, [
          `the ${change.role} key ${change.keyId} is revoked from ${isoTime(change.revokedAt ?? 0)} on`,
          `  the revocation epoch is ${change.revocationEpoch}: verifiers ask for it with \`--revocation-epoch ${change.revocationEpoch}\``,
          ...(change.stopped === undefined
            ? []
            : [
                `  ${change.stopped} has no valid key left, and stands still: \`ringmint keys rotate ${change.stopped} --delay 0\``,
              ]),
        ]),
      );
    });

  addAuditCommands(command, context);
  addBackupCommands(command, context);
}

function addAuditCommands(
  command: MakeCommand,
  { appliance, terminal, home, trustFile, clock, done }: CommandContext,
): void {
  command('audit', "read the keys' attributes in the HSMs, as a report that each role signs", 'audit quota')
    .addArgument(new Argument('[role...]', 'whose; all three unless given').choices(roles))
    .addOption(home())
    .option('--out <folder>', 'where to write the reports', 'audit')
    .action(async (given: Role[], { home: folder, out }: { home: string; out: string }) => {
      const chosen = given.length === 0 ? roles : roles.filter((role) => given.includes(role));
      done(await runAudit(appliance, terminal, { home: folder, roles: chosen, out }));
    });

  command(
    'check-audit',
    'verify such a report offline, and tell what it found',
    'check-audit audit/quota-audit.cose',
  )
    .argument('<file>', 'what `ringmint keys audit` wrote')
    .option('--trust <file>', 'the trust bundle', trustFile)
    .option('--root <id>', 'id of the root key that must have signed the trust bundle')
    .action(async (file: string, given: { trust: string; root?: string }) => {
      const { trust, root } = given;
      done(await runCheckAudit(terminal, { file, trust, root, nowSeconds: clock.nowSeconds() }));
    });
}

function readSeconds(option: string, text: string): Result<number, 'usage'> {
  if (/^\d{1,9}$/.test(text)) return succeed(Number(text));
  return refuse('usage', `${option} ${quote(text)}: a whole number of seconds is accepted`);
}

function describeListing(listing: KeyListing): string[] {
  const { keys, unpublished, rootKeyId, revocationEpoch, expiresAt } = listing;
  return [
    `root ${rootKeyId.slice(0, 16)}…, revocation epoch ${revocationEpoch}, bundle good until ${isoTime(expiresAt)}`,
    ...keys.map(({ keyId, role, name, state, notBefore, notAfter, revokedAt, hsm, label }) => {
      const times =
        revokedAt === null
          ? `${isoTime(notBefore)} to ${isoTime(notAfter)}`
          : `from ${isoTime(revokedAt)} on`;
      const place = hsm === null ? 'in no HSM of this appliance' : `${hsm}: ${label}`;
      return `  ${keyId.slice(0, 16)}…  ${role.padEnd(15)} ${name.padEnd(12)} ${state.padEnd(8)} ${times}  ${place}`;
    }),
    ...unpublished.map(
      ({ role, keyId, hsm, label }) =>
        `  ${keyId.slice(0, 16)}…  ${role.padEnd(15)} made, but never published: ${hsm}: ${label}`,
    ),
  ];
}
