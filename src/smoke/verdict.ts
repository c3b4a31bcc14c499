/** The two ways in which a request case does not pass. */

/** `wrong`: the deployment answered what it must not. `open`: nothing was shown either way. */
export class CaseError extends Error {
  readonly verdict: 'wrong' | 'open';

  constructor(verdict: 'wrong' | 'open', message: string) {
    super(message);
    this.verdict = verdict;
  }
}

export function wrong(message: string): never {
  throw new CaseError('wrong', message);
}

/** For what this model or version cannot show, without being at fault. */
export function leaveOpen(message: string): never {
  throw new CaseError('open', message);
}
