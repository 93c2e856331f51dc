import { readFileSync } from 'node:fs';
import { checkModule } from './src/rules/checker/check-module.ts';
import { sizeOf } from './src/rules/checker/part.ts';
import { expressionsOf } from './src/rules/checker/owners.ts';
import { compileCorridor } from './src/rules/compiler/compile.ts';
const many=(n:number,f:(i:number)=>string,b:string)=>Array.from({length:n},(_,i)=>f(i)).join(b);
const head='module a 1\n  jurisdiction ANY\n  layer national\n  on transfer\ncontrol c verdict\ncontrol l cap\nwindow day 24h\nfeed ecb of rates max_age 24h on_stale HOLD\nfeed idx of ratio max_age 24h on_stale HOLD\nfeed k of int max_age 24h on_stale HOLD\n';
const texts:Record<string,string>={
 in: `rule r control c\n  DENY when ${many(3,(i)=>`tx.origin in [${many(100,j=>`"s${i}${j}"`,', ')}]`,' || ')}\n`,
 sum: `rule r control c\n  DENY when ${many(12,()=>'('+many(40,(i)=>`count(day)`,' + ')+' > 5)',' || ')}\n`,
 mul: `rule r control c\n  DENY when ${many(12,()=>'('+many(40,(i)=>`feed.k`,' * ')+' > 5)',' || ')}\n`,
 mulc: `rule r control c\n  DENY when ${many(12,(j)=>'('+many(40,(i)=>`feed.k * ${i+j*50}`,' + ')+' > 5)',' || ').slice(0,8000)}\n`,
 conv: `rule r control c\n  DENY when ${many(14,(j)=>'('+many(12,(i)=>`mul(convert(tx.amount, USD, feed.ecb, UP), feed.idx, ${['UP','DOWN','FLOOR','CEILING','HALF_EVEN','HALF_UP'][i%6]})`,' + ')+` > usd("${j+100}.00"))`,' || ')}\n`,
 convdiff: `rule r control c\n  DENY when ${many(12,(j)=>'('+many(15,(i)=>`mul(usd("${1000+i+j*100}.00"), feed.idx, HALF_EVEN)`,' + ')+` > usd("${j+100}.00"))`,' || ')}\n`,
};
for(const [n,t] of Object.entries(texts)){
 const {module,faults}=checkModule(head+t);
 if(!module){console.log(n,faults.slice(0,2));continue;}
 const set={name:'x',version:1n,hash:new Uint8Array(32),modules:[module],unions:new Map(),issuers:new Map(),parameters:new Map(),lists:new Map()};
 const t0=Date.now();
 const c:any=compileCorridor(set as any,{kind:'transfer',origin:'US',destination:'FR',currency:'EUR'});
 const code = c.program ?? c; 
 console.log(n,sizeOf(expressionsOf(module.rules[0]!)), c.ok, Object.keys(code).slice(0,12), c.faults ?? code.size ?? '', Date.now()-t0,'ms');
}
