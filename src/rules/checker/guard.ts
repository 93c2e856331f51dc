/**
 * Optional fields are read only where they are there: to the right of `has(f) &&`, in the arm of `has(f) ? … :`, to the right of
 * `!has(f) ||`, and in the numbers of a cap whose `when` says so, which are looked at as if they stood to its right.
 */
import type { Typed } from './checked.ts';
import type { FaultList } from './fault-list.ts';
import { partsOf } from './part.ts';

type Fields = ReadonlySet<string>;

const none: Fields = new Set();

function unite(a: Fields, b: Fields): Fields {
  return a.size === 0 ? b : b.size === 0 ? a : new Set([...a, ...b]);
}

function intersect(a: Fields, b: Fields): Fields {
  return new Set([...a].filter((one) => b.has(one)));
}

export class Guards {
  readonly #faults: FaultList;
  /** Lets guard themselves: what was checked with nothing known is right everywhere. */
  readonly #checked = new Set<Typed>();
  readonly #known = { true: new Map<Typed, Fields>(), false: new Map<Typed, Fields>() };

  constructor(faults: FaultList) {
    this.#faults = faults;
  }

  checkLet(value: Typed): void {
    this.check(value, none);
    this.#checked.add(value);
  }

  /** Refuses each optional field that may be read where it is not there, `present` being there for certain. */
  check(typed: Typed, present: Fields = none): void {
    if (this.#checked.has(typed)) return;
    switch (typed.op) {
      case 'field':
        if (typed.field.optional && !present.has(typed.field.name)) {
          const message = `\`${typed.field.name}\` may be missing: to the right of \`has(${typed.field.name}) &&\` it is accepted`;
          this.#faults.report('unguarded_field', typed.span, message);
        }
        break;
      case 'and':
      case 'or':
        this.check(typed.left, present);
        this.check(typed.right, unite(present, this.fieldsWhere(typed.left, typed.op === 'and')));
        break;
      case 'select':
        this.check(typed.condition, present);
        this.check(typed.then, unite(present, this.fieldsWhere(typed.condition, true)));
        this.check(typed.otherwise, unite(present, this.fieldsWhere(typed.condition, false)));
        break;
      default:
        for (const part of partsOf(typed)) this.check(part, present);
    }
  }

  /** Fields that are there for certain where `typed`, a truth, is `truth`. */
  fieldsWhere(typed: Typed, truth: boolean): Fields {
    const known = this.#known[truth ? 'true' : 'false'];
    const before = known.get(typed);
    if (before !== undefined) return before;
    const found = this.#findFieldsWhere(typed, truth);
    known.set(typed, found);
    return found;
  }

  #findFieldsWhere(typed: Typed, truth: boolean): Fields {
    switch (typed.op) {
      case 'has':
        return truth ? new Set([typed.field.name]) : none;
      case 'not':
        return this.fieldsWhere(typed.operand, !truth);
      case 'and':
      case 'or': {
        const left = this.fieldsWhere(typed.left, truth);
        const right = this.fieldsWhere(typed.right, truth);
        return (typed.op === 'and') === truth ? unite(left, right) : intersect(left, right);
      }
      case 'select': {
        const then = unite(this.fieldsWhere(typed.condition, true), this.fieldsWhere(typed.then, truth));
        const otherwise = unite(
          this.fieldsWhere(typed.condition, false),
          this.fieldsWhere(typed.otherwise, truth),
        );
        return intersect(then, otherwise);
      }
      default:
        return none;
    }
  }
}
