/** The files of the page, which scripts/page.js builds; read once. */
import { extname } from 'node:path';
import { pageAsset } from '../package/self.ts';

export interface PageFile {
  readonly type: string;
  readonly bytes: Uint8Array;
}

const names = ['/index.html', '/page.js', '/page.css', '/icon.svg'];

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

const read = new Map<string, PageFile>();

/** `undefined` for any other path. */
export function pageFile(path: string): PageFile | undefined {
  if (!names.includes(path)) return undefined;
  const file = read.get(path) ?? { type: types[extname(path)] ?? '', bytes: pageAsset(path.slice(1)) };
  read.set(path, file);
  return file;
}
