/** Names and texts of a module: none declared twice, none longer than a reader can bear. */
import { quote } from '../../kit/result.ts';
import type { Located, ModuleSyntax } from '../language/syntax.ts';
import { limits } from '../limits.ts';
import { functions } from './call.ts';
import type { FaultList } from './fault-list.ts';
import type { Scope } from './scope.ts';

/** What an expression begins a longer name with. */
const roots: ReadonlySet<string> = new Set(['tx', 'account', 'feed', 'list']);

/** Whether an expression would take the name for something else than what is declared. */
export function isReservedName(name: string): boolean {
  return roots.has(name) || functions.has(name);
}

export function checkNames(syntax: ModuleSyntax, scope: Scope, faults: FaultList): void {
  const checkText = (text: Located<string> | undefined, most: number): void => {
    if (text !== undefined && text.value.length > most)
      faults.report('too_long', text.span, `${text.value.length} characters: at most ${most} are accepted`);
  };
  checkText(syntax.name, limits.name);
  checkText(syntax.law, limits.words);
  checkText(syntax.note, limits.words);
  for (const one of syntax.declarations) {
    if ('name' in one) checkText(one.name, limits.name);
    if ('title' in one) checkText(one.title, limits.words);
    if (one.kind === 'rule') {
      checkText(one.law, limits.words);
      checkText(one.says, limits.words);
    }
  }
  for (const { name, kind } of scope.repeated)
    faults.report(
      'name_twice',
      name.span,
      `${quote(name.value)} is declared already: a name of its own is accepted for each \`${kind}\``,
    );
  for (const { name } of scope.values.values())
    if (isReservedName(name.value))
      faults.report(
        'reserved_name',
        name.span,
        `${quote(name.value)} has a meaning in expressions: another name is accepted`,
      );
}
