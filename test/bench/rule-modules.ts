/** Two modules with a hundred rules between them, of the kinds that real ones have: for a corridor from the United States to the Union. */

export const rulesOfModule = 50;

export function modulesOfHundredRules(): readonly string[] {
  return [moduleOf('us.bench', 'US', 'national', 'USD'), moduleOf('eu.bench', 'EU', 'regional', 'EUR')];
}

function moduleOf(name: string, jurisdiction: string, layer: string, currency: string): string {
  const rules = Array.from({ length: rulesOfModule }, (_, at) => ruleAt(at, currency.toLowerCase()));
  return `module ${name} 1
  jurisdiction ${jurisdiction}
  layer ${layer}
  on transfer

feed ecb of rates range 1 .. 100000000000 max_age 24h on_stale HOLD
window day 24h
window week 7d
let amount = convert(tx.amount, ${currency}, feed.ecb, UP)
let today = convert(spent(day) + tx.amount, ${currency}, feed.ecb, UP)
let weekly = convert(spent(week) + tx.amount, ${currency}, feed.ecb, UP)
control party verdict
control pattern verdict
control evidence evidence
${rules.map((_, at) => (at % 5 === 2 ? `control limit.n${at} cap\n` : '')).join('')}
${rules.join('')}`;
}

/** Five kinds in turn, each with thresholds of its own; the fourth is an exception to the third. */
function ruleAt(at: number, currency: string): string {
  const money = (units: number): string => `${currency}("${units}.00")`;
  switch (at % 5) {
    case 0:
      return `rule embargo${at} strict control party
  DENY when tx.destination in ["K${letter(at)}", "I${letter(at)}", "C${letter(at)}"] && amount > ${money(at)}\n`;
    case 1:
      return `rule evidence${at} control evidence
  require tx.${at % 2 === 0 ? 'ivms_digest' : 'report_digest'} when amount >= ${money(3_000 + at)} && tx.origin != tx.destination\n`;
    case 2:
      return `rule cap${at} control limit.n${at}
  cap ${money(10_000 + at)} on ${at % 2 === 0 ? 'today' : 'weekly'}\n`;
    case 3:
      return `rule tier${at} control limit.n${at - 1} exception to cap${at - 1}
  cap min(mul(${money(10_000 + at)}, ratio("0.${10 + at}"), DOWN), ${money(9_000)}) on today when has(tx.tier) && tx.tier == "basic"\n`;
    default:
      return `rule pattern${at} control pattern
  FLAG when count(day) > ${at} && amount > ${money(900 + at)} && !has(tx.identity_digest)\n`;
  }
}

/** No country that anybody sends to here. */
const letter = (at: number): string => String.fromCharCode(65 + (at % 26));
