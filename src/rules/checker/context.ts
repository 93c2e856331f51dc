/** What an expression of a module is typed against. */
import { quote } from '../../kit/result.ts';
import { nearestWord } from '../language/nearest-word.ts';
import type { Layer, Span, TransactionKind } from '../language/syntax.ts';
import type { Feed, List, Parameter, Typed, Window } from './checked.ts';
import type { FaultList } from './fault-list.ts';
import type { Scope } from './scope.ts';

/**
 * What is declared and was checked is put into the maps before it is looked for.
 *
 * INVARIANT: what `scope` has and a map has not was refused already: who uses it gets `undefined`, and there is no fault of its own.
 */
export class Context {
  readonly scope: Scope;
  readonly faults: FaultList;
  readonly on: readonly TransactionKind[];
  /** `undefined` where that was at fault. */
  readonly layer: Layer | undefined;
  readonly lists = new Map<string, List>();
  readonly feeds = new Map<string, Feed>();
  readonly parameters = new Map<string, Parameter>();
  readonly windows = new Map<string, Window>();
  readonly lets = new Map<string, Typed>();

  constructor({ scope, faults, on, layer }: Pick<Context, 'scope' | 'faults' | 'on' | 'layer'>) {
    this.scope = scope;
    this.faults = faults;
    this.on = on;
    this.layer = layer;
  }

  findList(name: string, span: Span): List | undefined {
    return this.#find('list', name, span, this.scope.lists, this.lists);
  }

  findFeed(name: string, span: Span): Feed | undefined {
    return this.#find('feed', name, span, this.scope.feeds, this.feeds);
  }

  #find<T>(
    kind: 'list' | 'feed',
    name: string,
    span: Span,
    known: ReadonlyMap<string, unknown>,
    checked: ReadonlyMap<string, T>,
  ): T | undefined {
    if (known.has(name)) return checked.get(name);
    return this.unknownName(
      `${kind}.${name}`,
      span,
      [...known.keys()].map((one) => `${kind}.${one}`),
      `a ${kind} that is declared`,
    );
  }

  /** Says that nothing has the name, and what is near it. */
  unknownName(name: string, span: Span, known: readonly string[], accepted: string): undefined {
    const nearest = nearestWord(name, known);
    const hint = nearest === undefined ? `: ${accepted} is accepted` : `: perhaps \`${nearest}\``;
    return this.faults.reportName(`${accepted} ${name}`, span, `nothing is named ${quote(name)}${hint}`);
  }
}
