/** Names and texts of a module: none declared twice, none longer than a reader can bear. */
import { quote } from '../../kit/result.ts';
import type { Located, ModuleSyntax } from '../language/syntax.ts';
import { limits } from '../limits.ts';
import { functions } from './call.ts';
import type { FaultList } from './fault-list.ts';
import type { Scope } from './scope.ts';

/** What an expression begins a longer name with. */
const roots: ReadonlySet<string> = new Set(['tx', 'account', 'feed', 'list']);

export function checkNames(syntax: ModuleSyntax, scope: Scope, faults: FaultList): void {
  const checkLength = (text: Located<string> | undefined, most: number): void => {
    if (text !== undefined && text.value.length > most)
      faults.report('too_long', text.span, `${text.value.length} characters: at most ${most} are accepted`);
  };
  checkLength(syntax.name, limits.name);
  checkLength(syntax.law, limits.words);
  checkLength(syntax.note, limits.words);
  for (const one of syntax.declarations) {
    if ('name' in one) checkLength(one.name, limits.name);
    if ('title' in one) checkLength(one.title, limits.words);
    if (one.kind === 'rule') {
      checkLength(one.law, limits.words);
      checkLength(one.says, limits.words);
    }
  }
  for (const { name, kind } of scope.repeated)
    faults.report(
      'name_twice',
      name.span,
      `${quote(name.value)} is declared already: a name of its own is accepted for each \`${kind}\``,
    );
  for (const { name } of scope.values.values())
    if (roots.has(name.value) || functions.has(name.value))
      faults.report(
        'reserved_name',
        name.span,
        `${quote(name.value)} has a meaning in expressions: another name is accepted`,
      );
}
