// Checks that every page and section cited in comments and docs exists in this repository.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const folders = ['docs', 'launch-profiles', 'scripts', 'src', 'test'];
/** Recorded output of other programs. */
const foreign = /^test\/fixtures\//;

const files = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true }).map((name) => join(folder, name)),
  ),
].filter((file) => !foreign.test(file));

/** A path that ends in .md, with an optional section; no URLs and no placeholders. */
const mention = /(?<![\w./:<>*{}$-])((?:[\w.-]+\/)*\w[\w.-]*\.md)\b(?:#([\w-]+))?/g;
const link = /\]\((?![a-z]+:)([^)#\s]*)(?:#([^)\s]+))?\)/g;
const comments = {
  js: /^[ \t]*\/\*[^]*?\*\/|(?<=^|\s)\/\/ .*$/gm,
  hash: /(?<=^|\s)#.*$/gm,
};

function commentsIn(file, text) {
  if (/\.[cm]?[jt]s$/.test(file)) return text.matchAll(comments.js);
  return /\.(py|sh|ya?ml)$/.test(file) ? text.matchAll(comments.hash) : [];
}

function* citationsIn(file, text) {
  if (file.endsWith('.md')) {
    const unlinked = text.replaceAll(link, (whole) => ' '.repeat(whole.length));
    for (const [whole, path, section] of text.matchAll(link)) {
      if (path === '') yield { cited: whole, places: [file], section };
      else if (path.endsWith('.md')) yield { cited: whole, places: [join(dirname(file), path)], section };
    }
    yield* mentionsIn(file, unlinked);
  } else for (const [comment] of commentsIn(file, text)) yield* mentionsIn(file, comment);
}

/** Relative to the root of the repository, or to the folder of the file. */
function* mentionsIn(file, text) {
  for (const [cited, path, section] of text.matchAll(mention))
    yield { cited, places: [path, join(dirname(file), path)], section };
}

/** Anchors of the headings of a page, as GitHub and npm generate them. */
function sectionsOf(page) {
  const text = readFileSync(join(root, page), 'utf8').replaceAll(/^```[^]*?^```$/gm, '');
  const seen = new Map();
  return [...text.matchAll(/^#{1,6} (.+)$/gm)].map(([, heading]) => {
    const name = heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .trim()
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(/\s/g, '-');
    const count = seen.get(name) ?? 0;
    seen.set(name, count + 1);
    return count === 0 ? name : `${name}-${count}`;
  });
}

function faultIn({ places, section }) {
  const page = places.find((place) => existsSync(join(root, place)));
  if (page === undefined) return 'no such page';
  if (section !== undefined && !sectionsOf(page).includes(section))
    return `${page} has no section ${section}`;
  return undefined;
}

let checked = 0;
for (const file of files) {
  if (!/\.(md|py|sh|ya?ml|[cm]?[jt]s)$/.test(file)) continue;
  for (const citation of citationsIn(file, readFileSync(join(root, file), 'utf8'))) {
    checked++;
    const fault = faultIn(citation);
    if (fault === undefined) continue;
    console.error(`${file}: ${citation.cited}: ${fault}`);
    process.exitCode = 1;
  }
}
// Guards against a pattern that no longer matches anything.
if (checked < 100) {
  console.error(`only ${checked} citations found: does the pattern still match?`);
  process.exitCode = 1;
}
