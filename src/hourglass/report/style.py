"""How the page looks, in light and in dark."""

from __future__ import annotations

__all__ = ["STYLE"]

STYLE = """
:root { color-scheme: light dark;
  --ground: #f6f5f1; --card: #ffffff; --ink: #1d2329; --soft: #66707a; --rule: #e3e1da; --good: #1f8a52; --warn: #b87503; --bad: #c93a3a;
  --c0: #2466b8; --c1: #d9662b; --c2: #2d9462; --c3: #b83d6f; --c4: #7a58c1; --c5: #8a6a3b; --c6: #1a93a5; --c7: #9aa3ad; --c8: #a7a02b;
  --c9: #4b5563; }
@media (prefers-color-scheme: dark) { :root {
  --ground: #14171b; --card: #1d2227; --ink: #e7e9ea; --soft: #98a2ac; --rule: #31383f; --good: #4cc38a; --warn: #e5a93c; --bad: #f1706f;
  --c0: #6aa9f4; --c1: #f2935c; --c2: #5cc792; --c3: #ea7aa8; --c4: #ab8ef0; --c5: #c9a46c; --c6: #4fc3d3; --c7: #6b747e; --c8: #d3cb57;
  --c9: #a9b2bc; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, "Segoe UI", Helvetica, Arial, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 36px 20px 60px; }
h1 { font-size: 30px; line-height: 1.2; margin: 0; letter-spacing: -0.02em; }
h2 { font-size: 17px; margin: 0 0 4px; letter-spacing: -0.01em; }
h3 { font-size: 14px; margin: 18px 0 6px; }
p { margin: 0; }
.mark-line { display: flex; align-items: center; gap: 8px; color: var(--soft); font-size: 13px; margin-bottom: 10px; }
.mark-line svg { width: 15px; height: 20px; flex: none; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(190px, 1fr)); gap: 14px 24px; margin: 22px 0; }
.facts dt { color: var(--soft); font-size: 12px; } .facts dd { margin: 0; font-weight: 600; overflow-wrap: anywhere; }
.grid-of-cards { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 16px; margin-top: 16px; align-items: stretch;
  grid-auto-flow: dense; }
@media (max-width: 800px) { .grid-of-cards { grid-template-columns: minmax(0, 1fr); } .wide { grid-column: auto !important; } }
section { background: var(--card); border: 1px solid var(--rule); border-radius: 12px; padding: 20px 22px; min-width: 0; }
section.wide { grid-column: 1 / -1; }
section > p.note, .note { color: var(--soft); font-size: 13px; margin-bottom: 12px; }
.answer { font-size: 19px; font-weight: 600; margin-bottom: 10px; }
.verdicts { list-style: none; margin: 0; padding: 0; }
.verdicts li { display: grid; grid-template-columns: 26px minmax(120px, 190px) 1fr; gap: 2px 10px; padding: 9px 0; border-top: 1px
  solid var(--rule); }
.verdicts .sign { width: 20px; height: 20px; border-radius: 50%; color: var(--card); font-size: 12px; font-weight: 700; display: grid;
  place-items: center; margin-top: 1px; }
.good .sign { background: var(--good); } .note .sign { background: var(--soft); }
.warn .sign { background: var(--warn); } .bad .sign { background: var(--bad); }
li.note { font-size: inherit; color: inherit; margin: 0; }
.verdicts .name { font-weight: 600; } .bad .name { color: var(--bad); } .warn .name { color: var(--warn); }
@media (max-width: 640px) { .verdicts li { grid-template-columns: 26px 1fr; } .verdicts .words { grid-column: 2; } }
.changes { margin: 0; padding-left: 20px; } .changes li { margin: 5px 0; }
svg { display: block; width: 100%; height: auto; }
.grid { stroke: var(--rule); } .axis, .mark { stroke: var(--soft); }
.tick { font-size: 11px; fill: var(--soft); } .axis-name { font-size: 12px; fill: var(--soft); }
.line { fill: none; stroke: var(--c); stroke-width: 2; stroke-linejoin: round; }
.area { fill: var(--c); fill-opacity: 0.3; stroke: var(--c); stroke-width: 1.5; }
.dot { fill: var(--c); fill-opacity: 0.75; } .plane { fill: none; stroke: var(--rule); }
.limit { stroke: var(--bad); stroke-width: 1.5; stroke-dasharray: 5 4; } .over { fill: var(--bad); }
.event { fill: var(--warn); fill-opacity: 0.22; } .line.thin { stroke-width: 1.2; }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(230px, 1fr)); gap: 16px; }
.gallery figure div { display: grid; grid-template-columns: 1fr 1fr; gap: 4px; } .gallery img { width: 100%; display: block;
  border-radius: 4px; image-rendering: pixelated; } .gallery figcaption { margin-top: 5px; overflow-wrap: anywhere; }
.findings td.why { white-space: normal; min-width: 260px; } .findings tr.odd td:first-child { box-shadow: inset 3px 0 var(--bad); }
.findings td:first-child, .findings th:first-child { padding-left: 10px; } .findings td { max-width: 320px; overflow-wrap: anywhere; }
td.given { color: var(--soft); }
.column { fill: var(--c); } .column.idle { fill: var(--bad); }
.legend { display: flex; flex-wrap: wrap; gap: 4px 16px; font-size: 12.5px; color: var(--soft); margin-bottom: 8px; }
.legend span { display: inline-flex; align-items: center; gap: 6px; } .legend i { width: 11px; height: 11px; border-radius: 3px;
  background: var(--c); }
.bar { display: grid; grid-template-columns: 150px 1fr 78px; gap: 10px; align-items: center; margin: 7px 0; font-size: 13.5px; }
.bar .track { display: block; } .bar .fill { display: block; height: 20px; min-width: 2px; border-radius: 0 5px 5px 0; background:
  var(--c); }
.bar .value { font-variant-numeric: tabular-nums; color: var(--soft); } .bar:first-child .name, .bar:first-child .value { font-weight:
  700; color: var(--ink); }
.unit { color: var(--soft); font-size: 12px; margin-top: 8px; }
.strips { display: grid; grid-template-columns: max-content 1fr; gap: 8px 16px; align-items: center; overflow-x: auto; font-size:
  13px; color: var(--soft); }
.strips img { display: block; height: auto; max-width: 100%; image-rendering: pixelated; border-radius: 3px; }
.sounds { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 14px; } figure { margin: 0; min-width: 0; }
figcaption, h3 + p { color: var(--soft); font-size: 13px; margin-bottom: 4px; } h3 { font-weight: 600; }
.outline { height: 64px; border-radius: 6px 6px 0 0; background: var(--ground); } .wave { fill: var(--c); }
.spectrum { display: block; width: 100%; height: 130px; border-radius: 0 0 6px 6px; } audio { width: 100%; height: 34px; margin-top: 8px; }
.sensors { display: grid; grid-template-columns: minmax(90px, 150px) repeat(var(--columns), minmax(180px, 1fr)); gap: 6px 14px;
  align-items: center; font-size: 13px; }
.sensors .over { color: var(--soft); text-align: center; } .sensors small { color: var(--soft); } .sensor { overflow-wrap: anywhere; }
.window { height: 76px; background: var(--ground); border-radius: 6px; }
.window .line { vector-effect: non-scaling-stroke; stroke-width: 1.6; }
.clip { display: grid; grid-template-columns: minmax(0, 1fr) max-content; gap: 8px 22px; align-items: start; margin-bottom: 10px; }
.clip .strips { grid-template-columns: 130px minmax(0, 1fr); } .clip .strips img { width: 100%; image-rendering: auto; }
.film img { display: block; border-radius: 3px; width: 150px; } .film figcaption { margin-top: 4px; }
.texts { display: grid; grid-template-columns: repeat(auto-fill, minmax(max(var(--wide), 180px), 1fr)); gap: 0 26px;
  font: 14px/1.5 ui-monospace, Consolas, Menlo, monospace; white-space: pre; }
.texts div { display: grid; grid-template-columns: 4ch 1fr; gap: 12px; padding: 7px 0; border-top: 1px solid var(--rule); }
.texts .share { color: var(--soft); text-align: right; }
mark { background: color-mix(in srgb, var(--bad) 22%, transparent); color: inherit; border-bottom: 2px solid var(--bad); }
del { color: var(--bad); text-decoration: none; }
@media (max-width: 800px) { .sounds, .clip { grid-template-columns: minmax(0, 1fr); } }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: 13px; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 6px 12px 6px 0; border-top: 1px solid var(--rule); white-space: nowrap; vertical-align: top; }
th { color: var(--soft); font-weight: 600; border-top: 0; } td .back { display: block; color: var(--c0); }
pre { font-size: 11.5px; line-height: 1.45; overflow: auto; max-height: 420px; white-space: pre-wrap; overflow-wrap: anywhere; color:
  var(--soft); margin: 10px 0 0; }
summary { cursor: pointer; font-weight: 600; } footer { color: var(--soft); font-size: 12.5px; margin-top: 22px; }
""" + "\n".join(f".c{i} {{ --c: var(--c{i}); }}" for i in range(10))
