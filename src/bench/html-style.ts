/** The look of the report: system fonts, and colours that hold in dark and light, and for people who see few of them. */

export const style = `
:root{--page:#fff;--text:#1a1d21;--dim:#5d6570;--line:#d9dde2;--soft:#f4f6f8;--s0:#0b6bcb;--s1:#c2410c;--s2:#0f7b4f;--s3:#8b3fc7;--s4:#9a6b00;--s5:#0e7490;--good:#0f7b4f;--bad:#c0262d;--open:#9a6b00;--banner:#fff3d6;--banner-text:#6b4a00}
@media (prefers-color-scheme:dark){:root{--page:#14171b;--text:#e6e9ed;--dim:#9aa4b0;--line:#333a43;--soft:#1d2228;--s0:#5aa9f5;--s1:#f58b52;--s2:#4cc38a;--s3:#c08af0;--s4:#e0b04a;--s5:#4fc4d9;--good:#4cc38a;--bad:#f2777c;--open:#e0b04a;--banner:#3a2f12;--banner-text:#f3d58a}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--text);font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:1360px;margin:0 auto;padding:28px 24px 48px}
h1{font-size:24px;line-height:1.25;margin:0 0 6px}
h2{font-size:18px;margin:32px 0 8px}
h3{font-size:15px;margin:0 0 6px}
.about,figcaption,footer{color:var(--dim);font-size:13px;margin:0 0 12px}
footer{margin-top:32px}
.banner{background:var(--banner);color:var(--banner-text);padding:10px 14px;border-radius:6px;font-weight:600}
ul{margin:0;padding-left:20px}
li{margin:2px 0}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,430px),1fr));gap:20px;margin-top:28px}
figure{margin:0;padding:14px 14px 8px;border:1px solid var(--line);border-radius:8px}
figcaption{margin:4px 0 0}
svg{display:block;width:100%;height:auto}
.swatch{width:16px;height:16px}
svg text{font:12px system-ui,-apple-system,"Segoe UI",sans-serif;fill:var(--dim)}
svg .axis{fill:var(--text)}
svg .label{fill:var(--text);font-weight:600}
.grid{stroke:var(--line)}
.line{fill:none;stroke-width:2}
.dashed{stroke-width:1.25;stroke-dasharray:4 4}
.range{fill:none;stroke-width:1.25}
${Array.from({ length: 6 }, (_, i) => `.s${i}{stroke:var(--s${i})}.mark.s${i}{fill:var(--s${i})}`).join('')}
.mark{stroke:var(--page);stroke-width:1.5}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:13px}
th,td{padding:5px 9px;text-align:right;vertical-align:top;white-space:nowrap}
thead th{color:var(--dim);font-weight:500;border-bottom:1px solid var(--line)}
tbody th{text-align:left;font-weight:600}
thead th:first-child,thead th:nth-child(2){text-align:left}
tbody tr.first{border-top:1px solid var(--line)}
td small{display:block;color:var(--dim);font-size:11px}
.arms{margin:14px 0 0;font-size:14px}
.arms td,.arms th{text-align:left;padding:3px 12px 3px 0}
td.words{text-align:left;white-space:normal;min-width:320px}
code{font:13px ui-monospace,SFMono-Regular,Menlo,monospace;background:var(--soft);padding:1px 5px;border-radius:4px}
.passed,.better{color:var(--good)}
.failed,.worse{color:var(--bad)}
.inconclusive,.too-few-rounds,.not-comparable{color:var(--open)}
@media print{figure{break-inside:avoid}}
`.trim();
