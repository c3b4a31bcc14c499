/** A value from the command line, as typed. */
import { DynamoError } from '../base/error.ts';
import { conceal, hiddenMark, isHarmless, isSecretParameter } from '../base/secrets.ts';
import { shownLine } from './show-line.ts';

/** `--set path=value`, or another option that sets a parameter (`--model X` is path `model`). */
export interface Setting {
  readonly path: string;
  readonly value: string;
  /** The option that it came from: `--set`, `--model`. */
  readonly flag: string;
}

/** As typed, for messages; a value that may be a secret is not repeated. */
export function shownSetting({ flag, path, value }: Setting): string {
  const shown = shownSettingValue(path.split('.'), value);
  return flag === '--set' ? `--set ${path}=${shown}` : `${flag} ${shown}`;
}

function shownSettingValue(path: readonly string[], value: string): string {
  const at = path.indexOf('env');
  if (at >= 0) return isHarmless(path[at + 1] ?? '', value) ? value : hiddenMark;
  if (isSecretParameter(path.at(-1) ?? '', []) && value !== '') return hiddenMark;
  return path.includes('engineArgs') ? shownLine([value], 0) : conceal(value);
}

export function badSetting(setting: Setting, problem: string, hint: string | undefined): DynamoError {
  return new DynamoError('usage', `${shownSetting(setting)}: ${problem}`, { hint });
}
