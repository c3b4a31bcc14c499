/** Profiles as text: the list of all, and one with its parameters. */
import type { ChalkInstance } from 'chalk';
import type { ListedProfile } from '../profile/list.ts';
import { quote } from '../base/terminal-text.ts';
import type { Profile } from '../profile/profile.ts';
import { tableText } from './table.ts';

/** Ends without a newline. */
export function profileTable(profiles: readonly ListedProfile[], style: ChalkInstance): string {
  const heading = ['PROFILE', 'GPUS', 'FROM', 'DESCRIPTION'].map((text) => style.dim(text));
  const rows = profiles.map((listed) => [
    style.bold(listed.name),
    listed.profile === undefined ? '?' : String(gpuCount(listed.profile)),
    listed.overrides.length === 0
      ? listed.origin
      : `${listed.origin}, overrides ${listed.overrides[0]?.origin}`,
    listed.error === undefined ? listed.description : style.red(listed.error.message),
  ]);
  return tableText([heading, ...rows]);
}

/** One line per profile: name, GPUs, and description. In the order given. */
export function profileRows(profiles: readonly ListedProfile[]): string[] {
  return tableText(
    profiles.map(({ name, profile, description, error }) => [
      name,
      profile === undefined ? '?' : gpusText(gpuCount(profile)),
      error === undefined ? description : error.message,
    ]),
  ).split('\n');
}

function gpusText(count: number): string {
  return count === 1 ? '1 GPU' : `${count} GPUs`;
}

/** GPUs that it needs with its default parameters; the embedded engine needs none. */
export function gpuCount(profile: Profile): number {
  const needs = Object.values(profile.components).map((spec) =>
    spec.kind === 'worker' && spec.shareGpuWith === undefined ? spec.gpus * spec.replicas : 0,
  );
  return needs.reduce((sum, count) => sum + count, 0);
}

/** Ends without a newline. */
export function profilePage(profile: Profile, asked: string, style: ChalkInstance): string {
  const parameters = Object.entries(profile.parameters).map(([name, parameter]) => [
    style.bold(name),
    parameter.type,
    parameter.default === undefined ? '-' : String(parameter.default),
    parameter.description +
      (parameter.choices === undefined ? '' : ` (${parameter.choices.join(', ')})`) +
      (parameter.env === undefined
        ? ''
        : ` [${parameter.env.map((variable) => `$${variable}`).join(' or ')}]`),
  ]);
  const components = Object.entries(profile.components).map(([name, spec]) =>
    spec.kind === 'frontend'
      ? [style.bold(name), 'frontend', '', `router ${spec.router.mode}`]
      : [
          style.bold(name),
          spec.mode,
          `${spec.replicas} × ${spec.gpus} GPU`,
          spec.shareGpuWith === undefined ? '' : `shares the GPUs of ${spec.shareGpuWith}`,
        ],
  );
  const other = [...profile.aliases, ...profile.upstreamScripts].join(', ');
  return [
    `${style.bold(profile.name)}  ${profile.description}`,
    style.dim(`${profile.origin}: ${profile.file}${other === '' ? '' : `; also known as ${other}`}`),
    '',
    tableText([['COMPONENT', 'MODE', 'GPUS', ''].map((text) => style.dim(text)), ...components]),
    '',
    tableText([
      ['PARAMETER', 'TYPE', 'DEFAULT', 'DESCRIPTION'].map((text) => style.dim(text)),
      ...parameters,
    ]),
    '',
    `Set one: dynamo up ${quote(asked)} --set ${Object.keys(profile.parameters)[0] ?? 'model'}=…`,
  ].join('\n');
}
