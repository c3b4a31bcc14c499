/** The model is not in the local cache and the hub may not be asked. */
import { isSet, lineRule } from '../log-lines.ts';

const missing =
  /Model snapshots for '([^']+)' not found in cache|outgoing traffic has been disabled|OfflineModeIsEnabled|offline mode is enabled/;

export const hubOffline = lineRule(
  {
    id: 'hub-offline',
    check: 'D22',
    sees: '`Model snapshots for … not found in cache`, `outgoing traffic has been disabled`',
    fixes: '`hf download MODEL` once with a network, or unset `HF_HUB_OFFLINE`',
  },
  missing,
  (_, situation) => {
    const { path } = situation.plan.model;
    const why = ['HF_HUB_OFFLINE', 'TRANSFORMERS_OFFLINE'].find((name) => isSet(situation, name));
    return {
      cause: `${path} is not in the local cache of models, and ${why === undefined ? 'downloading is turned off' : `${why} forbids to download it`}`,
      fix: `hf download ${path}   # with a network${why === undefined ? '' : `, or: unset ${why}`}`,
    };
  },
);
