/**
 * Entry point of a solver process: answers questions from its parent over IPC with z3, one after the other, and ends when the parent does.
 *
 * z3 runs in threads of its own that nothing ends but the end of the process; this is why it has one. Each question has a context of its own, which is
 * released. A text goes into z3 at an address that stays until it was read: `eval_smtlib2_string` of the package frees it while its thread still reads.
 */
import process from 'node:process';
import { init, type Z3_context, type Z3_solver } from 'z3-solver';
import type { Question, Reply } from './messages.ts';

/** Of the package's WebAssembly module, what is used besides its typed calls. */
interface Memory {
  readonly HEAPU8: Uint8Array;
  _malloc(bytes: number): number;
  _free(address: number): void;
  _Z3_solver_from_string(context: Z3_context, solver: Z3_solver, text: number): void;
}

/** Z3_lbool */
const unsatisfiable = -1;
const satisfiable = 1;

const { Z3, em } = await init();
const memory = em as unknown as Memory;

/** Puts `script` into `solver`; its text lies in memory of its own, since the stack of the module holds no long ones. */
function read(context: Z3_context, solver: Z3_solver, script: string): void {
  const bytes = Buffer.from(`${script}\0`);
  const address = memory._malloc(bytes.length);
  if (address === 0) throw new Error('out of memory');
  try {
    memory.HEAPU8.set(bytes, address);
    memory._Z3_solver_from_string(context, solver, address);
  } finally {
    memory._free(address);
  }
  // 0 is Z3_OK.
  if (Z3.get_error_code(context) !== 0)
    throw new Error(Z3.get_error_msg(context, Z3.get_error_code(context)));
}

function modelOf(context: Z3_context, solver: Z3_solver): [string, string][] {
  const model = Z3.solver_get_model(context, solver);
  Z3.model_inc_ref(context, model);
  const values: [string, string][] = [];
  for (let index = 0; index < Z3.model_get_num_consts(context, model); index++) {
    const constant = Z3.model_get_const_decl(context, model, index);
    const value = Z3.model_get_const_interp(context, model, constant);
    if (value === null) continue;
    values.push([
      Z3.get_symbol_string(context, Z3.get_decl_name(context, constant)),
      Z3.ast_to_string(context, value),
    ]);
  }
  Z3.model_dec_ref(context, model);
  return values;
}

async function answer(question: Question): Promise<Reply> {
  const configuration = Z3.mk_config();
  const context = Z3.mk_context_rc(configuration);
  Z3.del_config(configuration);
  try {
    // The plain solver starts in a fifth of the other's time, and answers nearly everything.
    const reply = await check(context, Z3.mk_simple_solver(context), question);
    return reply.result === 'unknown' && reply.isGivenUp
      ? await check(context, Z3.mk_solver(context), question)
      : reply;
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'z3 stopped';
    return { id: question.id, result: 'unknown', model: [], reason };
  } finally {
    Z3.del_context(context);
  }
}

async function check(
  context: Z3_context,
  solver: Z3_solver,
  { id, script, timeoutMs, steps }: Question,
): Promise<Reply & { readonly isGivenUp?: boolean }> {
  Z3.solver_inc_ref(context, solver);
  const parameters = Z3.mk_params(context);
  Z3.params_inc_ref(context, parameters);
  try {
    const set = (name: string, value: number): void =>
      Z3.params_set_uint(context, parameters, Z3.mk_string_symbol(context, name), value);
    set('timeout', timeoutMs);
    set('rlimit', steps);
    set('random_seed', 1);
    Z3.solver_set_params(context, solver, parameters);
    read(context, solver, script);
    const found: number = await Z3.solver_check(context, solver);
    if (found === satisfiable) return { id, result: 'sat', model: modelOf(context, solver), reason: '' };
    if (found === unsatisfiable) return { id, result: 'unsat', model: [], reason: '' };
    const reason = Z3.solver_get_reason_unknown(context, solver);
    return { id, result: 'unknown', model: [], reason, isGivenUp: reason !== 'timeout' };
  } finally {
    Z3.params_dec_ref(context, parameters);
    Z3.solver_dec_ref(context, solver);
  }
}

/** One after the other: z3 in WebAssembly takes one call at a time. */
let last: Promise<void> = Promise.resolve();

process.on('message', (question: Question) => {
  last = last.then(async () => {
    const reply = await answer(question);
    process.send?.(reply satisfies Reply);
  });
});
process.on('disconnect', () => process.exit(0));
process.send?.({ id: 0, result: 'unknown', model: [], reason: 'started' } satisfies Reply);
