import { type Colours, chartRules, dark, light } from './palette.ts';

/** The style of the page: light or dark as the reader has it, from a phone to a desk, and on paper. */
export function pageStyle(): string {
  return [
    `:root{color-scheme:light dark;${variables(light)}}${chartRules(light)}`,
    `@media (prefers-color-scheme:dark){:root{${variables(dark)}}${chartRules(dark)}}`,
    layout,
    tables,
    narrow,
    // paper is light whatever the screen is; what is folded is printed, and what is scrolled has no edge to scroll to
    `@media print{:root{color-scheme:light;${variables({ ...light, paper: '#ffffff' })}}${chartRules(light)}${print}}`,
  ].join('\n');
}

function variables({ ink, soft, paper, card, line, accent, warn }: Colours): string {
  return `--ink:${ink};--soft:${soft};--paper:${paper};--card:${card};--line:${line};--accent:${accent};--warn:${warn}`;
}

const layout = `
*{box-sizing:border-box}
html{scroll-padding-top:1rem}
body{margin:0;background:var(--paper);color:var(--ink);font:1rem/1.55 system-ui,sans-serif;overflow-wrap:break-word}
header,main,footer{width:min(72rem,100% - 2rem);margin-inline:auto}
header{padding-top:clamp(1.5rem,5vw,3.5rem)}
footer{padding:1rem 0 3rem;color:var(--soft);font-size:.875rem}
.eyebrow{margin:0;color:var(--accent);font-weight:600}
h1{margin:.1rem 0 .5rem;font-size:clamp(2rem,7vw,3.2rem);line-height:1.1;letter-spacing:-.03em;overflow-wrap:anywhere;text-wrap:balance}
h2{margin:0 0 .35rem;font-size:1.35rem;letter-spacing:-.01em;overflow-wrap:anywhere}
h3{margin:1.6rem 0 .4rem;font-size:1.02rem;overflow-wrap:anywhere}
p,li,dd,figcaption{overflow-wrap:anywhere}
p{margin:.25rem 0 .75rem;max-width:80ch;text-wrap:pretty}
.soft{color:var(--soft)}
section>:last-child{margin-bottom:0}
.card>.soft:first-of-type{margin-bottom:1.1rem}
a{color:var(--accent)}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px;border-radius:4px}
.skip{position:absolute;left:-999rem}
.skip:focus{left:1rem;top:1rem;padding:.5rem 1rem;background:var(--card)}
nav ul{display:flex;flex-wrap:wrap;gap:.2rem .45rem;margin:1.1rem 0 0;padding:0;list-style:none}
nav a{display:block;padding:.3rem .7rem;border:1px solid var(--line);border-radius:99px;background:var(--card);font-size:.9rem;text-decoration:none}
nav a:hover{border-color:var(--accent)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(9rem,100%),1fr));gap:.8rem;margin:1.6rem 0 0;padding:0;list-style:none}
.tiles li,.card{background:var(--card);border:1px solid var(--line);border-radius:12px}
.tiles li{display:flex;flex-direction:column;padding:.85rem 1rem;min-width:0}
.tiles span{color:var(--soft);font-size:.85rem;line-height:1.35}
.tiles strong{order:-2;font-size:1.75rem;line-height:1.2;letter-spacing:-.02em;font-variant-numeric:tabular-nums}
.tiles b{order:-1;font-weight:600;font-size:.9rem;line-height:1.35}
.verdict{margin:1rem 0 0;padding:.7rem 1rem;border-left:4px solid var(--accent);background:var(--card);border-radius:0 8px 8px 0;max-width:none}
.verdict.bad{border-color:var(--warn)}
.verdict.bad strong,.bad-word{color:var(--warn);font-weight:600}
.good-word{color:var(--accent);font-weight:600}
.card{margin:1.2rem 0;padding:clamp(1rem,3vw,1.6rem)}
.pair{display:grid;gap:.9rem 2.5rem;margin-bottom:1.2rem}
.pair figure{margin-bottom:0}
figure{margin:0 0 1rem;min-width:0}
figcaption{margin-bottom:.5rem;font-weight:600;font-size:.95rem}
svg{display:block;max-width:100%;height:auto}
svg .t.b{font-weight:600}
.wide,.middle{display:none}
.legend{display:flex;flex-wrap:wrap;gap:.25rem 1.2rem;margin:.2rem 0 1rem;padding:0;list-style:none;font-size:.875rem;color:var(--soft)}
.legend li{display:flex;align-items:center;gap:.45rem;min-width:0}
.legend svg{flex:none}
ul.plain,ol.plain{margin:.2rem 0 .8rem;padding-left:1.2rem}
.words{display:flex;flex-wrap:wrap;gap:.3rem;margin:.3rem 0 .8rem;padding:0;list-style:none}
.words li{padding:.05rem .55rem;border:1px solid var(--line);border-radius:6px;font-size:.875rem}
code{font:.9em/1.4 ui-monospace,monospace;overflow-wrap:anywhere}
details{margin:.6rem 0}
td details{margin:.2rem 0}
td summary{font-size:.85rem}
summary{width:fit-content;padding:.2rem 0;cursor:pointer;color:var(--accent);font-weight:600;font-size:.95rem}`;

const tables = `
table{width:100%;margin:.4rem 0 1.4rem;border-collapse:collapse;font-size:.9rem}
caption{padding:.3rem 0;text-align:left;font-weight:600;font-size:.95rem}
th,td{padding:.42rem .9rem .42rem 0;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}
thead th{color:var(--soft);font-weight:500;font-size:.85rem;vertical-align:bottom}
tbody th{font-weight:500;min-width:7.5rem;overflow-wrap:anywhere}
td{overflow-wrap:anywhere}
th.n,td.n{text-align:right;font-variant-numeric:tabular-nums}
td.n,td.w,.nw{white-space:nowrap}
td.v{white-space:normal}
th:last-child,td:last-child{padding-right:0}
.n+:not(.n){padding-left:1.4rem}
table.tight{max-width:44rem}
tr.sum th,tr.sum td{font-weight:650;border-bottom-style:dotted}
tr.sum:last-child th,tr.sum:last-child td{border-bottom:0}
small{display:block;color:var(--soft);font-size:.82rem;font-weight:400;line-height:1.4}
td.text{min-width:9rem}
.origin{display:inline-block;width:.7rem;height:.7rem;margin-right:.4rem;border-radius:2px;background:currentColor}`;

// below it a row of a table is a block: its heading, and each cell after the name of its column
const narrow = `
@media (min-width:46rem){.narrow{display:none}.middle{display:block}}
@media (min-width:74rem){.middle{display:none}.wide,.middle.wide{display:block}}
@media screen and (max-width:45.99rem){
table:not(.tight),table:not(.tight) caption,table:not(.tight) tbody{display:block}
table:not(.tight) thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
table:not(.tight) tr{display:flex;flex-wrap:wrap;gap:.05rem 1.1rem;padding:.5rem 0;border-bottom:1px solid var(--line)}
table:not(.tight) tbody th,table:not(.tight) tbody td,table:not(.tight) th.n,table:not(.tight) td.n,table:not(.tight) td.text{padding:0;border:0;min-width:0;text-align:left}
table:not(.tight) tbody th{flex:1 0 100%;font-weight:600}
table:not(.tight) .n+:not(.n){padding-left:0}
table:not(.tight) td.text{flex:1 0 100%}
table:not(.tight) td.text::before{display:none}
table:not(.tight) td:empty{display:none}
table:not(.tight) td::before{content:attr(data-name) " ";content:attr(data-name) " " / "";color:var(--soft);font-size:.82rem}
}
@media (min-width:74rem){.pair{grid-template-columns:1fr 1fr}}`;

const print = `
body{font-size:10pt}
nav,.skip{display:none}
.card{border:0;padding:.6rem 0;margin:.4rem 0}
.tiles li,figure,tr{break-inside:avoid}
.middle{display:block}.narrow,.wide:not(.middle){display:none}
details::details-content{content-visibility:visible;block-size:auto}
summary{color:inherit}`;
