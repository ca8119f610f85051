// The style sheet of a run's page: legible in light and dark, on paper, and from a phone to a projector.
#pragma once

namespace cai {

// Every colour of text has a contrast of at least 4.5 to its ground. Models and outcomes differ in lightness as well as
// in hue (after Okabe and Ito's palette), and each stands beside its name.
inline constexpr const char* kPageStyle = R"css(
:root {
  color-scheme: light;
  --paper: #fdfdfa; --panel: #f2f2ec; --ink: #1b1b19; --soft: #55554d; --rule: #d3d3ca; --accent: #0a5488;
  --pretrained: #5f5f5a; --helpful: #a04a00; --sl-cai: #0a5f9e; --rl-cai: #00694f; --dpo: #86398c;
  --answers: #d97706; --refuses: #1f6fb2; --evades: #8e8e84; --wrong: #9a6fb8; --garbled: #33332f;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    color-scheme: dark;
    --paper: #161716; --panel: #222422; --ink: #ecece6; --soft: #b3b3a9; --rule: #41433f; --accent: #86c4f2;
    --pretrained: #b4b4ad; --helpful: #f0a35c; --sl-cai: #7cbcf0; --rl-cai: #5bcaa6; --dpo: #d9a1df;
    --answers: #f0a03c; --refuses: #5aa3dd; --evades: #7f807a; --wrong: #b794d0; --garbled: #d8d8d0;
  }
}
* { box-sizing: border-box; }
html { font-size: 106.25%; scroll-behavior: smooth; -webkit-text-size-adjust: 100%; }
@media (min-width: 1700px) { html { font-size: 137.5%; } }
body { margin: 0; background: var(--paper); color: var(--ink); overflow-wrap: break-word;
  font-family: Charter, "Bitstream Charter", "Iowan Old Style", "Source Serif 4", Cambria, Georgia, serif;
  line-height: 1.55; }
header, main, footer { max-width: 68rem; margin: 0 auto; padding: 0 1rem; }
header { padding-top: 2.2rem; }
h1 { font-size: 1.9rem; line-height: 1.15; margin: 0 0 .6rem; font-weight: 600; }
h2 { font-size: 1.4rem; line-height: 1.2; margin: 3.2rem 0 .7rem; padding-top: .7rem; font-weight: 600;
  border-top: 2px solid var(--ink); }
h3 { font-size: 1rem; margin: 0 0 .4rem; font-weight: 600; }
section > h3 { margin-top: 2rem; }
p, ul, .text { max-width: 40rem; margin: 0 0 .9rem; }
ul { padding-left: 1.2rem; }
a { color: var(--accent); text-underline-offset: .15em; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
nav, svg text, table, button, select, textarea, label, summary, .name, .numbers, .legend {
  font-family: system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif; }
nav { font-size: .9rem; display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; margin: 1rem 0 0; }
nav a { padding: .2rem 0; }
.soft, figcaption, .missing { color: var(--soft); }
.missing { border-left: 3px solid var(--rule); padding-left: .8rem; }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 19.5rem), 1fr)); gap: 1.6rem 1.8rem; }
figure { margin: 0 0 1rem; min-width: 0; }
figcaption { font-size: .9rem; line-height: 1.45; max-width: 40rem; }
details { margin: .3rem 0; }
summary { cursor: pointer; font-size: .88rem; color: var(--accent); padding: .15rem 0; }

svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--ink); font-size: 12px; }
svg .tick { fill: var(--soft); font-size: 11.5px; }
svg .name { font-size: 12px; font-weight: 600; }
svg .title { font-weight: 650; font-size: 14px; }
svg .small { font-size: 12px; fill: var(--soft); }
svg .grid { stroke: var(--rule); stroke-width: 1; }
.curve, .arrow { fill: none; stroke: var(--ink); stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.arrow { stroke: var(--soft); stroke-width: 1.5; }
.thin { fill: none; stroke: var(--soft); stroke-width: 1; stroke-dasharray: 4 3; }
.mark { stroke: var(--paper); stroke-width: 1; fill: var(--ink); }
.speck { fill: var(--sl-cai); fill-opacity: .45; }
.frame { fill: var(--panel); stroke: var(--soft); stroke-width: 1; }
.model { fill: var(--paper); stroke: var(--ink); stroke-width: 2; }
.law { fill: var(--panel); stroke: var(--accent); stroke-width: 2; }
.curve.c-pretrained, .model.c-pretrained { stroke: var(--pretrained); } .mark.c-pretrained { fill: var(--pretrained); }
.curve.c-helpful, .model.c-helpful { stroke: var(--helpful); } .mark.c-helpful { fill: var(--helpful); }
.curve.c-sl-cai, .model.c-sl-cai { stroke: var(--sl-cai); } .mark.c-sl-cai { fill: var(--sl-cai); }
.curve.c-rl-cai, .model.c-rl-cai { stroke: var(--rl-cai); } .mark.c-rl-cai { fill: var(--rl-cai); }
.curve.c-dpo, .model.c-dpo { stroke: var(--dpo); } .mark.c-dpo { fill: var(--dpo); }
.curve.c-reward, .model.c-reward { stroke: var(--accent); } .mark.c-reward { fill: var(--accent); }
svg text.c-pretrained, .name.c-pretrained { fill: var(--pretrained); color: var(--pretrained); }
svg text.c-helpful, .name.c-helpful { fill: var(--helpful); color: var(--helpful); }
svg text.c-sl-cai, .name.c-sl-cai { fill: var(--sl-cai); color: var(--sl-cai); }
svg text.c-rl-cai, .name.c-rl-cai { fill: var(--rl-cai); color: var(--rl-cai); }
svg text.c-dpo, .name.c-dpo { fill: var(--dpo); color: var(--dpo); }
.o-answers { fill: var(--answers); } .o-refuses { fill: var(--refuses); } .o-evades { fill: var(--evades); }
.o-wrong { fill: var(--wrong); } .o-garbled { fill: var(--garbled); }
.wide { display: block; } .narrow { display: none; }
@media (max-width: 820px) { .wide { display: none; } .narrow { display: block; max-width: 26rem; margin: 0 auto; } }

.scroll { overflow-x: auto; max-width: 100%; margin: 0 0 .8rem; }
table { border-collapse: collapse; font-size: .85rem; line-height: 1.35; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .28rem .8rem .28rem 0; border-bottom: 1px solid var(--rule); }
th { font-weight: 600; } th[scope=col] { vertical-align: bottom; }
.bars { width: 100%; } .bars table { width: 100%; max-width: 56rem; table-layout: fixed; }
.bars th:first-child { width: 29%; } .bars.many table { min-width: 34rem; }
@media (max-width: 500px) {
  .bars th, .bars .name { font-size: .78rem; } .bars th:first-child { width: 6.4rem; }
}
.groups td:last-child { min-width: 16rem; }
.bars td { padding-right: .6rem; }
.cell { display: flex; flex-wrap: wrap; align-items: center; gap: 0 .5rem; }
.cell svg { flex: 1 1 4.6rem; width: auto; } .cell .numbers { min-width: 2.7rem; }
svg.bar { height: .7rem; margin: .22rem 0 .12rem; border-radius: 2px; background: var(--panel); }
.legend { display: flex; flex-wrap: wrap; gap: .1rem 1.1rem; font-size: .85rem; list-style: none; padding: 0;
  max-width: none; }
.legend svg { display: inline-block; width: .8rem; height: .8rem; margin-right: .4rem; vertical-align: -.08rem; }
.lines table { width: 100%; table-layout: auto; } .lines td { white-space: nowrap; }
.lines th[scope=col]:nth-child(n+4) { min-width: 7rem; max-width: 9rem; }
.lines td:nth-child(2), .lines td:nth-child(3) { white-space: normal; min-width: 13rem; }

button, select, textarea { font-size: 1rem; color: var(--ink); background: var(--panel); border: 1px solid var(--soft);
  border-radius: 4px; padding: .45rem .7rem; max-width: 100%; }
button { cursor: pointer; } button.ask { background: var(--accent); color: var(--paper); border-color: var(--accent); }
button[disabled] { opacity: .6; cursor: default; }
textarea { width: 100%; max-width: 40rem; display: block; min-height: 3.4rem; resize: vertical; margin: .3rem 0 .6rem; }
.chips { display: flex; flex-wrap: wrap; gap: .4rem; margin: 0 0 .8rem; max-width: 56rem; }
.chips button { font-size: .85rem; padding: .25rem .6rem; text-align: left; }
.answers { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 15rem), 1fr)); gap: 1rem;
  margin: 1rem 0; }
.answers > div { background: var(--panel); border-radius: 4px; padding: .7rem .9rem; min-height: 5rem; }
.name { font-size: .85rem; font-weight: 650; } .numbers { font-size: .8rem; color: var(--soft); }
.answers p { margin: .3rem 0; white-space: pre-wrap; }
.way { border-left: 3px solid var(--rule); padding-left: 1rem; margin: 1.2rem 0 2rem; }
.way h3 { font-size: 1.1rem; max-width: 40rem; } .way h4 { font-size: .95rem; margin: 1.1rem 0 .3rem; }
.way dl { display: grid; grid-template-columns: minmax(4.5rem, 7.5rem) minmax(0, 42rem); gap: .2rem .9rem;
  margin: 0 0 .7rem; }
.way dt { color: var(--soft); font-size: .88rem; padding-top: .12rem; } .way dd { margin: 0; white-space: pre-wrap; }
footer { border-top: 1px solid var(--rule); margin-top: 3rem; padding: 1rem; color: var(--soft); font-size: .85rem; }
@media print {
  html { font-size: 10pt; } .ask-section, nav, .picker { display: none; }
  h2 { break-after: avoid; } figure, .way dl, tr { break-inside: avoid; } .scroll { overflow: visible; }
}
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
)css";

}  // namespace cai
