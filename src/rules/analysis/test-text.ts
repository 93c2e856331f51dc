/** Facts as the text of an embedded test of a module. */
import { toHex } from '../../kit/bytes.ts';
import { currencyExponent } from '../../records/iso4217.ts';
import type { CheckedModule, Facts, Type, Value } from '../checker/checked.ts';
import type { Verdict } from '../language/syntax.ts';
import { schema } from '../schema.ts';
import { expressionsOfModule } from './walking.ts';

/** Without these nobody decides; the currency is that of the amount. */
const always = ['tx.time', 'tx.origin', 'tx.destination', 'tx.amount'];

/**
 * A test with those of the facts that the rules of `module` look at; of windows and feeds only what it declares can be said.
 *
 * @example
 * test "the rule day does not apply" { tx.amount: usd("10.00"), … } => ALLOW
 */
export function testText(
  module: CheckedModule,
  title: string,
  facts: Facts,
  expected: { readonly verdict: Verdict; readonly fired: readonly string[] },
): string {
  const currency = String(facts.fields.get('tx.currency'));
  const read = fieldsRead(module);
  const said: string[] = module.on.length > 1 ? [`kind: "${facts.kind}"`] : [];
  for (const [name, value] of facts.fields) {
    const field = schema.get(name);
    if (field === undefined || name === 'tx.currency' || !(always.includes(name) || read.has(name))) continue;
    said.push(`${name}: ${valueText(value, field.type, currency)}`);
  }
  for (const { name, seconds } of module.windows) {
    const use = facts.windows.get(seconds);
    if (use === undefined) continue;
    said.push(`spent.${name}: ${moneyText(use.spent, currency)}`, `count.${name}: ${use.count}`);
  }
  const time = facts.fields.get('tx.time');
  for (const { name, of } of module.feeds) {
    const reading = facts.feeds.get(name);
    if (reading === undefined || typeof time !== 'bigint') continue;
    for (const [to, rate] of reading.rates ?? []) said.push(`feed.${name}.${to}: ${rate}`);
    if (reading.value !== undefined)
      said.push(
        `feed.${name}: ${valueText(reading.value, { kind: of === 'ratio' ? 'ratio' : 'int' }, currency)}`,
      );
    said.push(`feed.${name}.age: ${durationText(time - reading.asOf)}`);
  }
  const { verdict, fired } = expected;
  const result = [verdict, fired.join(', ')].filter((part) => part !== '').join(' ');
  return `test "${title.replaceAll(/["\\]/g, "'")}" {\n${said.map((one) => `  ${one},\n`).join('')}} => ${result}\n`;
}

function fieldsRead(module: CheckedModule): ReadonlySet<string> {
  const read = new Set<string>();
  for (const typed of expressionsOfModule(module))
    if (typed.op === 'field' || typed.op === 'has') read.add(typed.field.name);
  for (const { body } of module.rules) if (body.kind === 'require') read.add(body.field.name);
  return read;
}

/** As the language writes a constant. */
function valueText(value: Value, type: Type, currency: string): string {
  if (value instanceof Uint8Array) return `key("${toHex(value)}")`;
  if (typeof value !== 'bigint') return JSON.stringify(value);
  switch (type.kind) {
    case 'money':
      return moneyText(value, type.currency === 'tx' ? currency : type.currency);
    case 'ratio':
      return `ratio("${decimalText(value, 6)}")`;
    case 'timestamp':
      return `timestamp("${new Date(Number(value) * 1000).toISOString().replace('.000Z', 'Z')}")`;
    case 'duration':
      return durationText(value);
    default:
      return String(value);
  }
}

function moneyText(value: bigint, currency: string): string {
  return `${currency.toLowerCase()}("${decimalText(value, currencyExponent(currency) ?? 0)}")`;
}

function durationText(seconds: bigint): string {
  return seconds < 0n ? `-duration("${-seconds}s")` : `duration("${seconds}s")`;
}

function decimalText(value: bigint, decimals: number): string {
  if (decimals === 0) return String(value);
  const digits = String(value < 0n ? -value : value).padStart(decimals + 1, '0');
  return `${value < 0n ? '-' : ''}${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
}
