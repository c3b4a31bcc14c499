// The licences of the packages that are bundled into dist/: which these are, the paths of its sources say.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const ofPackage = /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//;

/** The text of THIRD-PARTY-LICENSES for what is made of these files. Throws if a package states no licence. */
export function thirdPartyLicences(sources) {
  const names = new Set(sources.flatMap((source) => ofPackage.exec(source)?.[1] ?? []));
  const packages = [...names].toSorted((a, b) => a.localeCompare(b, 'en')).map(describe);
  const parts = [...groupedByText(packages)].map(([text, having]) =>
    [...having.map(({ name, version, licence }) => `${name} ${version} (${licence})`), '', text].join('\n'),
  );
  const rule = `\n\n${'-'.repeat(80)}\n\n`;
  const head = `The files in dist/ hold code of the ${packages.length} packages below, under these licences.`;
  return `${[head, ...parts].join(rule)}\n`;
}

function groupedByText(packages) {
  const byText = new Map();
  for (const each of packages) byText.set(each.text, [...(byText.get(each.text) ?? []), each]);
  return byText;
}

function describe(name) {
  const folder = join('node_modules', name);
  const { version, license, author } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  if (typeof license !== 'string') throw new Error(`${name} states no licence in its package.json`);
  const files = readdirSync(folder)
    .filter((file) => /^(licen[cs]e|copying|notice)\b/i.test(file))
    .toSorted((a, b) => a.localeCompare(b, 'en'));
  const texts = files.map((file) => readFileSync(join(folder, file), 'utf8').trim());
  const without = `This package contains no licence text. Its author: ${author?.name ?? author ?? 'not stated'}.`;
  return { name, version, licence: license, text: texts.length === 0 ? without : texts.join('\n\n') };
}
