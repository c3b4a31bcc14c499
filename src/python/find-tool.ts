/** Finds a tool of NVIDIA's: the user's own, or that of `dynamo setup --tool`. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from '../base/environment.ts';
import { DynamoError } from '../base/error.ts';
import { locateOnPath } from './read-environment.ts';
import { toolRecipe } from './recipe.ts';
import { dataFolders, readSetupRecord } from './setup-folders.ts';
import { type ToolName, tools } from './tools.ts';

export interface FoundTool {
  readonly title: string;
  /** Path of its program. */
  readonly program: string;
  /** Where it was found, in words. */
  readonly because: string;
}

/** The one on PATH comes before that of `dynamo setup`. Throws `environment` if there is neither. */
export function findTool(name: ToolName, environment: Environment): FoundTool {
  const { title, usedBy } = tools[name];
  const onPath = locateOnPath(name, environment);
  if (onPath !== undefined) return { title, program: onPath.python, because: 'on PATH' };
  const { name: folderName, installedBy } = toolRecipe(name);
  const folder = join(dataFolders(environment).environments, folderName);
  const program = join(folder, 'bin', name);
  const record = readSetupRecord(folder);
  if (record?.state === 'complete' && existsSync(program))
    return { title, program, because: 'made by dynamo setup' };
  const why = record === undefined ? 'not installed' : 'not completely installed';
  throw new DynamoError('environment', `\`${usedBy}\` needs NVIDIA's ${title}, which is ${why}.`, {
    hint: installedBy,
  });
}
