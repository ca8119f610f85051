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
code, .code td { white-space: pre; border: 0; padding: .05rem .6rem .05rem 0; }
.code tr.at td { background: var(--mark); }
.code td.line, .code td.uses { text-align: right; color: var(--soft); } .code tr.gap td { padding-top: .6rem; }
.costs td, .costs th { border: 0; padding: .1rem .9rem .1rem 0; } .costs td:nth-child(n+3) { text-align: right; }
.costs th[scope=rowgroup] { border-top: 1px solid var(--rule); padding-top: .35rem; white-space: pre; }
.costs th[scope=row] { font-weight: 400; padding-left: 1.4rem; white-space: nowrap; }
.costs th[scope=col] { white-space: nowrap; } .costs th[scope=col]:nth-child(n+3) { text-align: right; }
.costs .worse { font-weight: 700; }
.stepper { position: sticky; top: 0; z-index: 1; background: var(--paper); border-bottom: 1px solid var(--rule);
  padding: .5rem 0 .5rem; }
.stepper p { margin: .3rem 0 0; max-width: none; min-height: 1.6em; } .controls { display: flex; flex-wrap: wrap;
  gap: .5rem; }
.controls input { flex: 1 1 12rem; min-width: 8rem; accent-color: var(--accent); }
.controls button, .controls select { padding: .2rem .6rem; font-size: .9rem; }
.now-line { white-space: pre; } .element { font-size: .9rem; }
.lanes { display: grid; grid-template-columns: repeat(8, minmax(0, 1fr)); gap: 2px; margin: .6rem 0 1rem;
  font: .72rem/1.3 system-ui, "Segoe UI", Arial, sans-serif; font-variant-numeric: tabular-nums; }
.lanes div { background: var(--panel); padding: .15rem .35rem; border-left: 3px solid var(--rule); min-height: 4.2em;
  overflow-wrap: anywhere; }
.lanes .on { border-left-color: var(--global-read); } .lanes .clash { border-left-color: var(--global-write); }
.lanes b { font-weight: 650; } .maps { display: flex; flex-wrap: wrap; gap: 0 2.2rem; } .maps > div { min-width: 0; }
h4 { font-size: .95rem; margin: .8rem 0 .3rem; font-weight: 600; } .mesh { stroke: var(--paper); stroke-width: .7; }
@media print { .stepper, .lanes, .cursor, .touched-now, .picked { display: none; } .timeline { min-width: 0; }
  code, .code td { font-size: 6.5pt; }
}
@media (max-height: 600px), (max-width: 500px) {
  .stepper { position: static; } .lanes { grid-template-columns: repeat(4, minmax(0, 1fr)); }
}
)css";

}  // namespace cai
