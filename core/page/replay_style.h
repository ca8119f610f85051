// What the style sheet of a replay adds to that of a run's page.
#pragma once

namespace cai {

inline constexpr const char* kReplayStyle = R"css(
:root {
  --global-read: #2f7fc1; --global-write: #b3341c; --shared-read: #3fa98a; --shared-write: #d98a12; --meet: #8a62a8;
  --barrier: #b9b9b0; --both: #7a5195; --now: #000; --mark: #fff3c2;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --global-read: #5aa3dd; --global-write: #e8684e; --shared-read: #4fbf9c; --shared-write: #f0b03c; --meet: #b794d0;
    --barrier: #6d6e69; --both: #b58cd6; --now: #fff; --mark: #4a4220;
  }
}
.k-global-read { fill: var(--global-read); } .k-global-write { fill: var(--global-write); }
.k-shared-read { fill: var(--shared-read); } .k-shared-write { fill: var(--shared-write); }
.k-warp { fill: var(--meet); } .k-barrier { fill: var(--barrier); } .idle { fill: var(--panel); }
.t-read { fill: var(--global-read); } .t-write { fill: var(--global-write); } .t-both { fill: var(--both); }
.untouched { fill: var(--panel); } .h0 { opacity: .3; } .h1 { opacity: .5; } .h2 { opacity: .75; }
.timeline { min-width: 40rem; cursor: pointer; } .map { cursor: crosshair; }
.cursor { stroke: var(--now); stroke-width: 2; } .touched-now { fill: none; stroke: var(--now); stroke-width: 1.5; }
.picked { fill: none; stroke: var(--accent); stroke-width: 2; }
code, .code td { font-family: ui-monospace, "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: .8rem; }
.code td { white-space: pre; border: 0; padding: .05rem .6rem .05rem 0; } .code tr.at td { background: var(--mark); }
.code td.line, .code td.uses { text-align: right; color: var(--soft); } .code tr.gap td { padding-top: .6rem; }
.costs td, .costs th { white-space: nowrap; } .costs td:nth-child(2) { white-space: pre; } td strong { font-weight: 700; }
.stepper { position: sticky; top: 0; z-index: 1; background: var(--paper); border-bottom: 1px solid var(--rule);
  padding: .5rem 0 .6rem; }
.stepper p { margin: .3rem 0 0; max-width: none; } .controls { display: flex; flex-wrap: wrap; gap: .5rem; }
.controls input { flex: 1 1 12rem; min-width: 8rem; accent-color: var(--accent); }
.controls button, .controls select { padding: .2rem .6rem; font-size: .9rem; } .now { min-height: 3.2em; }
.now-line { margin: .2rem 0 0; overflow-x: auto; }
.lanes { display: grid; grid-template-columns: repeat(auto-fill, minmax(6.2rem, 1fr)); gap: 2px; margin: .6rem 0 1rem;
  font: .72rem/1.3 system-ui, "Segoe UI", Arial, sans-serif; font-variant-numeric: tabular-nums; }
.lanes div { background: var(--panel); padding: .15rem .35rem; border-left: 3px solid var(--rule); min-height: 3.1em;
  overflow-wrap: anywhere; }
.lanes .on { border-left-color: var(--global-read); } .lanes .clash { border-left-color: var(--global-write); }
.lanes b { font-weight: 650; }
.element { font-size: .9rem; min-height: 1.6em; max-width: none; }
@media print { .stepper, .lanes, .element { display: none; } .timeline { min-width: 0; } .code tr { break-inside: avoid; } }
@media (max-height: 600px), (max-width: 500px) { .stepper { position: static; } }
)css";

}  // namespace cai
