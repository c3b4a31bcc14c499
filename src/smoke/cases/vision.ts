/** Images of both common kinds are seen, in one piece and in a conversation. */
import { judge } from '../../plan/proof-answer.ts';
import { tinyImage } from '../../plan/proof-request.ts';
import { chatBody, chatPath } from '../chat.ts';
import type { SmokeCase } from '../case.ts';
import { wrong } from '../verdict.ts';
import { shown } from '../json.ts';
import { tinyPhoto } from '../tiny-photo.ts';

export const vision: SmokeCase = {
  name: 'vision',
  fits: ({ proof }) => proof.request === 'vision',
  run: async (client, target) => {
    const answers: string[] = [];
    for (const [kind, url] of [
      ['PNG', tinyImage],
      ['JPEG', tinyPhoto],
    ]) {
      const content = [
        { type: 'text', text: 'What is in this image?' },
        { type: 'image_url', image_url: { url } },
      ];
      const { status, text } = await client.post(chatPath, chatBody(target, content, 24));
      if (status !== 200) wrong(`HTTP ${status} for a ${kind}: ${shown(text)}`);
      const verdict = judge('vision', text);
      if ('wrong' in verdict) wrong(`${kind}: ${verdict.wrong}`);
      answers.push(`${kind} seen`);
    }
    return answers.join(', ');
  },
};
