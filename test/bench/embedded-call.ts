/** One call of a program that a host embeds: a payment rule of five clauses with its inputs and its result, beside JavaScript. */
import { type Program, startMachine } from '../../vm/host.ts';
import { packSymbol, readSymbol } from '../../vm/symbol.ts';
import { openTranslated } from '../../vm/translated-host.ts';
import { translate } from '../../vm/translator/translate.ts';
import {
  assembled,
  type BareMachine,
  bareMachine,
  loadBare,
  translatorRuntime,
  wasm,
} from '../vm/machine.ts';
import type { Row } from './figure.ts';
import { otherEngines, type RuleEngine } from './rule-engines.ts';

const rounds = 40;
const warmRounds = 10;
const callsOfRound = 20_000;

/** At most so much at once, no more than there is, no more than a day's limit; in euros, and to no embargoed country. */
export const paymentRule = `
level all C0 A8
constant zero 0 C0 A8
constant one 1 C0 A8
constant two 2 C0 A8
constant most 1000000 C0 A8
constant day 5000000 C0 A8
constant euro 'EUR' C0 A8
table embargoed sorted C0 A8 : 'IR' 'KP' 'SY'
segment amounts 3 C0 A8 ceiling C0 A8          ; amount, balance, spent today
segment codes 2 symbol C0 A8 ceiling C0 A8     ; currency, destination
port allowed C0 A8
at all
const r0 zero
const r1 one
const r2 two
load r3 amounts r0
load r4 amounts r1
load r5 amounts r2
load r6 codes r0
load r7 codes r1
const r8 most
le r10 r3 r8
le r11 r3 r4
add r5 r5 r3
const r8 day
le r12 r5 r8
const r9 euro
eq r13 r6 r9
find r14 embargoed r7
lt r14 r14 r0
and r10 r10 r11
and r12 r12 r13
and r10 r10 r12
and r10 r10 r14
output allowed r10
halt
`;

interface Payment {
  readonly amount: bigint;
  readonly balance: bigint;
  readonly spent: bigint;
  readonly currency: bigint;
  readonly destination: bigint;
}

const symbol = (text: string): bigint => packSymbol(text) ?? 0n;
const [euro, dollar] = [symbol('EUR'), symbol('USD')];
const embargoed = ['IR', 'KP', 'SY'].map(symbol);
const destinations = ['DE', 'FR', 'KP', 'PT', 'JP'].map(symbol);

/** The same rule, trusted and without labels. */
function isAllowed({ amount, balance, spent, currency, destination }: Payment): boolean {
  return (
    amount <= 1_000_000n &&
    amount <= balance &&
    spent + amount <= 5_000_000n &&
    currency === euro &&
    !embargoed.includes(destination)
  );
}

/** Half of them are allowed, and each clause denies some. */
function payments(): Payment[] {
  return Array.from({ length: 1_000 }, (_, at) => ({
    amount: BigInt((at * 7_919) % 1_050_000),
    balance: BigInt(600_000 + ((at * 104_729) % 900_000)),
    spent: BigInt((at * 15_485_863) % 5_000_000),
    currency: at % 16 === 7 ? dollar : euro,
    destination: destinations[(at * 31) % destinations.length] ?? 0n,
  }));
}

type Decide = (payment: Payment) => boolean;

async function embedded(): Promise<Decide> {
  const machine = await startMachine(wasm);
  const loaded = machine.load(assembled(paymentRule).bytes);
  if (!loaded.ok) throw new Error(loaded.message);
  return decideWith(loaded.program);
}

function translatedRule(): WebAssembly.Module {
  const { wasm: code } = translate({ source: assembled(paymentRule).bytes, runtime: translatorRuntime });
  return new WebAssembly.Module(code as Uint8Array<ArrayBuffer>);
}

async function embeddedTranslated(): Promise<Decide> {
  const opened = await openTranslated(translatedRule());
  if (!opened.ok) throw new Error(opened.message);
  return decideWith(opened.program);
}

function decideWith(program: Program): Decide {
  return ({ amount, balance, spent, currency, destination }) => {
    const result = program.run({
      inputs: [
        { segment: 0, index: 0, value: amount },
        { segment: 0, index: 1, value: balance },
        { segment: 0, index: 2, value: spent },
        { segment: 1, index: 0, value: currency },
        { segment: 1, index: 1, value: destination },
      ],
    });
    if (!result.ok) throw new Error('the rule trapped');
    return result.ports.get(0) === 1n;
  };
}

/** The exports alone, as a host in C calls them, that trusts its numbers and its reader. */
async function bare(): Promise<Decide> {
  const machine = await bareMachine();
  const refused = loadBare(machine, assembled(paymentRule).bytes);
  if (refused !== 0) throw new Error(`the rule was refused: ${refused}`);
  return decideBare(machine);
}

function bareTranslated(): Decide {
  return decideBare(new WebAssembly.Instance(translatedRule(), {}).exports as unknown as BareMachine);
}

function decideBare(machine: BareMachine): Decide {
  const amounts = new BigInt64Array(machine.memory.buffer, machine.segmentAddress(0), 3);
  const codes = new BigInt64Array(machine.memory.buffer, machine.segmentAddress(1), 2);
  const fuel = machine.fuelBound();
  return ({ amount, balance, spent, currency, destination }) => {
    amounts[0] = amount;
    amounts[1] = balance;
    amounts[2] = spent;
    codes[0] = currency;
    codes[1] = destination;
    const outcome = machine.run(fuel);
    const answer = machine.portValue(0);
    machine.reset();
    if (outcome !== 0) throw new Error('the rule trapped');
    return answer === 1n;
  };
}

/** Another engine, whose payments are made in the form that it likes best before the clock runs. */
function elsewhere(engine: RuleEngine, given: readonly Payment[]): Decide {
  const prepared = new Map(
    given.map((payment) => {
      const { amount, balance, spent, currency, destination } = payment;
      const facts = {
        amount: Number(amount),
        balance: Number(balance),
        spent: Number(spent),
        currency: readSymbol(currency) ?? '',
        destination: readSymbol(destination) ?? '',
      };
      return [payment, engine.prepare(facts)];
    }),
  );
  return (payment) => prepared.get(payment)?.() === false;
}

/** Nanoseconds of one call; the answers must be as many as `expected`. */
function timeRound(decide: Decide, given: readonly Payment[], expected: number): number {
  let allowed = 0;
  const startedMs = performance.now();
  for (let call = 0; call < callsOfRound; call += given.length)
    for (const payment of given) if (decide(payment)) allowed++;
  const ms = performance.now() - startedMs;
  if (allowed !== expected) throw new Error(`${allowed} allowed, and not ${expected}`);
  return (ms / callsOfRound) * 1e6;
}

/** Each in turn, round by round, so that whatever else this computer does meets them all. */
export async function benchEmbeddedCall(): Promise<Row[]> {
  const given = payments();
  const expected = given.filter(isAllowed).length * (callsOfRound / given.length);
  const ways: readonly { readonly name: string; readonly decide: Decide; readonly ns: number[] }[] = [
    { name: 'one call through vm/host.ts, five inputs and one result', decide: await embedded(), ns: [] },
    { name: '… by the bare exports', decide: await bare(), ns: [] },
    { name: '… translated, through vm/translated-host.ts', decide: await embeddedTranslated(), ns: [] },
    { name: '… translated, by the bare exports', decide: bareTranslated(), ns: [] },
    { name: '… the rule as a function of JavaScript', decide: isAllowed, ns: [] },
    ...otherEngines('five').map((engine) => ({
      name: `… ${engine.name}`,
      decide: elsewhere(engine, given),
      ns: [],
    })),
  ];
  for (let round = 0; round < warmRounds + rounds; round++) {
    for (const { decide, ns } of ways) {
      const one = timeRound(decide, given, expected);
      if (round >= warmRounds) ns.push(one);
    }
  }
  return ways.map(({ name, ns }) => {
    const sorted = ns.sort((a, b) => a - b);
    return {
      what: `label machine, payment rule of five clauses: ${name}`,
      figure: `${sorted[rounds >> 1]?.toFixed(0)} ns (at best ${sorted[0]?.toFixed(0)} ns)`,
    };
  });
}
