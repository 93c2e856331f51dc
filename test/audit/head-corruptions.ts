/** What may be done to the heads that witnesses hold. */
import type { FindingCode } from '../../src/audit/finding.ts';
import type { Tokens } from '../roles/authorities.ts';
import { anyRole, type Corruption, type Draw } from './corruption.ts';
import { type Ledger, type Ledgers, ownerOf } from './ledgers.ts';
import { type Role, signedHead } from './world.ts';

/** What a witness holds is altered: the one of `of`'s journal. */
function headOf(
  kind: string,
  of: Role,
  found: readonly FindingCode[],
  edit: (
    signed: Uint8Array,
    ledgers: Ledgers,
    draw: Draw,
    tokens: Tokens,
  ) => Promise<Uint8Array> | Uint8Array,
  contradicts = false,
): Corruption {
  return {
    kind,
    of,
    power: 'written',
    found,
    async apply(ledgers, draw, tokens) {
      const witness = anyRole.find((role) => role !== of) ?? 'central';
      const { heads } = ledgers[witness];
      const at = heads.findIndex(({ signed }) => ownerOf(signed) === of);
      const held = heads[at];
      if (held === undefined) return false;
      const other = await edit(held.signed, ledgers, draw, tokens);
      heads[at] = contradicts ? { ...held, contradiction: other } : { signed: other, contradiction: null };
      return true;
    },
  };
}

export const heads: readonly Corruption[] = anyRole.flatMap((of): Corruption[] => {
  const said = ({ header, entries }: Ledger): Parameters<typeof signedHead>[2] => ({
    issuedAt: Math.floor(header.madeMs / 1000) - 700,
    journalId: header.journals[0]?.id ?? new Uint8Array(16),
    sequence: entries.length,
    hash: entries.at(-1)?.hash ?? new Uint8Array(32),
  });
  return [
    headOf('bit of a held head flipped', of, ['head_invalid'], (signed, _, draw) => {
      const at = signed.length - 1 - draw(60);
      return signed.with(at, (signed[at] ?? 0) ^ (1 << draw(8)));
    }),
    headOf('held head of an entry that is not there', of, ['journal_behind_head'], (_, ledgers, __, tokens) =>
      signedHead(tokens, of, { ...said(ledgers[of]), sequence: ledgers[of].entries.length + 1 }),
    ),
    headOf('held head of another journal', of, ['journal_foreign'], (_, ledgers, __, tokens) =>
      signedHead(tokens, of, { ...said(ledgers[of]), journalId: new Uint8Array(16).fill(1) }),
    ),
    headOf('held head of another entry', of, ['head_contradicted'], (_, ledgers, __, tokens) =>
      signedHead(tokens, of, { ...said(ledgers[of]), hash: new Uint8Array(32).fill(1) }),
    ),
    headOf(
      'two held heads that contradict each other',
      of,
      ['heads_forked'],
      (_, ledgers, __, tokens) =>
        signedHead(tokens, of, { ...said(ledgers[of]), hash: new Uint8Array(32).fill(1) }),
      true,
    ),
  ];
});
