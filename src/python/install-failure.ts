/** Explains a failed installer: the cause, and one thing to do. The patterns match the messages of uv 0.13. */
import { DynamoError, type ErrorCode } from '../base/error.ts';

export interface FailedInstall {
  /** What failed, such as `the packages of sglang-1.4.2 could not be installed`. */
  readonly what: string;
  /** The whole output of the installer. */
  readonly output: string;
  readonly logFile: string;
  /** The command to try again. */
  readonly again: string;
}

interface Cause {
  readonly pattern: RegExp;
  readonly code: ErrorCode;
  readonly why: string;
  readonly hint: (failed: FailedInstall, match: RegExpExecArray) => string;
}

/** The first match counts. A full disk and a missing network appear inside other messages, so they come first. */
const causes: readonly Cause[] = [
  {
    pattern: /No space left on device|os error 28\)/,
    code: 'cannot-write',
    why: 'the disk is full',
    hint: ({ again }) => `free some space (dynamo setup list shows what is installed), then: ${again}`,
  },
  {
    pattern: /network was disabled/,
    code: 'unavailable',
    why: 'the installer is set to work offline, and what it needs is not in its cache',
    hint: ({ again }) => `env -u UV_OFFLINE ${again}`,
  },
  {
    pattern:
      /status client error \((40[13]) [^)]*\)|dns error|tcp connect error|error sending request|operation timed out|Connection refused|certificate/,
    code: 'unavailable',
    why: 'the package registry cannot be reached',
    hint: ({ again }, [, status]) =>
      status === undefined
        ? `${again}   # when the network is back; to use a mirror, set UV_DEFAULT_INDEX`
        : `check the credentials in UV_DEFAULT_INDEX: the registry answers ${status}`,
  },
  {
    pattern: /no version of ai-dynamo(?:\[\w+\])?==(\S+)/,
    code: 'usage',
    why: 'the registry has no such version of Dynamo',
    hint: () => 'dynamo setup --version latest',
  },
  {
    pattern: /ai-dynamo(?:\[\w+\])? was not found|not found in the package registry/,
    code: 'unavailable',
    why: 'the registry does not have a required package',
    hint: () => 'unset UV_DEFAULT_INDEX UV_INDEX_URL PIP_INDEX_URL   # then retry: dynamo setup',
  },
  {
    pattern: /No interpreter found for (.+?) in|Failed to inspect Python interpreter/,
    code: 'environment',
    why: 'no Python version that Dynamo supports was found, and none could be downloaded',
    hint: () => 'dynamo setup --python /path/to/python3.12',
  },
  {
    pattern: /no wheels? with a matching|not compatible with the current platform/i,
    code: 'environment',
    why: 'a package has no build for this system or this Python',
    hint: () => 'dynamo setup --python 3.12',
  },
  {
    pattern: /No solution found/,
    code: 'unavailable',
    why: 'the requirements of the packages conflict',
    hint: ({ logFile }) => `less ${logFile}`,
  },
  {
    pattern: /Permission denied/,
    code: 'not-allowed',
    why: 'a file or folder is not writable',
    hint: ({ again }) => `XDG_DATA_HOME=/a/folder/of/your/own ${again}`,
  },
];

export function installError(failed: FailedInstall): DynamoError {
  // Older versions wrap lines at the terminal width.
  const said = failed.output.replaceAll(/\s+/g, ' ');
  for (const { pattern, code, why, hint } of causes) {
    const match = pattern.exec(said);
    if (match !== null) {
      return new DynamoError(code, `${failed.what}: ${why}.`, {
        details: lastWords(failed.output),
        hint: hint(failed, match),
        fields: { logFile: failed.logFile },
      });
    }
  }
  return new DynamoError('unavailable', `${failed.what}.`, {
    details: [...lastWords(failed.output), `full log: ${failed.logFile}`],
    hint: failed.again,
    fields: { logFile: failed.logFile },
  });
}

/** From the line that starts the error, or else the last lines. */
function lastWords(output: string): string[] {
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  const start = lines.findIndex((line) => /^\s*(error|ERROR|×)/.test(line));
  const shown = start < 0 ? lines.slice(-5) : lines.slice(start, start + 8);
  return shown.map((line) => `  ${line}`);
}
