/** A value from the command line, as typed. */
import { DynamoError } from '../base/error.ts';
import { isSecret } from '../base/secrets.ts';

/** `--set path=value`, or another option that sets a parameter (`--model X` is path `model`). */
export interface Setting {
  readonly path: string;
  readonly value: string;
  /** The option that it came from: `--set`, `--model`. */
  readonly flag: string;
}

/** As typed, for messages. */
export function shownSetting({ flag, path, value }: Setting): string {
  const shown = isSecret(path.split('.').at(-1) ?? '', value) ? '***' : value;
  return flag === '--set' ? `--set ${path}=${shown}` : `${flag} ${shown}`;
}

export function badSetting(setting: Setting, problem: string, hint: string | undefined): DynamoError {
  return new DynamoError('usage', `${shownSetting(setting)}: ${problem}`, { hint });
}
