/** Knows which variables hold secrets, so that no plan, ledger, event or table ever shows one. */

const secretName = /(^|_)(TOKEN|KEY|SECRET|PASSWORD|PASSWD|CREDENTIALS?)(_|$)/i;

/** `OPENAI_API_KEY=EMPTY` is what everybody passes to a local server: no secret. */
const publicValues = new Set(['', 'EMPTY', 'dummy']);

export function isSecret(variable: string, value = 'unknown'): boolean {
  return secretName.test(variable) && !publicValues.has(value);
}
