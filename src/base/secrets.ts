/** Recognises variables and texts that contain secrets, so that no plan, ledger, event or table ever shows one. */

const secretName = /(^|_)(TOKEN|KEY|NKEY|SECRET|PASSWORD|PASSWD|CREDENTIALS?)(_|$)/i;

/** `OPENAI_API_KEY=EMPTY` is what users pass to a local server: not a secret. */
const publicValues = new Set(['', 'EMPTY', 'dummy']);

export function isSecret(variable: string, value = 'unknown'): boolean {
  return secretName.test(variable) && !publicValues.has(value);
}

/** The same for a name in camelCase, as parameters have: `hfToken`. */
export function isSecretParameter(name: string, variables: readonly string[]): boolean {
  return (
    isSecret(name.replaceAll(/(?<=[a-z0-9])(?=[A-Z])/g, '_')) || variables.some((each) => isSecret(each))
  );
}

/**
 * Variables of Dynamo, SGLang and their dependencies whose contents are documented; and those that every process has.
 * Source: docs/upstream/environment-variables.md#names-without-secrets.
 */
const documented: readonly RegExp[] = [
  /^(DYN|DYNAMO|SGLANG|SGL|CUDA|NCCL|NVIDIA|GLOO|UCX|NIXL|MC|MOONCAKE|OMP|MKL|KMP|OPENBLAS|NUMEXPR)_/,
  /^(TORCH|TORCHINDUCTOR|TORCHELASTIC|PYTORCH|TRITON|FLASHINFER|TILELANG|TVM|TOKENIZERS|RUST|TOKIO|LC|XDG|SPT)_/,
  /^(PYTHON[A-Z]+|PYTHON_[A-Z_]+|NODE_ENV|NODE_USE_ENV_PROXY|MALLOC_[A-Z_]+|VIRTUAL_ENV|CONDA_PREFIX)$/,
  /^(HF_(HOME|ENDPOINT|HUB_[A-Z_]+|XET_[A-Z_]+|DATASETS_OFFLINE)|HUGGINGFACE_HUB_CACHE|TRANSFORMERS_[A-Z_]+)$/,
  /^(ETCD_ENDPOINTS|NATS_SERVER|OTEL_(SERVICE_NAME|EXPORT_ENABLED|[A-Z_]*ENDPOINT|[A-Z_]*EXPORTER|TRACES_SAMPL[A-Z_]+|B(LR|S)P_[A-Z_]+))$/,
  /^(PATH|LD_LIBRARY_PATH|LIBRARY_PATH|CPATH|HOME|USER|LOGNAME|SHELL|TERM|TMPDIR|LANG|LANGUAGE|TZ|PWD|HOSTNAME)$/,
  /^(no_proxy|NO_PROXY|NO_COLOR|FORCE_COLOR|DEBUG|LOG_LEVEL)$/,
];

/** Whether a variable may be shown: its contents are documented, and no part of its value looks like a secret. */
export function isHarmless(variable: string, value: string): boolean {
  if (publicValues.has(value)) return true;
  return isDocumented(variable) && conceal(value) === value;
}

/** Whether the name alone shows that the value is not a secret, except perhaps a password in an address. */
export function isDocumented(variable: string): boolean {
  return documented.some((pattern) => pattern.test(variable)) && !secretName.test(variable);
}

const secretTexts = [
  // Tokens of well-known services: Hugging Face, OpenAI and compatible ones, NVIDIA, GitHub, AWS.
  /\b(?:hf_[A-Za-z0-9]{16,}|sk-[A-Za-z0-9_-]{16,}|nvapi-[A-Za-z0-9_-]{16,}|gh[pousr]_[A-Za-z0-9]{20,}|AKIA[0-9A-Z]{16})/g,
  /(?<=\bBearer\s+)[\w.~+/-]{8,}=*/gi,
  // NAME=value, "name": "value". Models have tokens too, such as eos_token="<|im_end|>": those are not secrets.
  /(?<=\b(?:[A-Z0-9_]*TOKEN|[\w-]*(?:hf|auth|access|api|refresh)[_-]token)["']?\s*[=:]\s*["']?)[^\s"',;&]{6,}/g,
  /(?<=\b[\w-]*(?:api[_-]?key|secret|passw(?:or)?d)["']?\s*[=:]\s*["']?)(?!EMPTY\b|dummy\b)[^\s"',;&]{6,}/gi,
  // The password in a URL.
  /(?<=\/\/[^\s/:@]*:)[^\s/@]+(?=@)/g,
];
/** One cheap test that nearly all lines fail. Matching lower case only takes half the time. */
const suspicious =
  /hf_|sk-|nvapi-|gh[pousr]_|akia|bearer\s|token["']?\s*[=:]|api[_-]?key|secret|passw|\/\/[^\s/]*@/;

export function maySpill(text: string): boolean {
  return suspicious.test(text.toLowerCase());
}

/** Shown in place of a secret. */
export const hiddenMark = '***';

/** The text of a log with everything in it that looks like a secret replaced by `***`. */
export function redact(text: string): string {
  return replaced(text, secretTexts, stars);
}

type Mark = (secret: string) => string;

const stars: Mark = () => hiddenMark;

function replaced(text: string, patterns: readonly RegExp[], mark: Mark): string {
  return patterns.reduce((before, pattern) => before.replaceAll(pattern, (found) => mark(found)), text);
}

/** Text written by a user is short and rarely looks like a secret by chance, so shorter matches count too. */
const writtenSecrets = [
  /(?<=\bBearer\s+)[^\s"']+/gi,
  /(?<=\bAuthorization["']?\s*[:=]\s*["']?(?:Basic|Token|Digest)\s+)[^\s"']+/gi,
  /(?<=\b[\w-]*(?:api[_-]?key|secret|passw(?:or)?d|credentials?|(?:hf|auth|access|api|refresh)[_-]token)["']?\s*[=:]\s*["']?)(?!EMPTY\b|dummy\b)[^\s"',;&}\]]+/gi,
  // Everything before the @ of an address: a password, or a token in its place.
  /(?<=\/\/[^\s/:@"']*:)[^\s/"']+(?=@)/g,
  /(?<=\/\/)[^\s/:@"']+(?=@)/g,
  // The same without a scheme; an image with a digest looks similar.
  /(?<=(?:^|[\s="'])[^\s/:@"'=]+:)[^\s/@"']+(?=@[A-Za-z0-9[])(?!@sha256:)/g,
  /(?<=[?&][\w-]*(?:token|key|secret|signature|sig|password)=)[^&\s"']+/gi,
];

/** The same for text written by a user: a value, an argument, a line of a profile. */
export function conceal(text: string, mark: Mark = stars): string {
  return replaced(replaced(text, writtenSecrets, mark), secretTexts, mark);
}

const secretFlag =
  /^--?(?:[\w-]*[-_])?(?:api-?key|key|token|secret|passw(?:or)?d|credentials?|auth|nkey)(?==|$)/i;

/** Whether the argument after this word is a secret, as after `--api-key`. */
export function isSecretFlag(word: string): boolean {
  return secretFlag.test(word) && !word.includes('=');
}

/** The arguments with their secrets concealed, in the same positions. */
export function concealWords(words: readonly string[]): string[] {
  return words.map((word, i) => {
    const before = words[i - 1];
    if (before !== undefined && isSecretFlag(before) && !/^--[a-z]/i.test(word)) {
      return publicValues.has(word) ? word : hiddenMark;
    }
    const flag = secretFlag.exec(word)?.[0];
    if (flag === undefined || !word.startsWith('=', flag.length)) return conceal(word);
    return publicValues.has(word.slice(flag.length + 1)) ? word : `${flag}=${hiddenMark}`;
  });
}
