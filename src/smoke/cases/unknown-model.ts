/** A model that is not served is refused with 404, not answered by another one. */
import { proofRequest } from '../../plan/proof-request.ts';
import type { SmokeCase } from '../case.ts';
import { wrong } from '../verdict.ts';
import { shown } from '../json.ts';

export const unknownModel: SmokeCase = {
  name: 'unknown-model',
  fits: () => true,
  run: async (client, { proof }) => {
    const { path, body } = proofRequest(proof, 'nobody/no-such-model');
    const { status, text, body: refusal } = await client.post(path, body);
    if (status !== 404) wrong(`HTTP ${status} instead of 404: ${shown(text)}`);
    return `404 ${shown(refusal.message ?? text)}`;
  },
};
