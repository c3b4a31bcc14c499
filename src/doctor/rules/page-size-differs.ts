/** Prefill and decode use KV blocks of different sizes, so they cannot hand over a cache. */
import { lineRule } from '../log-lines.ts';

/** Source: sglang 0.5.16, srt/disaggregation/common/conn.py. */
export const pageSizeDiffers = lineRule(
  {
    id: 'page-size-differs',
    check: 'D12',
    sees: '`Page size mismatch: prefill server has page_size=…`',
    fixes: 'the same `pageSize` for prefill and decode',
  },
  /Page size mismatch: prefill server has page_size=(\d+),.*?(\d+)/,
  ({ groups }, { subject }) => ({
    cause: `prefill hands over KV blocks of ${groups[0]} tokens, ${subject?.spec.name ?? 'decode'} uses blocks of ${groups[1]}`,
    fix: `--set components.${subject?.spec.component ?? 'decode'}.pageSize=${groups[0]}`,
  }),
);
