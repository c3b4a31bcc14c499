/** What is compared: profiles, each with options of its own, live runs, and deployments behind a URL. */
import { Command, CommanderError } from 'commander';
import type { Environment } from '../../base/environment.ts';
import { DynamoError } from '../../base/error.ts';
import { conceal, concealWords } from '../../base/secrets.ts';
import { openProfile } from '../../deployment/load-profile.ts';
import type { PlanOptions } from '../../plan/request.ts';
import { cleanName } from '../../plan/run-name.ts';
import type { Profile } from '../../profile/profile.ts';
import { foreignUrl } from '../foreign-url.ts';
import {
  addDeploymentOptions,
  type DeploymentFlags,
  planOptionsOf,
  settingsOf,
} from '../up/deployment-options.ts';

interface AnyArm {
  readonly id: string;
  /** As the user wrote it, without secrets. */
  readonly label: string;
  /** Unique among the arms, and as short as can be. */
  readonly short: string;
}

export type Arm = AnyArm &
  (
    | {
        readonly kind: 'profile';
        readonly profile: Profile;
        readonly options: PlanOptions;
        readonly note: string | undefined;
      }
    /** A live run of this user, by name or id. */
    | { readonly kind: 'run'; readonly name: string }
    | { readonly kind: 'url'; readonly url: string }
  );

export type ArmWords = { readonly kind: 'profile' | 'run' | 'url'; readonly text: string };

/**
 * Options outside the quotes count for every arm; those inside them are added for that arm alone. Throws `usage`, or what
 * loading a profile throws: before anything starts.
 */
export async function armsOf(
  asked: readonly ArmWords[],
  common: DeploymentFlags,
  rawArgs: readonly string[],
  environment: Environment,
): Promise<Arm[]> {
  const parsed = asked.map((each) => ({
    ...each,
    ...(each.kind === 'profile'
      ? ownFlags(each.text, common)
      : { words: [each.text], flags: common, rawArgs: [] }),
  }));
  const names = parsed.map(({ words }) => words[0] ?? '');
  const arms: Arm[] = [];
  for (const [index, { kind, text, words, flags, rawArgs: own }] of parsed.entries()) {
    const id = String.fromCodePoint(65 + index);
    const name = names[index] ?? '';
    const shown = conceal(
      name
        .split('/')
        .at(-1)
        ?.replace(/\.(ya?ml|sh)$/, '') ?? name,
    );
    const twice = names.filter((each) => each === name).length > 1;
    const about = {
      id,
      label: kind === 'profile' ? concealWords(words).join(' ') : conceal(text),
      short: twice ? `${shown} ${id}` : shown,
    };
    if (kind === 'url')
      arms.push({
        ...about,
        kind,
        url: foreignUrl(text, 'bench'),
        short: id === 'A' && parsed.length === 1 ? 'url' : `url ${id}`,
      });
    else if (kind === 'run') arms.push({ ...about, kind, name: text });
    else {
      const { profile, note } = await openProfile(name, settingsOf(flags), environment);
      const options = planOptionsOf(flags, [...rawArgs, ...own], false);
      arms.push({
        ...about,
        kind,
        profile,
        note,
        options: {
          ...options,
          name:
            options.name ??
            `bench-${cleanName(profile.name).slice(0, 20)}-${process.pid.toString(36)}${id.toLowerCase()}`,
        },
      });
    }
  }
  return arms;
}

/** `words`: without what follows `--`. */
function ownFlags(
  text: string,
  common: DeploymentFlags,
): { words: readonly string[]; flags: DeploymentFlags; rawArgs: readonly string[] } {
  const all = splitWords(text);
  const end = all.indexOf('--');
  const words = end === -1 ? all : all.slice(0, end);
  const command = addDeploymentOptions(new Command('arm').argument('<profile>'))
    .helpOption(false)
    .exitOverride()
    .configureOutput({ outputError: () => {}, writeErr: () => {} });
  try {
    command.parse(words, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    const [first = ''] = error.message.replace(/^error: /, '').split('\n');
    throw new DynamoError(
      'usage',
      `${JSON.stringify(concealWords(words).join(' '))}: ${first.replace(/\.$/, '')}.`,
      {
        hint: "options of one arm stand with it in quotes: dynamo bench agg --vs 'disagg --replicas decode=2'",
        fields: { asked: concealWords(words).join(' ') },
      },
    );
  }
  const given = command.opts<DeploymentFlags>();
  const explicit = Object.fromEntries(
    Object.entries(given).filter(([name]) => command.getOptionValueSource(name) === 'cli'),
  ) as Partial<DeploymentFlags>;
  return {
    words: all,
    rawArgs: end === -1 ? [] : all.slice(end + 1),
    flags: {
      ...common,
      ...explicit,
      set: [...common.set, ...(explicit.set ?? [])],
      env: { ...common.env, ...explicit.env },
      image: { ...common.image, ...explicit.image },
      replicas: { ...common.replicas, ...explicit.replicas },
    },
  };
}

/** As a POSIX shell splits words, without expansions. Throws `usage` for an open quote. */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  const part = /\s*((?:[^\s'"\\]|\\.|'[^']*'|"(?:[^"\\]|\\.)*")+)/sy;
  let at = 0;
  for (let match = part.exec(text); match !== null; match = part.exec(text)) {
    words.push(
      (match[1] ?? '').replaceAll(
        /\\(.)|'([^']*)'|"((?:[^"\\]|\\.)*)"/gs,
        (_, escaped?: string, single?: string, double?: string) =>
          escaped ?? single ?? (double ?? '').replaceAll(/\\(["\\$`])/g, '$1'),
      ),
    );
    at = part.lastIndex;
  }
  if (text.slice(at).trim() === '') return words;
  throw new DynamoError('usage', `${JSON.stringify(conceal(text))}: a quote is not closed.`, {
    hint: "dynamo bench agg --vs 'disagg --replicas decode=2'",
    fields: { asked: conceal(text) },
  });
}
