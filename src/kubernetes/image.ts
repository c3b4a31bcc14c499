/** Chooses the image of a deployment, and finds out its version of Dynamo, as flags differ by version. */
import { DynamoError } from '../base/error.ts';
import { compareVersions, isVersion } from '../base/package-version.ts';
import type { UpstreamKind } from '../engine/engine.ts';
import { repositoryOf, tagOf, versionOfImage } from '../plan/container.ts';
import type { Choice } from '../plan/plan.ts';
import type { KubernetesRequest } from './target.ts';

export interface ImageChoice {
  readonly reference: string;
  readonly version: string;
  /** Version for the operator, if the image does not tell it. */
  readonly override?: string | undefined;
  readonly choices: readonly Choice[];
}

/** Since then the operator requires the version. Source: docs/upstream/kubernetes.md#api-by-release. */
const overrideSince = '1.5';

/** Throws `usage` if the version is unknown or invalid. */
export function chooseImage(
  { image: { reference: usual }, python }: UpstreamKind,
  { image, apiVersion, dynamoVersion }: KubernetesRequest,
): ImageChoice {
  if (dynamoVersion !== undefined && !isVersion(dynamoVersion)) {
    throw new DynamoError('usage', `--dynamo-version ${JSON.stringify(dynamoVersion)}: expected a version.`, {
      fields: { option: '--dynamo-version', asked: dynamoVersion },
      hint: `--dynamo-version ${python.version}`,
    });
  }
  if (image === undefined) {
    const [version, because] =
      apiVersion === 'v1alpha1'
        ? [
            dynamoVersion ?? versionOfImage(usual) ?? '',
            'operators that serve only v1alpha1 are 1.1, and the image should be the same version',
          ]
        : [
            dynamoVersion ?? python.version,
            'the newest version that this tool has seen serve on GPUs; the operator should be the same version',
          ];
    const reference = `${repositoryOf(usual)}:${version}`;
    return {
      reference,
      version,
      choices: [
        {
          what: 'image',
          value: reference,
          because: dynamoVersion === undefined ? because : `--dynamo-version ${version}`,
        },
      ],
    };
  }
  const { reference, from } = image;
  const version = dynamoVersion ?? versionOfImage(reference);
  if (version === undefined) {
    throw new DynamoError(
      'usage',
      `The version of Dynamo in ${reference} is unknown, and flags differ by version.`,
      {
        fields: { option: '--image', image: reference },
        hint: `--dynamo-version ${python.version}   # the version in the image`,
      },
    );
  }
  const says = isSemver(tagOf(reference)) && !reference.includes('@');
  const override = says || compareVersions(version, overrideSince) < 0 ? undefined : version;
  return {
    reference,
    version,
    override,
    choices: [
      { what: 'image', value: reference, because: from },
      ...(override === undefined
        ? []
        : [
            {
              what: 'version',
              value: override,
              because: `the operator of ${overrideSince} and newer cannot read it from this image's tag`,
            },
          ]),
    ],
  };
}

function isSemver(tag: string | undefined): boolean {
  return tag !== undefined && /^v?\d+\.\d+\.\d+(-[\w.-]+)?(\+[\w.-]+)?$/.test(tag);
}
