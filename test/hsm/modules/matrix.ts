/** docs/HSM-MODULES.md: the sheets of all modules side by side. Deterministic, so that it can be checked for drift. */
import type { CodesByModule } from './code-table.ts';
import { consequencesOf } from './consequences.ts';
import { type ProbeRecord, raceRuns, type Sheet } from './sheet.ts';
import type { SignedRoute } from './token-tasks.ts';

const heads: Readonly<Record<Sheet['module'], string>> = {
  softhsm: 'SoftHSM2',
  tpm2: 'tpm2-pkcs11 on swtpm',
  softokn: 'NSS softokn',
  opencryptoki: 'opencryptoki, soft token',
};

function table(first: string, sheets: readonly Sheet[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const head = [first, ...sheets.map(({ module }) => heads[module])];
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}

const short = (answer: string): string => answer.replace(/^CKR_OK$/, 'ok').replace(/^CKR_/, '');
const absent = '–';

function routeCell(route: SignedRoute | undefined): string {
  if (route === undefined) return absent;
  if (route.answer !== 'CKR_OK') return short(route.answer);
  return `${route.valid} valid, ${route.wrong} wrong, ${rounded(route.perSecond)}/s`;
}

/** Two digits: what is behind them is another machine's. */
function rounded(value: number): number {
  const step = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(1, value))) - 1);
  return Math.round(value / step) * step;
}

function routeRows(sheets: readonly Sheet[], of: (sheet: Sheet) => readonly SignedRoute[]): string[][] {
  const names = [
    ...new Set(sheets.flatMap((sheet) => of(sheet).map((one) => `${one.algorithm} by ${one.route}`))),
  ];
  return names.map((name) => [
    name,
    ...sheets.map((sheet) => routeCell(of(sheet).find((one) => `${one.algorithm} by ${one.route}` === name))),
  ]);
}

function auditRows(sheets: readonly Sheet[]): string[][] {
  const names = [
    ...new Set(sheets.flatMap(({ audit }) => audit.flatMap(({ attributes }) => Object.keys(attributes)))),
  ];
  const cell = (sheet: Sheet, of: (key: Sheet['audit'][number]) => string): string => {
    const values = new Map<string, string[]>();
    for (const key of sheet.audit) values.set(of(key), [...(values.get(of(key)) ?? []), key.kind]);
    if (values.size === 1) return [...values.keys()][0] ?? absent;
    return [...values].map(([value, kinds]) => `${kinds.join(', ')}: ${value}`).join('; ');
  };
  return [
    ...names.map((name) => [
      `\`${name}\``,
      ...sheets.map((sheet) => cell(sheet, ({ attributes }) => short(String(attributes[name] ?? absent)))),
    ]),
    [
      'reading the private value',
      ...sheets.map((sheet) => cell(sheet, ({ privateValue }) => short(privateValue))),
    ],
  ];
}

function probeRows(sheets: readonly Sheet[], of: (sheet: Sheet) => ProbeRecord | undefined): string[][] {
  const asked = new Map<string, string[]>();
  for (const sheet of sheets) {
    for (const { call, when } of of(sheet)?.answers ?? []) {
      // That a session closes is no news.
      if (call !== 'C_CloseSession' || !when.startsWith('after '))
        asked.set(`${call}: ${when}`, [call, when]);
    }
  }
  const rows = [...asked.values()].map(([call = '', when = '']) => [
    `\`${call}\`: ${when}`,
    ...sheets.map((sheet) => {
      const found = of(sheet)?.answers.find((one) => one.call === call && one.when === when);
      if (found === undefined) return absent;
      return found.note === undefined ? short(found.answer) : `${short(found.answer)} (${found.note})`;
    }),
  ]);
  const ends = sheets.map((sheet) => of(sheet)?.end ?? absent);
  return ends.some((end) => end !== 'finished' && end !== absent)
    ? [...rows, ['the process', ...ends]]
    : rows;
}

function breakageTables(sheet: Sheet): string {
  const names = Object.keys(sheet.breakages);
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const stage = (name: string, when: string): string => when.replace(name, '').replace(/^, /, '');
  const rows = new Map<string, string[]>();
  for (const name of names) {
    for (const { call, when } of sheet.breakages[name]?.answers ?? []) {
      const key = `\`${call}\`${stage(name, when) === '' ? '' : `, ${stage(name, when)}`}`;
      rows.set(key, []);
    }
  }
  for (const [key, cells] of rows) {
    for (const name of names) {
      const found = sheet.breakages[name]?.answers.find(
        ({ call, when }) => `\`${call}\`${stage(name, when) === '' ? '' : `, ${stage(name, when)}`}` === key,
      );
      cells.push(
        found === undefined
          ? absent
          : `${short(found.answer)}${found.note === undefined ? '' : ` (${found.note})`}`,
      );
    }
  }
  return [
    `### ${heads[sheet.module]}`,
    '',
    line(['call', ...names]),
    `|${'---|'.repeat(names.length + 1)}`,
    ...[...rows].map(([key, cells]) => line([key, ...cells])),
  ].join('\n');
}

function raceRows(sheets: readonly Sheet[]): string[][] {
  const names = [...new Set(sheets.flatMap(({ races }) => Object.keys(races)))];
  return names.map((name) => [
    name,
    ...sheets.map(({ races }) =>
      Object.entries(races[name] ?? {})
        .map(([outcome, count]) => `${count}: ${outcome.replaceAll('CKR_OK', 'ok').replaceAll('CKR_', '')}`)
        .join('; '),
    ),
  ]);
}

function codeRows(sheets: readonly Sheet[], { codes }: CodesByModule): string[][] {
  return codes
    .filter(({ name }) => name !== 'CKR_OK')
    .map(({ name, seen, inSource }) => [
      `\`${name}\``,
      ...sheets.map(({ module }) => {
        const times = seen[module]?.length ?? 0;
        const places = inSource[module] ?? 0;
        if (times === 0 && places === 0) return absent;
        return times === 0 ? `${places} in source` : `**seen ${times}**, ${places} in source`;
      }),
    ]);
}

const sizes = (minimum: number, maximum: number): string => (maximum === 0 ? '' : ` ${minimum}–${maximum}`);

function mechanismRows(sheets: readonly Sheet[]): string[][] {
  const names = [
    ...new Set(sheets.flatMap(({ description }) => description.mechanisms.map(({ name }) => name))),
  ].sort();
  const relevant = names.filter((name) => /ECDSA|EDDSA|EC_|RSA/.test(name));
  return relevant.map((name) => [
    `\`${name}\``,
    ...sheets.map(({ description }) => {
      const found = description.mechanisms.find((one) => one.name === name);
      if (found === undefined) return absent;
      const flags = found.flags.map((flag) => flag.replace('CKF_', '').toLowerCase()).join(' ');
      return `${flags}${sizes(found.minKeySize, found.maxKeySize)}`;
    }),
  ]);
}

const intro = `# What four PKCS#11 modules do

Generated by \`test/hsm/modules/main.ts\` from the sheets in \`test/hsm/modules/sheets/\`; do not edit. Everything here was
measured on the running module, each probe in a process of its own: a crash or a hang is an answer. To measure again:

\`\`\`
npx tsx test/hsm/modules/main.ts --write
\`\`\`

The scripts \`test/hsm/modules/start-softhsm\`, \`start-tpm2\`, \`start-softokn\` and \`start-opencryptoki\` beside it start a private
instance each, and also run by hand: they print what a process needs, and take everything down at Ctrl-C. They install what
is missing with apt (root or passwordless sudo). A name of a code stands without its \`CKR_\`; \`ok\` is CKR_OK; ${absent} is: not asked.
`;

export function documentOf(sheets: readonly Sheet[], codes: CodesByModule): string {
  const probeNames = [...new Set(sheets.flatMap(({ probes }) => Object.keys(probes)))];
  const describe = (of: (sheet: Sheet) => string): string[] => sheets.map(of);
  const sections = [
    intro,
    '## What follows for a signer\n',
    `${consequencesOf(sheets)
      .hold.map((text) => `- ${text}`)
      .join('\n')}\n`,
    '## What was measured\n',
    table('', sheets, [
      ['date', ...describe(({ date }) => date)],
      [
        'versions',
        ...describe(({ versions }) =>
          Object.entries(versions)
            .map(([name, version]) => `${name} ${version}`)
            .join(', '),
        ),
      ],
      [
        'library',
        ...describe(
          ({ description: { library } }) =>
            `${library.manufacturer}, ${library.description}, ${library.version}, Cryptoki ${library.cryptoki}`,
        ),
      ],
      [
        'token',
        ...describe(
          ({ description: { token } }) => `${token.manufacturer}, ${token.model}, firmware ${token.firmware}`,
        ),
      ],
      [
        'token flags',
        ...describe(({ description: { token } }) =>
          token.flags.map((flag) => flag.replace('CKF_', '')).join(', '),
        ),
      ],
      [
        'slot',
        ...describe(
          ({ description: { slot } }) =>
            `${slot.slots} slots; ${slot.flags.map((flag) => flag.replace('CKF_', '')).join(', ')}`,
        ),
      ],
      [
        'PIN, bytes',
        ...describe(({ description: { token } }) => `${token.minPinLength}–${token.maxPinLength}`),
      ],
      [
        'sessions at most',
        ...describe(({ description: { token } }) =>
          token.maxSessions === 0 || token.maxSessions > 4e9 ? 'no limit told' : String(token.maxSessions),
        ),
      ],
      ['mechanisms', ...describe(({ description }) => String(description.mechanisms.length))],
    ]),
    '\n## Algorithms, end to end\n\nKeys made in the token, signed through pkcs11js, verified by node:crypto; one session, 50 signatures a way.\n',
    table('', sheets, [
      ...[...new Set(sheets.flatMap(({ keys }) => keys.map(({ kind }) => kind)))].map((kind) => [
        `a ${kind} key`,
        ...describe(({ keys }) => short(keys.find((key) => key.kind === kind)?.answer ?? absent)),
      ]),
      ...routeRows(sheets, ({ routes }) => routes),
    ]),
    '\n## Four sessions at once\n\nC_SignAsync; `wrong` are signatures that node:crypto refuses.\n',
    table(
      '',
      sheets,
      routeRows(sheets, ({ concurrency }) => concurrency),
    ),
    '\n## Attributes of the private keys\n',
    table('', sheets, auditRows(sheets)),
    '\n## Mechanisms for signing, with key sizes\n',
    table('', sheets, mechanismRows(sheets)),
    '\n## Probes\n',
    ...probeNames.flatMap((name) => [
      `### ${name}\n`,
      `${table(
        '',
        sheets,
        probeRows(sheets, ({ probes }) => probes[name]),
      )}\n`,
    ]),
    `## Races\n\nEach run ${raceRuns} times: how many runs came out how. Never let C_Finalize or C_CloseSession meet an operation in flight.\n`,
    table('', sheets, raceRows(sheets)),
    '\n## A token that breaks under a signer\n\nOne process had signed when it was broken, and went on; `in a new process` is one that starts then.\n',
    ...sheets.map((sheet) => `${breakageTables(sheet)}\n`),
    `## Codes\n\nHow many of the probes above made a module give a code, and how many places in its source give it (${sheets
      .map(({ module }) => `${heads[module]}: ${codes.sources[module]}`)
      .join('; ')}). Which call gave which is in \`test/hsm/modules/ckr-by-module.json\`.\n`,
    table('', sheets, codeRows(sheets, codes)),
  ];
  return `${sections.join('\n')}\n`;
}
