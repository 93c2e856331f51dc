/** Faults of a module as the checker finds them: each place and code once, in the order of the text. */
import type { Fault, Span } from '../language/syntax.ts';
import { limits } from '../limits.ts';

/** What the checker refuses; docs/RULES.md has an example of each. The parser has codes of its own. */
export type CheckerCode =
  | 'too_many'
  | 'too_long'
  | 'expression_size'
  | 'expression_depth'
  | 'clause_missing'
  | 'word_unknown'
  | 'bad_jurisdiction'
  | 'jurisdiction_twice'
  | 'jurisdiction_count'
  | 'bad_version'
  | 'name_twice'
  | 'reserved_name'
  | 'unknown_name'
  | 'unknown_function'
  | 'unknown_currency'
  | 'not_a_value'
  | 'not_a_list'
  | 'not_a_field'
  | 'not_optional'
  | 'unguarded_field'
  | 'field_kind'
  | 'field_layer'
  | 'feed_kind'
  | 'type_mismatch'
  | 'operand_type'
  | 'argument_count'
  | 'not_constant'
  | 'bad_constant'
  | 'bad_symbol'
  | 'number_size'
  | 'empty_list'
  | 'let_cycle'
  | 'item_twice'
  | 'secret_items'
  | 'range_type'
  | 'range_order'
  | 'outside_range'
  | 'duration_range'
  | 'control_kind'
  | 'derogable_strict'
  | 'exception_control'
  | 'exception_cycle'
  | 'exception_strict'
  | 'priority_twice'
  | 'bad_date'
  | 'date_order'
  | 'missing_reveals'
  | 'needless_reveals'
  | 'fact_twice'
  | 'fact_currency'
  | 'missing_currency'
  | 'missing_time'
  | 'kind_elsewhere'
  | 'title_twice'
  | 'fired_twice';

interface UnknownName {
  first: Fault;
  /** Where they begin. */
  readonly places: Set<number>;
}

export class FaultList {
  readonly #found = new Map<string, Fault>();
  readonly #unknown = new Map<string, UnknownName>();

  /** Gives `undefined`, so that a check that cannot go on ends with it. */
  report(code: CheckerCode, span: Span, message: string): undefined {
    this.add({ code, span: { start: span.start, end: span.end }, message });
    return undefined;
  }

  /** However often a name is used that nothing has, that is one fault, at the first place of the text; `key` is of the name. */
  reportName(key: string, span: Span, message: string): undefined {
    const fault = { code: 'unknown_name', span: { start: span.start, end: span.end }, message };
    const before = this.#unknown.get(key);
    if (before === undefined) this.#unknown.set(key, { first: fault, places: new Set([span.start]) });
    else {
      before.places.add(span.start);
      if (span.start < before.first.span.start) before.first = fault;
    }
    return undefined;
  }

  add(fault: Fault): void {
    const key = `${fault.code} ${fault.span.start} ${fault.span.end}`;
    if (!this.#found.has(key)) this.#found.set(key, fault);
  }

  get size(): number {
    return this.#found.size + this.#unknown.size;
  }

  inOrder(): readonly Fault[] {
    const unknown = [...this.#unknown.values()].map(({ first, places }) =>
      places.size === 1 ? first : { ...first, message: `${first.message} (in ${places.size} places)` },
    );
    return [...this.#found.values(), ...unknown]
      .sort((a, b) => a.span.start - b.span.start || a.span.end - b.span.end || (a.code < b.code ? -1 : 1))
      .slice(0, limits.faults);
  }
}
