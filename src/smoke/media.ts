/** Gets the bytes that an answer of an image or video route holds, or points to. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { proofRequest } from '../plan/proof-request.ts';
import { wrong } from './verdict.ts';
import type { Client } from './client.ts';
import { listOf, objectOf, shown, textOf } from './json.ts';
import type { Target } from './target.ts';

/** Sends the proving request of the profile, with the result asked for inside the answer. */
export async function generateMedia(client: Client, { proof, model }: Target): Promise<Buffer> {
  const { path, body } = proofRequest(proof, model);
  const answer = await client.ask(path, { ...body, response_format: 'b64_json' });
  const item = objectOf(listOf(answer.data)[0]);
  const inline = textOf(item.b64_json);
  if (inline) return Buffer.from(inline.replace(/^data:[^,]*,/, ''), 'base64');
  const place = textOf(item.url);
  if (!place) wrong(`the answer holds nothing: ${shown(answer)}`);
  return place.startsWith('file:') ? await readFile(fileURLToPath(place)) : await client.read(place);
}

export function askedSize({ proof }: Target): { readonly width: number; readonly height: number } {
  const { body } = proofRequest(proof, '');
  const [width = 0, height = 0] = String(body.size).split('x').map(Number);
  return { width, height };
}
