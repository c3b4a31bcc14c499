/** Where several roles make an answer together, each takes part in every request, streamed or not. */
import { tinyImage } from '../../plan/proof-request.ts';
import { chat, chatStream } from '../chat.ts';
import type { SmokeCase } from '../case.ts';
import { wrong } from '../verdict.ts';
import { requestsByRole } from '../counters.ts';
import { answersText, rolesOf, type Target } from '../target.ts';

const countedWithinMs = 5_000;
const asked = 2;

export const roles: SmokeCase = {
  name: 'disagg-roles',
  fits: (target) => answersText(target) && rolesOf(target).length > 1,
  run: async (client, target) => {
    const before = await requestsByRole(client, target);
    await chat(client, target, contentFor(target, 'In one piece.'));
    await chatStream(client, target, contentFor(target, 'Piece by piece.'));
    const rises = async () => {
      const after = await requestsByRole(client, target);
      return rolesOf(target).map((role) => ({
        role,
        rise: (after.get(role) ?? 0) - (before.get(role) ?? 0),
      }));
    };
    await client.eventually(
      countedWithinMs,
      async () => (await rises()).every(({ rise }) => rise >= asked) || undefined,
    );
    const seen = await rises();
    const text = seen.map(({ role, rise }) => `${role} ${rise}`).join(', ');
    if (seen.some(({ rise }) => rise < asked))
      wrong(`${asked} requests were answered, but not by all roles: ${text}`);
    return `requests counted: ${text}`;
  },
};

/** An encode worker takes part only where there is an image. */
function contentFor(target: Target, text: string): unknown {
  if (!rolesOf(target).includes('encode')) return text;
  return [
    { type: 'text', text },
    { type: 'image_url', image_url: { url: tinyImage } },
  ];
}
