/**
 * For each code of the checker a module that is refused with it, and a neighbour that is accepted. What is between ⟦ and ⟧ is the place.
 */
import type { CheckerCode } from '../../../src/rules/checker/fault-list.ts';
import { limits } from '../../../src/rules/limits.ts';

export interface FaultExample {
  /** Behind the prelude; a whole module where it begins with `module`. */
  readonly refused: string;
  readonly accepted: string;
  /** Too long to be shown. */
  readonly hidden?: true;
}

const hash = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';

export const prelude = `module us.example 1
  jurisdiction US
  layer national
  on transfer
control party verdict
control limit cap
control papers evidence
window day 24h
feed ecb of rates max_age 24h on_stale HOLD
feed index of ratio max_age 24h on_stale HOLD
list sdn of key secret sha256:${hash}
param floor : money<USD> = usd("10.00") range usd("0.00") .. usd("20.00")
param tries : int = 5 secret
let dollars = convert(tx.amount, USD, feed.ecb, UP)
rule whole control limit
  cap usd("100.00") on dollars
`;

/** A rule with a condition. */
function when(condition: string): string {
  return `rule example control party\n  DENY when ${condition}\n`;
}

function test(facts: string): string {
  return `test "example" { ${facts} } => ALLOW\n`;
}

function header(clauses: string): string {
  return `module us.example 1\n  ${clauses}\n`;
}

function many(count: number, one: (index: number) => string, between = '\n'): string {
  return Array.from({ length: count }, (_, index) => one(index)).join(between);
}

function both(of: (part: string) => string, refused: string, accepted: string): FaultExample {
  return { refused: of(refused), accepted: of(accepted) };
}

export const faultExamples: Readonly<Record<CheckerCode, FaultExample>> = {
  too_many: {
    refused: `${many(limits.windows - 1, (index) => `window w${index} 1h`)}\n⟦window w 1h⟧\n`,
    accepted: `${many(limits.windows - 1, (index) => `window w${index} 1h`)}\n`,
    hidden: true,
  },
  too_long: both(
    (name) => `window ${name} 1h\n`,
    `⟦${'w'.repeat(limits.name + 1)}⟧`,
    'w'.repeat(limits.name),
  ),
  expression_size: {
    refused: `${when(`⟦${many(4, () => `tx.origin in [${many(101, (index) => `"x${index}"`, ', ')}]`, ' || ')}⟧`)}`,
    accepted: when(many(4, () => `tx.origin in [${many(60, (index) => `"x${index}"`, ', ')}]`, ' || ')),
    hidden: true,
  },
  expression_depth: {
    refused: `let a = true ${'&& true '.repeat(40)}\nrule ⟦example⟧ control party\n  DENY when a ${'&& true '.repeat(30)}\n`,
    accepted: `let a = true ${'&& true '.repeat(40)}\n${when(`a ${'&& true '.repeat(20)}`)}`,
    hidden: true,
  },
  clause_missing: {
    refused: '⟦module us.example 1\n  jurisdiction US\n  layer national⟧\n',
    accepted: header('jurisdiction US\n  layer national\n  on transfer'),
  },
  word_unknown: both(
    (rounding) => `let half = mul(dollars, ratio("0.5"), ${rounding})\n`,
    '⟦NEAREST⟧',
    'HALF_EVEN',
  ),
  bad_jurisdiction: both(
    (code) => header(`jurisdiction ${code}\n  layer national\n  on transfer`),
    '⟦U⟧',
    'US',
  ),
  jurisdiction_twice: both(
    (codes) => header(`jurisdiction ${codes}\n  layer bilateral\n  on transfer`),
    'US + ⟦US⟧',
    'US + FR',
  ),
  jurisdiction_count: both(
    (codes) => header(`jurisdiction ${codes}\n  layer bilateral\n  on transfer`),
    '⟦US⟧',
    'US + FR',
  ),
  bad_version: both(
    (version) => `module us.example ${version}\n  jurisdiction US\n  layer national\n  on transfer\n`,
    '⟦0⟧',
    '1',
  ),
  name_twice: both((name) => `let ${name} = tx.amount\n`, '⟦floor⟧', 'amount'),
  reserved_name: both((name) => `let ${name} = tx.amount\n`, '⟦tx⟧', 'amount'),
  unknown_name: both((name) => when(`${name} >= floor`), '⟦dolars⟧', 'dollars'),
  unknown_function: both((call) => when(call), '⟦exists(tx.tier)⟧', 'has(tx.tier)'),
  unknown_currency: both(
    (code) => `let more = convert(tx.amount, ${code}, feed.ecb, UP)\n`,
    '⟦DOLLARS⟧',
    'EUR',
  ),
  not_a_value: both((name) => when(`${name} >= 3`), '⟦day⟧', 'count(day)'),
  not_a_list: both((list) => when(`tx.origin in ${list}`), '⟦"KP"⟧', '["KP"]'),
  not_a_field: both((field) => when(`has(${field})`), '⟦floor⟧', 'tx.tier'),
  not_optional: both((field) => when(`has(${field})`), '⟦tx.amount⟧', 'tx.tier'),
  unguarded_field: both(
    (condition) => when(condition),
    '⟦tx.tier⟧ == "basic"',
    'has(tx.tier) && tx.tier == "basic"',
  ),
  field_kind: both((field) => when(`${field} > 5`), '⟦tx.units⟧', 'count(day)'),
  field_layer: both(
    (layer) =>
      `module us.example 1\n  jurisdiction US\n  layer ${layer}\n  on issuance\ncontrol limit cap\nrule most control limit\n  cap ${layer === 'issuer' ? 'account.ceiling' : '⟦account.ceiling⟧'} on tx.amount\n  reveals verdict\n`,
    'national',
    'issuer',
  ),
  feed_kind: both((feed) => `let more = convert(tx.amount, EUR, ${feed}, UP)\n`, '⟦feed.index⟧', 'feed.ecb'),
  type_mismatch: both(when, '⟦tx.amount >= floor⟧', 'dollars >= floor'),
  operand_type: both(
    (value) => when(`${value} > floor`),
    '⟦floor * ratio("1.5")⟧',
    'mul(floor, ratio("1.5"), DOWN)',
  ),
  argument_count: both((value) => when(`${value} > floor`), '⟦min(floor)⟧', 'min(floor, dollars)'),
  not_constant: both((value) => `param most : money<USD> = ${value}\n`, '⟦floor⟧', 'usd("10.00")'),
  bad_constant: both((text) => `param most : money<USD> = usd(${text})\n`, '⟦"10.0"⟧', '"10.00"'),
  bad_symbol: both((text) => when(`tx.origin == ${text}`), '⟦"United States"⟧', '"US"'),
  number_size: both(
    (number) => `param most : int = ${number}\n`,
    '⟦1000000000000000000⟧',
    '999999999999999999',
  ),
  empty_list: both((list) => when(`tx.origin in ${list}`), '⟦[]⟧', '["KP"]'),
  let_cycle: both((value) => `let ⟦one⟧ = two\nlet two = ${value}\n`, 'one', 'dollars'),
  item_twice: both((items) => `list embargo of symbol = [${items}]\n`, '"KP", ⟦"KP"⟧', '"KP", "IR"'),
  secret_items: {
    refused: 'list embargo of symbol secret = ⟦["KP", "IR"]⟧\n',
    accepted: `list embargo of symbol secret sha256:${hash}\n`,
  },
  range_type: {
    refused: 'param home : symbol = "US" range ⟦"AA" .. "ZZ"⟧\n',
    accepted: 'param home : symbol = "US"\n',
  },
  range_order: both((range) => `param most : int = 5 range ${range}\n`, '⟦9 .. 1⟧', '1 .. 9'),
  outside_range: both((value) => `param most : int = ${value} range 1 .. 9\n`, '⟦10⟧', '9'),
  duration_range: both((duration) => `window year ${duration}\n`, '⟦401d⟧', '400d'),
  control_kind: both(
    (control) => `rule example control ${control}\n  require tx.ivms_digest\n`,
    '⟦limit⟧',
    'papers',
  ),
  derogable_strict: both(
    (marks) => `rule ${marks} control papers\n  require tx.ivms_digest\n`,
    '⟦example⟧ strict derogable',
    'example strict',
  ),
  exception_control: both(
    (control) =>
      `control other cap\nrule example control ${control} exception to whole\n  cap usd("50.00") on dollars\n`,
    '⟦other⟧',
    'limit',
  ),
  exception_cycle: both(
    (parent) =>
      `rule one control papers exception to ${parent}\n  require tx.ivms_digest\nrule two control papers exception to one\n  require tx.ivms_digest\nrule three control papers\n  require tx.ivms_digest\n`,
    '⟦two⟧',
    'three',
  ),
  exception_strict: both(
    (strict) =>
      `rule one${strict} control papers\n  require tx.ivms_digest\nrule two control papers exception to ⟦one⟧\n  require tx.ivms_digest\n`,
    ' strict',
    '',
  ),
  priority_twice: both(
    (priority) =>
      `rule one control limit exception to whole priority 1\n  cap usd("50.00") on dollars\nrule two control limit exception to whole priority ${priority}\n  cap usd("60.00") on dollars\n`,
    '⟦1⟧',
    '2',
  ),
  bad_date: both(
    (date) => `rule example control papers from ${date}\n  require tx.ivms_digest\n`,
    '⟦1969-12-31⟧',
    '1970-01-01',
  ),
  date_order: both(
    (date) => `rule example control papers from 2026-01-01 expires ${date}\n  require tx.ivms_digest\n`,
    '⟦2026-01-01⟧',
    '2026-01-02',
  ),
  missing_reveals: both(
    (reveals) => `rule ⟦example⟧ control party\n  DENY when tx.counterparty_key in list.sdn${reveals}\n`,
    '',
    '\n  reveals verdict',
  ),
  needless_reveals: both(
    (reveals) => `rule example control papers\n  require tx.ivms_digest${reveals}\n`,
    '\n  reveals ⟦code⟧',
    '',
  ),
  fact_twice: both((fact) => test(`tx.origin: "US", ${fact}`), '⟦tx.origin⟧: "FR"', 'tx.destination: "FR"'),
  fact_currency: both(
    (amount) => test(`⟦tx.amount⟧: usd("1.00"), spent.day: ${amount}`),
    'eur("0.00")',
    'usd("0.00")',
  ),
  missing_currency: both(
    (amount) => test(`${amount}tx.time: timestamp("2026-01-01T00:00:00Z"), ⟦feed.ecb.EUR⟧: rate("0.90")`),
    '',
    'tx.amount: usd("1.00"), ',
  ),
  missing_time: both(
    (time) => `test ⟦"example"⟧ { ${time}feed.index: ratio("1.00") } => ALLOW\n`,
    '',
    'tx.time: timestamp("2026-01-01T00:00:00Z"), ',
  ),
  kind_elsewhere: both((kind) => test(`kind: ${kind}`), '⟦"issuance"⟧', '"transfer"'),
  title_twice: both(
    (title) => `test "one" { tx.origin: "US" } => ALLOW\ntest ${title} { tx.origin: "FR" } => ALLOW\n`,
    '⟦"one"⟧',
    '"two"',
  ),
  fired_twice: both(
    (fired) => `test "one" { tx.origin: "US" } => DENY ${fired}\n`,
    'whole, ⟦whole⟧',
    'whole',
  ),
};
