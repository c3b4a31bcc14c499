/** What the words of an installer that failed mean: what was seen, and one thing to do. Texts are those of uv 0.13. */
import { DynamoError, type ErrorCode } from '../base/error.ts';

export interface FailedInstall {
  /** What was being done, as in `the packages of sglang-1.4.2 could not be installed`. */
  readonly what: string;
  /** All that the installer said. */
  readonly output: string;
  readonly logFile: string;
  /** Command that tries again. */
  readonly again: string;
}

interface Cause {
  readonly pattern: RegExp;
  readonly code: ErrorCode;
  readonly why: string;
  readonly hint: (failed: FailedInstall, match: RegExpExecArray) => string;
}

/** The first that fits. A full disk and a missing network show up inside other messages, so they come first. */
const causes: readonly Cause[] = [
  {
    pattern: /No space left on device|os error 28\)/,
    code: 'cannot-write',
    why: 'the disk is full',
    hint: ({ again }) => `free some space (dynamo setup list shows what is here), then: ${again}`,
  },
  {
    pattern: /network was disabled/,
    code: 'unavailable',
    why: 'the installer is told to work offline, and what it needs is not in its cache',
    hint: ({ again }) => `env -u UV_OFFLINE ${again}`,
  },
  {
    pattern:
      /status client error \((40[13]) [^)]*\)|dns error|tcp connect error|error sending request|operation timed out|Connection refused|certificate/,
    code: 'unavailable',
    why: 'the package registry cannot be reached',
    hint: ({ again }, [, status]) =>
      status === undefined
        ? `${again}   # when the network is back; a mirror is named by UV_DEFAULT_INDEX`
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
    why: 'the registry does not have a package that is needed',
    hint: () => 'unset UV_DEFAULT_INDEX UV_INDEX_URL PIP_INDEX_URL   # then again: dynamo setup',
  },
  {
    pattern: /No interpreter found for (.+?) in|Failed to inspect Python interpreter/,
    code: 'environment',
    why: 'there is no Python that Dynamo supports, and none could be fetched',
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
    why: 'what the packages ask for cannot be had together',
    hint: ({ logFile }) => `less ${logFile}`,
  },
  {
    pattern: /Permission denied/,
    code: 'not-allowed',
    why: 'a file or folder may not be written',
    hint: ({ again }) => `XDG_DATA_HOME=/a/folder/of/your/own ${again}`,
  },
];

export function installError(failed: FailedInstall): DynamoError {
  // Older ones break their lines at the width of a terminal.
  const said = failed.output.replaceAll(/\s+/g, ' ');
  for (const { pattern, code, why, hint } of causes) {
    const match = pattern.exec(said);
    if (match !== null) {
      return new DynamoError(code, `${failed.what}: ${why}.`, {
        details: lastWords(failed.output),
        hint: hint(failed, match),
      });
    }
  }
  return new DynamoError('unavailable', `${failed.what}.`, {
    details: [...lastWords(failed.output), `All of it: ${failed.logFile}`],
    hint: failed.again,
  });
}

/** From the line that starts the error on, or else the end. */
function lastWords(output: string): string[] {
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  const start = lines.findIndex((line) => /^\s*(error|ERROR|×)/.test(line));
  const told = start < 0 ? lines.slice(-5) : lines.slice(start, start + 8);
  return told.map((line) => `  ${line}`);
}
