// Writes the last valid results into test/bench/README.md, between two markers.
import { readFile, writeFile } from 'node:fs/promises';

const file = new URL('README.md', import.meta.url);
const [open, close] = ['<!-- results -->', '<!-- end of results -->'];

export async function writePage(results) {
  const page = await readFile(file, 'utf8');
  const before = page.slice(0, page.indexOf(open) + open.length);
  const after = page.slice(page.indexOf(close));
  await writeFile(file, `${before}\n\n${results}\n\n${after}`);
}
