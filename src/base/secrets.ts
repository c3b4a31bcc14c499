/** Knows which variables hold secrets, so that no plan, ledger, event or table ever shows one. */

const secretName = /(^|_)(TOKEN|KEY|NKEY|SECRET|PASSWORD|PASSWD|CREDENTIALS?)(_|$)/i;

/** `OPENAI_API_KEY=EMPTY` is what everybody passes to a local server: no secret. */
const publicValues = new Set(['', 'EMPTY', 'dummy']);

export function isSecret(variable: string, value = 'unknown'): boolean {
  return secretName.test(variable) && !publicValues.has(value);
}

const secretTexts = [
  // What well-known services give out: Hugging Face, OpenAI and its kin, NVIDIA, GitHub, AWS.
  /\b(?:hf_[A-Za-z0-9]{16,}|sk-[A-Za-z0-9_-]{16,}|nvapi-[A-Za-z0-9_-]{16,}|gh[pousr]_[A-Za-z0-9]{20,}|AKIA[0-9A-Z]{16})/g,
  /(?<=\bBearer\s+)[\w.~+/-]{8,}=*/gi,
  // NAME=value, "name": "value". Models have tokens too, as in eos_token="<|im_end|>": those are no secrets.
  /(?<=\b(?:[A-Z0-9_]*TOKEN|[\w-]*(?:hf|auth|access|api|refresh)[_-]token)["']?\s*[=:]\s*["']?)[^\s"',;&]{6,}/g,
  /(?<=\b[\w-]*(?:api[_-]?key|secret|passw(?:or)?d)["']?\s*[=:]\s*["']?)(?!EMPTY\b|dummy\b)[^\s"',;&]{6,}/gi,
  // The password in a URL.
  /(?<=\/\/[^\s/:@]*:)[^\s/@]+(?=@)/g,
];
/** One cheap test that nearly all lines fail. On small letters alone it takes half the time of one on all. */
const suspicious =
  /hf_|sk-|nvapi-|gh[pousr]_|akia|bearer\s|token["']?\s*[=:]|api[_-]?key|secret|passw|\/\/[^\s/]*@/;

export function maySpill(text: string): boolean {
  return suspicious.test(text.toLowerCase());
}

/** The text with everything in it that looks like a secret replaced by `***`. */
export function redact(text: string): string {
  return secretTexts.reduce((before, secret) => before.replaceAll(secret, '***'), text);
}
