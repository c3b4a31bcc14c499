/** The summary when a deployment on a cluster serves: its URL, where it is, the proof, and a line to paste. */
import type { ChalkInstance } from 'chalk';
import { durationText } from '../base/duration.ts';
import { withoutControls } from '../base/terminal-text.ts';
import type { ProofSpec } from '../profile/profile.ts';
import type { Proof } from '../supervisor/events.ts';
import { curlLines, proofText, shorten } from './panel.ts';

export interface ClusterPanel {
  readonly name: string;
  readonly place: { readonly context?: string | undefined; readonly namespace: string };
  readonly apiVersion: string;
  readonly service: string;
  /** Of the port-forward; absent if it ends before this is read. */
  readonly url: string | undefined;
  readonly model: string;
  readonly pods: string;
  readonly proof: Proof;
  readonly request: ProofSpec;
  readonly tookMs: number;
}

/** Ends with a newline. */
export function clusterPanel(panel: ClusterPanel, style: ChalkInstance): string {
  const { name, place, apiVersion, service, url, model, pods, proof, tookMs } = panel;
  const inside = `http://${service}.${place.namespace}:8000`;
  const rows: [string, string][] = [
    ...(url === undefined
      ? []
      : [['URL', `${style.bold.underline(url)} while this runs`] as [string, string]]),
    ['Inside', `${inside} for pods of the cluster`],
    ['Model', model],
    [
      'Cluster',
      [
        place.context && `context ${place.context}`,
        `namespace ${place.namespace}`,
        `nvidia.com/${apiVersion}`,
      ]
        .filter(Boolean)
        .join(', '),
    ],
    ['Pods', pods],
    ['Proof', proofText(proof)],
    ['Answer', style.italic(shorten(withoutControls(proof.answer), 240))],
  ];
  const curl =
    url === undefined ? [] : [...curlLines(url, model, panel.request).map((line) => `  ${line}`), ''];
  return [
    `${style.green('✔')} ${style.bold(name)} is ready after ${durationText(tookMs)}`,
    '',
    ...rows.map(([label, value]) => `  ${style.dim(label.padEnd(9))}  ${value}`),
    '',
    ...curl,
    '',
  ].join('\n');
}
