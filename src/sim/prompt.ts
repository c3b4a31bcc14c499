/** Turns the messages of a chat into the prompt that the engine reads. */
import { asObject, bad } from './fields.ts';
import { hashText } from './tokenizer.ts';

export interface Prompt {
  readonly prompt: string;
  readonly images: readonly string[];
}

/** Images stand in the prompt by a name made from their URL, so that the prefix cache tells them apart. */
export function renderMessages(messages: unknown, param: string): Prompt {
  if (!Array.isArray(messages) || messages.length === 0)
    bad(param, `${param} must be a list that is not empty`);
  const images: string[] = [];
  const turns = messages.map((item: unknown, index) => {
    const { role, content } = asObject(item) ?? {};
    if (typeof role !== 'string') bad(param, `${param}[${index}].role is missing`);
    return `<|${role}|>\n${renderContent(content, `${param}[${index}].content`, images)}\n`;
  });
  return { prompt: `${turns.join('')}<|assistant|>\n`, images };
}

/** The parts of chat, and those of /v1/responses under their other names. */
function renderContent(content: unknown, param: string, images: string[]): string {
  if (typeof content === 'string') return content;
  // A message that only calls a tool has no content.
  if (content === null || content === undefined) return '';
  if (!Array.isArray(content)) bad(param, `${param} must be a string or a list of parts`);
  return content
    .map((item: unknown) => {
      const { type, text, image_url: image } = asObject(item) ?? {};
      if (/^(text|input_text|output_text)$/.test(String(type)) && typeof text === 'string') return text;
      const url = asObject(image)?.['url'] ?? image;
      if (typeof url !== 'string') bad(param, `${param}: sim reads text and image_url parts only`);
      images.push(url);
      return `<|image ${hashText(url).toString(16)}|>`;
    })
    .join('');
}
