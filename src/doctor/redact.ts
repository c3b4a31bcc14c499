/** Takes secrets out of what checks saw: command lines, addresses and the answers of programs may hold them. */
import { isSecret } from '../base/secrets.ts';

const mark = '***';
/** Shorter values would be found by chance in the midst of words. */
const shortestSecret = 6;

const patterns: readonly [pattern: RegExp, by: string][] = [
  [/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/@]+@/gi, `$1${mark}@`],
  [/\bhf_[A-Za-z0-9]{8,}\b/g, mark],
  [/(--[\w-]*(?:token|key|secret|password|passwd)(?:=|\s+))(?!-)\S+/gi, `$1${mark}`],
  [/(\b\w*(?:TOKEN|SECRET|PASSWORD|API_KEY)=)\S+/g, `$1${mark}`],
  [/(\bBearer\s+)\S+/gi, `$1${mark}`],
];

/** A function that replaces the values of all secret variables of this environment, `secrets`, and what looks like one. */
export function redactor(
  environment: Readonly<Record<string, string | undefined>>,
  secrets: readonly string[] = [],
): (text: string) => string {
  const said = Object.entries(environment).flatMap(([name, value]) =>
    value !== undefined && isSecret(name, value) ? [value] : [],
  );
  const values = [...said, ...secrets].filter(({ length }) => length >= shortestSecret);
  return (text) => {
    const known = values.reduce((left, value) => left.replaceAll(value, mark), text);
    return patterns.reduce((left, [pattern, by]) => left.replace(pattern, by), known);
  };
}
