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

export class FaultList {
  readonly #found = new Map<string, Fault>();

  /** Gives `undefined`, so that a check that cannot go on ends with it. */
  report(code: CheckerCode, span: Span, message: string): undefined {
    this.add({ code, span: { start: span.start, end: span.end }, message });
    return undefined;
  }

  add(fault: Fault): void {
    const key = `${fault.code} ${fault.span.start} ${fault.span.end}`;
    if (!this.#found.has(key)) this.#found.set(key, fault);
  }

  get size(): number {
    return this.#found.size;
  }

  inOrder(): readonly Fault[] {
    return [...this.#found.values()]
      .sort((a, b) => a.span.start - b.span.start || a.span.end - b.span.end || (a.code < b.code ? -1 : 1))
      .slice(0, limits.faults);
  }
}
