/** The advice as a DynamoGraphDeployment, through the same manifest as `dynamo plan --on kubernetes`. */
import { settingsIn, upCommand } from '../../advise/deployment.ts';
import { backend } from '../../advise/question.ts';
import type { Environment } from '../../base/environment.ts';
import { openProfile } from '../../deployment/load-profile.ts';
import { manifestYaml } from '../../kubernetes/manifest.ts';
import { makeManifest, type ManifestFlags } from './manifest-options.ts';
import { type DeploymentFlags, settingsOf } from '../up/deployment-options.ts';
import type { Advised } from '../../view/advice.ts';

export async function graphYaml(
  { question, advice, answer }: Advised,
  flags: ManifestFlags,
  environment: Environment,
): Promise<string> {
  const [{ deployment, candidate }] = advice.contenders;
  const asked = deployment.profile;
  const own: DeploymentFlags & ManifestFlags = {
    ...deploymentFlags(flags),
    model: question.model,
    set: settingsIn(deployment).map((setting) => ({ ...setting, flag: '--set' })),
    replicas: deployment.replicas,
  };
  const { profile } = await openProfile(asked, settingsOf(own), environment);
  const manifest = await makeManifest({ asked, profile, flags: own, rawArgs: [], environment });
  const { tokensPerSecondPerGpu, ttftMs, itlMs, requestsPerSecond } = candidate.figures;
  return [
    `# Advised by AIConfigurator ${answer.version ?? ''} from data of SGLang ${candidate.dataVersion} on ${question.gpu}, as:`,
    `# ${upCommand(deployment, question)} --on kubernetes`,
    `# PREDICTED, not measured: ${candidate.gpus} GPUs, ${tokensPerSecondPerGpu} tokens/s/GPU, TTFT ${ttftMs} ms, ITL ${itlMs} ms, ${requestsPerSecond} requests/s`,
    manifestYaml(manifest),
  ].join('\n');
}

/** As `dynamo plan` has them: those of a manifest as they were given, and no others. */
export function deploymentFlags({
  on,
  namespace,
  hfSecret,
  modelCache,
  apiVersion,
  dynamoVersion,
}: ManifestFlags): DeploymentFlags & ManifestFlags {
  return {
    ...(on === undefined ? {} : { on }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(hfSecret === undefined ? {} : { hfSecret }),
    ...(modelCache === undefined ? {} : { modelCache }),
    ...(apiVersion === undefined ? {} : { apiVersion }),
    ...(dynamoVersion === undefined ? {} : { dynamoVersion }),
    engine: backend,
    infra: 'auto',
    image: {},
    set: [],
    replicas: {},
    env: {},
  };
}
