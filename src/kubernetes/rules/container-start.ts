/** Rules about containers that cannot start: their image cannot be pulled, or a secret is missing. */
import { hfSecretFix } from '../checks/needs.ts';
import { type ClusterRule, eventOfReason, eventText, waitingFor } from '../rule.ts';

const pullReasons = ['ImagePullBackOff', 'ErrImagePull', 'InvalidImageName', 'ErrImageNeverPull'];
/** Answers of registries that stay the same on the next try. */
const refusedPull = /401|403|unauthorized|denied|forbidden|authentication required|authorization failed/i;
const missingImage = /not found|manifest unknown|does not exist|invalid reference format|InvalidImageName/i;

/** NGC needs a login for images that are not public, and answers 401 or 403 for those that do not exist. */
export const imagePull: ClusterRule = {
  id: 'image-pull',
  sees: '`ImagePullBackOff` or `ErrImagePull`; whether the pod has an image pull secret',
  fixes: 'a pull secret for nvcr.io, or `--image` with a tag that exists',
  find: (seen) => {
    const stuck = waitingFor(seen, pullReasons);
    if (stuck === undefined) return undefined;
    const { pod, container } = stuck;
    const events = seen.events.filter(({ name, reason }) => name === pod.name && reason === 'Failed');
    const last = events.findLast(({ message }) => /pull/i.test(message));
    const said = `${container.now.message} ${last?.message ?? ''}`;
    const evidence = [
      `Pod ${pod.name}: ${container.now.reason}: ${container.now.message}`,
      ...(last === undefined ? [] : [eventText(last)]),
    ];
    // Back-off means that a second try failed.
    const final = container.now.reason !== 'ErrImagePull';
    if (refusedPull.test(said)) {
      const has = pod.pullSecrets;
      return has.length === 0
        ? {
            cause: `the registry refuses ${container.image}, and the pods have no image pull secret`,
            evidence,
            fix: `docker login nvcr.io && ${seen.kubectl.line('create', 'secret', 'generic', 'nvcr', '--type=kubernetes.io/dockerconfigjson', '--from-file=.dockerconfigjson=$HOME/.docker/config.json')}`,
            final,
          }
        : {
            cause: `the registry refuses ${container.image}, although the pods have the image pull secret ${has.join(', ')}: its key is wrong or may not read this image`,
            evidence,
            fix: `${seen.kubectl.line('get', 'secret', has[0] ?? '', '-o', 'yaml')}   # or another image: --image`,
            final,
          };
    }
    if (missingImage.test(said))
      return {
        cause: `the image ${container.image} does not exist`,
        evidence,
        fix: '--image nvcr.io/nvidia/ai-dynamo/sglang-runtime:VERSION   # with a tag that exists',
        final,
      };
    return {
      cause: `the image ${container.image} cannot be pulled to node ${pod.node ?? '?'}`,
      evidence,
      fix: seen.kubectl.line('describe', 'pod', pod.name),
      final: false,
    };
  },
};

export const missingSecret: ClusterRule = {
  id: 'missing-secret',
  sees: '`CreateContainerConfigError` or `FailedMount` that names a secret or a config map',
  fixes: 'create it, or name another one with `--hf-secret`',
  find: (seen) => {
    const stuck = waitingFor(seen, ['CreateContainerConfigError', 'CreateContainerError']);
    const said = stuck?.container.now.message ?? '';
    const mount = eventOfReason(seen, ['FailedMount'], /(secret|configmap) "[^"]+" not found/i);
    const [, kind, name] =
      /(secret|configmap) "([^"]+)" not found/i.exec(`${said} ${mount?.message ?? ''}`) ?? [];
    if (name === undefined) {
      const key = /couldn't find key (\S+) in Secret \S*?\/?([\w.-]+)$/.exec(said);
      if (key === null) return undefined;
      return {
        cause: `the secret ${key[2]} has no key ${key[1]}`,
        evidence: [`Pod ${stuck?.pod.name}: ${said}`],
        fix: hfSecretFix(seen.kubectl, key[2] ?? ''),
        final: true,
      };
    }
    const isSecret = kind?.toLowerCase() === 'secret';
    return {
      cause: `the pods need the ${isSecret ? 'secret' : 'config map'} ${name}, which does not exist in namespace ${seen.graph.namespace}`,
      evidence: [stuck === undefined ? eventText(mount!) : `Pod ${stuck.pod.name}: ${said}`],
      fix: isSecret ? hfSecretFix(seen.kubectl, name) : seen.kubectl.line('get', 'configmaps'),
      final: true,
    };
  },
};
