/** Claims in one folder of the state, each with the run that holds it. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Claim, readClaim } from './claim.ts';

export interface FoundClaim {
  readonly folder: string;
  readonly name: string;
  readonly file: string;
  readonly claim: Claim;
}

/** Damaged ones are left out: they name no run. */
export function claimsIn(folder: string): FoundClaim[] {
  return readdirSync(folder).flatMap((name): FoundClaim[] => {
    const file = join(folder, name);
    const claim = readClaim(file);
    return claim === undefined ? [] : [{ folder, name, file, claim }];
  });
}
