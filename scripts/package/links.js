// Links of the pages in the package: what they name there stays, the rest leads to the repository.
import { existsSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const link = /(!?)\[((?:[^[\]]|\[[^\]]*\])*)\]\((?![a-z]+:|#)([^)#\s]+)(#[^)\s]+)?\)/g;

/**
 * `page`: its path in the folder `stage`. `base`: the address of the repository's files; without one, what is not in the package
 * loses its link.
 */
export function absoluteLinks(text, page, stage, base) {
  return text.replaceAll(link, (whole, image, words, path, section = '') => {
    const file = join(stage, dirname(page), path);
    if (existsSync(file)) return whole;
    if (base === undefined) return words;
    return `${image}[${words}](${base}/${relative(stage, file)}${section})`;
  });
}
