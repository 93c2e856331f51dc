/** The declarations of a module, for an editor's outline. */
import { readModule } from '../language/parse.ts';
import type { Span } from '../language/syntax.ts';
import type { DeclarationKind } from '../language/words.ts';

export interface Entry {
  readonly kind: DeclarationKind;
  readonly name: string;
  /** What stands beside the name. */
  readonly detail: string;
  readonly span: Span;
  readonly nameSpan: Span;
}

/** In the order of the text, also of what has a fault. */
export function outlineOf(text: string): readonly Entry[] {
  return readModule(text).declarations.map(({ kind, tokens, tree }) => {
    const [first, second = first] = tokens;
    const span = { start: first?.start ?? 0, end: tokens.at(-1)?.end ?? 0 };
    const nameSpan =
      tree !== undefined && 'name' in tree
        ? tree.name.span
        : { start: second?.start ?? 0, end: second?.end ?? 0 };
    const name = text.slice(nameSpan.start, nameSpan.end).replaceAll(/^["']|["']$/g, '');
    return {
      kind,
      name: kind === 'given' || name === '' ? kind : name,
      detail: tree?.kind === 'rule' ? tree.control.value : kind,
      span,
      nameSpan,
    };
  });
}
