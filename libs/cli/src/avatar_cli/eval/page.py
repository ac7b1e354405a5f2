"""``eval.html``: one page that needs nothing else, with the figures on top and every case drawn below."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Any

from avatar_cli.bench.figures import Figure
from avatar_cli.eval import timeline
from avatar_cli.eval.case import Case
from avatar_cli.eval.runner import told, where
from avatar_cli.eval.table import Row, place

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2024; --faint: #6b7280; --line: #d8dce1; --page: #fcfcfd; --card: #f2f4f6;
  --voice: #2f7ed8; --clone: #e07b39; --ducked: #f3c9a8; --good: #1a7f4b; --bad: #c0362c; --words: #fff; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --faint: #9aa3ad; --line: #363c43; --page: #14171a;
  --card: #1d2125; --voice: #4b93e6; --clone: #d9742f; --ducked: #6b4a33; --good: #4cc38a; --bad: #ef6f66; } }
body { margin: 0 auto; max-width: 1440px; padding: 24px; background: var(--page); color: var(--ink);
  font: 14px/1.5 system-ui, sans-serif; }
h1 { font-size: 22px; margin: 0; } h2 { font-size: 17px; margin: 32px 0 8px; }
p { color: var(--faint); margin: 4px 0 12px; max-width: 90ch; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; white-space: nowrap; }
th, td { padding: 3px 10px 3px 0; text-align: right; border-bottom: 1px solid var(--line); }
th { color: var(--faint); font-weight: 500; } th:first-child, td:first-child, th.left, td.left { text-align: left; }
.yes { color: var(--good); } .no { color: var(--bad); font-weight: 600; }
details { margin: 6px 0; } summary { cursor: pointer; padding: 4px 8px; background: var(--card); border-radius: 6px; }
.case { border-top: 1px solid var(--line); padding: 8px 0; } .case h3 { font-size: 13px; margin: 0; font-weight: 600; }
.case.notable h3::before { content: "▲ "; color: var(--bad); } .case span { color: var(--faint); font-size: 13px; }
svg { display: block; margin-top: 4px; font: 10px system-ui, sans-serif; }
.voice { fill: var(--voice); } .clone { fill: var(--clone); } .ducked { fill: var(--ducked); }
.words { fill: var(--words); } .said, .lane { fill: var(--ink); } .tick { fill: var(--faint); text-anchor: middle; }
.lane { fill: var(--faint); } .grid { stroke: var(--line); stroke-width: .5; }
.rule { stroke: var(--voice); stroke-width: 1; stroke-dasharray: 2 3; opacity: .7; }
.mark { stroke: var(--ink); stroke-width: 2; } .mark.cancel { stroke: var(--bad); } .mark.turn { stroke: var(--good); }
.mark.reply { stroke: var(--clone); } .mark.draft { stroke: var(--faint); }
.key { display: inline-block; width: 22px; height: 10px; border-radius: 2px; margin: 0 4px 0 12px; }
""".strip()
_LEGEND = (
    '<p><span class="key" style="background:var(--voice)"></span>the person, as recorded '
    '<span class="key" style="background:var(--clone)"></span>the clone, from the samples really played '
    '<span class="key" style="background:var(--ducked)"></span>the clone turned down. Dashed: where the person begins '
    "and ends. Below stands what was decided, when it came over the bus; ▲ marks what was not as it should be.</p>"
)
_STATISTICS = ("value", "p50", "p95", "max", "n")
_SHOWN = {
    "turns": (
        "n", "failed", "talk_over_percent", "talk_over_ms_p50", "yield_ms_max", "split_percent", "missed_percent",
        "taken_back", "delay_ms_p50", "delay_ms_p95", "voice_ms_p50", "voice_ms_p95", "wer", "lost", "doubled",
        "hits_percent",
    ),
    "overlaps": (
        "n", "failed", "duck_ms_p50", "duck_ms_max", "silent_ms_p50", "yield_ms_max", "stopped_percent",
        "turns_percent", "paused_percent", "resumed_percent", "seconds", "turns", "stops", "holds",
    ),
}  # fmt: skip


def page(title: str, about: str, figures: Sequence[Figure], rows: Sequence[Row], cases: Sequence[Case]) -> str:
    """The whole document."""
    ends = [row for row in rows if row["group"] in ("turns", "natural")]
    met = [row for row in rows if row["group"] in ("overlaps", "echo")]
    body = [
        f"<h1>{escape(title)}</h1><p>{escape(about)}</p>",
        "<h2>Figures</h2>",
        _figures(figures),
        *(["<h2>The ends of turns, by condition</h2>", _rows(ends, _SHOWN["turns"])] if ends else []),
        *(["<h2>What met an answer, by condition</h2>", _rows(met, _SHOWN["overlaps"])] if met else []),
        "<h2>Every case</h2>",
        _LEGEND,
        *_cases(cases),
    ]
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
    return (
        f'<!doctype html><html lang="en"><head>{head}<style>{_STYLE}</style></head><body>{"".join(body)}</body></html>'
    )


def _figures(figures: Sequence[Figure]) -> str:
    head = _cells("th", ["figure", *_STATISTICS, "limit", "met"]) + '<th class="left">what it is</th>'
    lines = []
    for figure in figures:
        verdict = "" if not figure.limits else _verdict(figure.met)
        numbers = [_number(figure.statistics.get(each)) for each in _STATISTICS]
        limit = escape(" · ".join(map(str, figure.limits)))
        note = f'<td class="left">{escape(figure.note)}</td>'
        lines.append(f"<tr>{_cells('td', [escape(figure.name), *numbers, limit, verdict])}{note}</tr>")
    return f'<div class="scroll"><table><tr>{head}</tr>{"".join(lines)}</table></div>'


def _verdict(met: bool) -> str:
    return '<span class="yes">met</span>' if met else '<span class="no">not met</span>'


def _rows(rows: Sequence[Row], columns: Sequence[str]) -> str:
    shown = [column for column in columns if any(row.get(column) is not None for row in rows)]
    head = _cells("th", ["condition", *(column.replace("_", " ").replace("percent", "%") for column in shown)])
    lines = [f"<tr>{_cells('td', [escape(_label(row)), *(_number(row.get(c)) for c in shown)])}</tr>" for row in rows]
    return f'<div class="scroll"><table><tr>{head}</tr>{"".join(lines)}</table></div>'


def _label(row: Row) -> str:
    parts = [
        row["group"],
        row["kind"],
        "" if row["pause_s"] is None else f"{row['pause_s']:g} s",
        row["patience"] if row["group"] in ("turns", "natural") else "",
        "" if row["speculate"] else "no speculation",
        "" if row["snr_db"] is None else f"{row['snr_db']:g} dB",
        row["room"],
    ]
    return " · ".join(filter(None, parts))


def _cases(cases: Sequence[Case]) -> list[str]:
    by: dict[str, list[Case]] = {}
    for case in sorted(cases, key=lambda case: place(case.condition)):
        by.setdefault(where(case.condition), []).append(case)
    parts = []
    for label, mine in by.items():
        notable = sum(case.notable for case in mine)
        told_of = f"{len(mine)} case{'s' if len(mine) > 1 else ''}" + (f", {notable} ▲" if notable else "")
        opened = " open" if notable else ""
        drawn = "".join(_case(case) for case in sorted(mine, key=lambda case: not case.notable))
        parts.append(f"<details{opened}><summary>{escape(label)}: {told_of}</summary>{drawn}</details>")
    return parts


def _case(case: Case) -> str:
    drawing = f'<div class="scroll">{timeline.svg(case.drawing)}</div>' if case.drawing is not None else ""
    notable = " notable" if case.notable else ""
    return f'<div class="case{notable}"><h3>{escape(case.name)}</h3><span>{escape(told(case))}</span>{drawing}</div>'


def _cells(tag: str, cells: Sequence[str]) -> str:
    return "".join(f"<{tag}>{cell}</{tag}>" for cell in cells)


def _number(number: Any) -> str:
    if number is None or (isinstance(number, float) and math.isnan(number)):
        return ""
    return f"{number:g}" if isinstance(number, int | float) else escape(str(number))
