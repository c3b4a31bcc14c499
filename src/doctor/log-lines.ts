/** Finds lines in a log, and makes rules from patterns. */
import type { Finding, Rule, Situation } from './rule.ts';

export interface Found {
  readonly line: string;
  readonly groups: readonly string[];
}

/** The last matching line: the last message is the closest to the failure. */
export function lastLine(lines: readonly string[], pattern: RegExp): Found | undefined {
  for (let i = lines.length - 1; i >= 0; i--) {
    const line = lines[i] ?? '';
    const match = pattern.exec(line);
    if (match !== null) return { line: line.trim(), groups: match.slice(1).map((group) => group ?? '') };
  }
  return undefined;
}

/** Searches the lines of the subject. */
export function seen({ subject }: Situation, pattern: RegExp): Found | undefined {
  return subject === undefined ? undefined : lastLine(subject.lines, pattern);
}

export interface Says {
  readonly cause: string;
  readonly fix: string;
  readonly asks?: Finding['asks'];
}

/** A rule that needs only one line; `says` gets that line and the situation. */
export function lineRule(
  about: Omit<Rule, 'find' | 'kind'> & { readonly kind?: Rule['kind'] },
  pattern: RegExp,
  says: (found: Found, situation: Situation) => Says | undefined,
): Rule {
  return {
    kind: 'cause',
    ...about,
    find: (situation) => {
      const found = seen(situation, pattern);
      const said = found === undefined ? undefined : says(found, situation);
      return found === undefined || said === undefined ? undefined : { ...said, evidence: [found.line] };
    },
  };
}

export function isSet({ subject }: Situation, variable: string): boolean {
  return subject?.variables.has(variable) === true;
}
