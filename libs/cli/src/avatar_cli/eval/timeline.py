"""One case drawn as SVG: who sounded, and what was decided when."""

from __future__ import annotations

from html import escape

from avatar_cli.eval.case import LANES, Drawing
from avatar_cli.eval.take import Span

_LABEL_PX = 76
_PX_PER_S = 92.0
_MOST_PX = 1_180.0
_LANE_PX = 17
_BAR_PX = 14
_TOP_PX = 6
_NAMES = {
    "speech": "speech",
    "draft": "draft",
    "overlap": "hold / resume",
    "cancel": "cancel",
    "turn": "turn.text",
    "reply": "reply",
}
_CHAR_PX = 5.6
_TEXT_CHARS = 46


def svg(drawing: Drawing) -> str:
    """The drawing, `_PX_PER_S` pixels a second and narrower when it is long; classes are coloured by the page."""
    scale = min(_PX_PER_S, _MOST_PX / max(drawing.seconds, 1.0))
    used = [lane for lane in LANES if any(mark.lane == lane for mark in drawing.marks)]
    bottom = _TOP_PX + (2 + len(used)) * _LANE_PX
    width = _LABEL_PX + drawing.seconds * scale + 150
    parts = [
        f'<svg viewBox="0 0 {width:.0f} {bottom + 16}" width="{width:.0f}" height="{bottom + 16}" role="img">',
        *_axis(drawing.seconds, scale, bottom),
        _name(0, "person"),
        _name(1, "clone"),
    ]
    for span in drawing.voice:
        parts.append(_bar("voice", 0, Span(span.start_s, span.end_s, span.text or "(sound)"), scale))
        # Where the person begins and ends is what everything is held against.
        parts += [_rule(span.start_s, scale, bottom), _rule(span.end_s, scale, bottom)]
    for each in drawing.clone:
        kind = "ducked" if each.ducked else "clone"
        parts.append(_bar(kind, 1, Span(each.start_s, each.end_s, ""), scale))
    for row, lane in enumerate(used, 2):
        parts.append(_name(row, _NAMES[lane]))
        free_from = 0.0
        for mark in sorted((mark for mark in drawing.marks if mark.lane == lane), key=lambda mark: mark.at_s):
            x = _LABEL_PX + mark.at_s * scale
            y = _TOP_PX + row * _LANE_PX
            title = escape(f"{mark.at_s:.3f} s  {mark.label}")
            parts.append(f'<path class="mark {lane}" d="M{x:.1f} {y}v{_BAR_PX}"><title>{title}</title></path>')
            label = mark.label if len(mark.label) <= _TEXT_CHARS else mark.label[: _TEXT_CHARS - 1] + "…"
            if x >= free_from:
                parts.append(
                    f'<text class="said" x="{x + 3:.1f}" y="{y + 11}"><title>{title}</title>{escape(label)}</text>'
                )
                free_from = x + 3 + len(label) * _CHAR_PX
    return "".join([*parts, "</svg>"])


def _axis(seconds: float, scale: float, bottom: int) -> list[str]:
    step = next(step for step in (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0) if step * scale >= 40)
    parts = []
    for index in range(int(seconds / step) + 1):
        x = _LABEL_PX + index * step * scale
        parts.append(f'<path class="grid" d="M{x:.1f} {_TOP_PX}V{bottom}"/>')
        parts.append(f'<text class="tick" x="{x:.1f}" y="{bottom + 12}">{index * step:g} s</text>')
    return parts


def _name(row: int, name: str) -> str:
    return f'<text class="lane" x="0" y="{_TOP_PX + row * _LANE_PX + 11}">{name}</text>'


def _rule(at_s: float, scale: float, bottom: int) -> str:
    return f'<path class="rule" d="M{_LABEL_PX + at_s * scale:.1f} {_TOP_PX}V{bottom}"/>'


def _bar(kind: str, row: int, span: Span, scale: float) -> str:
    start_s, end_s, text = span
    x, y = _LABEL_PX + start_s * scale, _TOP_PX + row * _LANE_PX
    width = max(1.0, (end_s - start_s) * scale)
    title = escape(f"{start_s:.2f}–{end_s:.2f} s  {text}")
    bar = (
        f'<rect class="{kind}" x="{x:.1f}" y="{y}" width="{width:.1f}" height="{_BAR_PX}"><title>{title}</title></rect>'
    )
    if not text:
        return bar
    fits = int((width - 4) / _CHAR_PX)
    shown = text if len(text) <= fits else text[: max(0, fits - 1)] + "…" if fits > 3 else ""
    return bar + f'<text class="words" x="{x + 3:.1f}" y="{y + 11}">{escape(shown)}</text>'
