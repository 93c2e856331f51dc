import { readFileSync } from 'node:fs';
import { startMachine } from '/tmp/url-path/vm/host.ts';
import { issuanceRules, loadIssuanceDecision } from '/tmp/url-path/src/rules/issuance-decision.ts';
import { openIssuanceRules } from '/tmp/url-path/src/rules/issuance-rules.ts';
import { shippedRuleSet } from '/tmp/url-path/src/rules/policy/shipped-set.ts';
import { decideOrders, recordOf } from '/tmp/url-path/src/roles/order-decisions.ts';
const wasm = new Uint8Array(readFileSync('/tmp/url-path/vm/machine.wasm'));
const old = issuanceRules(loadIssuanceDecision(await startMachine(wasm)), new Uint8Array(32));
let t=(process.cpuUsage().user+process.cpuUsage().system)/1000;
const set = shippedRuleSet();
const fresh = await openIssuanceRules(set, wasm, 'x');
console.log('open', (process.cpuUsage().user+process.cpuUsage().system)/1000-t);
const orders = (n:number)=>Array.from({length:n},(_, i)=>({id:new Uint8Array(16),lots:[{value:BigInt(1+i*7919%1000),count:1,owner:new Uint8Array(32)}],purpose:'',origin:'DE',destination:'DE'}));
const begin = {now:1_795_000_000,available:10n**12n,dayRemaining:10n**12n,requests:0n,frequencyCap:10**9,requestMaximum:10n**9n,ceiling:10n**9n,windows:[],feeds:new Map()};
for (const round of [1,2,3,4,5,6]) for (const [name,r] of [['old',old],['new',fresh]] as const) {
  const o = orders(10_000);
  const t=(process.cpuUsage().user+process.cpuUsage().system)/1000;
  const d = decideOrders({orders:o,currency:{code:'EUR',exponent:2}}, r, begin as never);
  const t2=(process.cpuUsage().user+process.cpuUsage().system)/1000;
  const bytes=recordOf(d);
  const t3=(process.cpuUsage().user+process.cpuUsage().system)/1000;
  console.log(round,name,((t2-t)*1000/10_000).toFixed(2),'us/order; record',((t3-t2)*1000/10_000).toFixed(2),'us/order',bytes.length/10_000,'B/order', d.outcomes[0]?.verdict, d.outcomes[0]?.fuel);
}
