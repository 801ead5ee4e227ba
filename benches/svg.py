"""Two kinds of plots as small SVG files: bars on their sides, and lines. Each carries its own background and colours for a
light and a dark page, so that it reads well wherever it is shown."""

import math
from html import escape

WIDTH = 780
FONT = 13
CHARACTER = 6.7  # the mean width of one at that size

# A colour for each series, light and dark; the first is ours.
COLOURS = [("#0969da", "#58a6ff"), ("#bc4c00", "#f0883e"), ("#1a7f37", "#3fb950"), ("#8250df", "#bc8cff"),
           ("#bf3989", "#f778ba"), ("#57606a", "#9ea7b3")]  # fmt: skip
LIGHT = {"page": "#ffffff", "edge": "#d0d7de", "ink": "#1f2328", "soft": "#59636e", "grid": "#e4e8ec"}
DARK = {"page": "#0d1117", "edge": "#30363d", "ink": "#e6edf3", "soft": "#9198a1", "grid": "#262c34"}


def style():
    def rules(theme, which):
        said = f".page{{fill:{theme['page']};stroke:{theme['edge']}}}.ink{{fill:{theme['ink']}}}.soft{{fill:{theme['soft']}}}"
        said += f".grid{{stroke:{theme['grid']}}}.axis{{stroke:{theme['soft']}}}"
        for number, colours in enumerate(COLOURS):
            said += f".f{number}{{fill:{colours[which]}}}.s{number}{{stroke:{colours[which]}}}"
        return said

    return (
        f"text{{font:{FONT}px system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif}}"
        ".title{font-weight:600;font-size:15px}.line{fill:none;stroke-width:2}"
        + rules(LIGHT, 0)
        + f"@media (prefers-color-scheme:dark){{{rules(DARK, 1)}}}"
    )


class Axis:
    """Values to places, with ticks; logarithmic where asked."""

    def __init__(self, values, start, end, log, zero=True, whole=False):
        self.start, self.end, self.log = start, end, log
        values = [value for value in values if value > 0] if log else list(values)
        low, high = min(values), max(values)
        if log:
            self.low, self.high = math.log10(low), math.log10(high)
            marks = decades(self.low, self.high)
            below = [mark for mark in marks if mark <= low * 1.0001]
            above = [mark for mark in marks if mark >= high * 0.9999]
            self.ticks = [mark for mark in marks if below[-1] <= mark <= above[0]]
            self.low, self.high = math.log10(self.ticks[0]), math.log10(self.ticks[-1])
            if self.low == self.high:
                self.high += 1
        else:
            self.ticks = nice(0 if zero else low, high, whole)
            self.low, self.high = self.ticks[0], self.ticks[-1]

    def at(self, value):
        place = math.log10(value) if self.log else value
        return self.start + (place - self.low) / (self.high - self.low) * (self.end - self.start)


def decades(low, high):
    """Marks at 1, 2 and 5 of each decade; at 1 alone where they are many."""
    steps = (1, 2, 5) if high - low < 2.5 else (1,)
    return [step * 10.0**power for power in range(math.floor(low) - 1, math.ceil(high) + 2) for step in steps]


def nice(low, high, whole=False):
    span = (high - low) or abs(high) or 1
    step = 10.0 ** math.floor(math.log10(span / 4))
    step = next(step * factor for factor in (1, 2, 2.5, 5, 10) if span / (step * factor) <= 6)
    step = max(1, round(step)) if whole else step
    first = math.floor(low / step + 1e-9)
    last = max(first + 1, math.ceil(high / step - 1e-9))
    return [round(step * number, 10) for number in range(first, last + 1)]


def number(value):
    """Three digits that matter, thousands grouped."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{float(f'{value:.3g}'):g}"


def short(value):
    """A tick: 50,000 as 50K."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "K")):
        if abs(value) >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def text(x, y, words, classes="ink", anchor="start", turn=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{classes}" text-anchor="{anchor}"{turn}>{escape(words)}</text>'


def rule(x1, y1, x2, y2, classes):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{classes}"/>'


def page(title, described, height, parts):
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<desc>{escape(described)}</desc>",
        f"<style>{style()}</style>",
        f'<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="6" class="page"/>',
        text(20, 30, title, "ink title"),
        *parts,
        "</svg>",
        "",
    ])  # fmt: skip


def bars(title, unit, rows, groups, log=True):
    """Rows of (label, value, group); `groups` names the colours, in order. A label is not said again below itself."""
    left = min(400, 36 + CHARACTER * max(len(label) for label, *_ in rows))
    right, top, thick = WIDTH - 70, 74, 24
    bottom = top + thick * len(rows) + 6
    values = [value for _, value, _ in rows]
    axis = Axis([*values, min(values) / 2], left, right, log)
    parts, x = [], 20
    for place, group in enumerate(groups):
        parts.append(f'<rect x="{x:.1f}" y="43" width="11" height="11" rx="2" class="f{place % len(COLOURS)}"/>')
        parts.append(text(x + 17, 53, group, "soft"))
        x += 17 + CHARACTER * len(group) + 24
    for tick in axis.ticks:
        parts.append(rule(axis.at(tick), top - 4, axis.at(tick), bottom, "grid"))
        parts.append(text(axis.at(tick), bottom + 17, short(tick), "soft", "middle"))
    for place, (label, value, group) in enumerate(rows):
        y = top + thick * place
        colour = groups.index(group) % len(COLOURS)
        if not place or rows[place - 1][0] != label:
            parts.append(text(left - 10, y + 15, label, "ink", "end"))
        parts.append(f'<rect x="{left:.1f}" y="{y + 3}" width="{axis.at(value) - left:.1f}" height="{thick - 7}" rx="2" class="f{colour}"/>')
        parts.append(text(axis.at(value) + 6, y + 15, number(value)))
    parts.append(rule(left, top - 4, left, bottom, "axis"))
    parts.append(text((left + right) / 2, bottom + 38, unit + (" (logarithmic)" if log else ""), "soft", "middle"))
    described = "; ".join(f"{label}, {group}: {number(value)} {unit}" for label, value, group in rows)
    return page(title, described, bottom + 52, parts)


def lines(title, x_unit, y_unit, series, x_log=True, y_log=True, whole_x=False):
    """Series of (name, [(x, y), ...]), each named at the end of its line."""
    height, top, bottom, left = 380, 74, 380 - 62, 74
    right = WIDTH - 36 - CHARACTER * max(len(name) for name, _ in series)
    points = [point for _, line in series for point in line]
    xs = Axis([x for x, _ in points], left, right, x_log, whole=whole_x)
    ys = Axis([y for _, y in points], bottom, top, y_log)
    parts = [text(20, 54, y_unit + (" (logarithmic)" if y_log else ""), "soft")]
    for tick in ys.ticks:
        parts.append(rule(left, ys.at(tick), right, ys.at(tick), "grid"))
        parts.append(text(left - 8, ys.at(tick) + 4, short(tick), "soft", "end"))
    for tick in xs.ticks:
        parts.append(rule(xs.at(tick), bottom, xs.at(tick), bottom + 4, "axis"))
        parts.append(text(xs.at(tick), bottom + 20, short(tick), "soft", "middle"))
    parts.append(rule(left, bottom, right, bottom, "axis"))
    parts.append(text((left + right) / 2, bottom + 44, x_unit + (" (logarithmic)" if x_log else ""), "soft", "middle"))
    ends = []
    for place, (name, line) in enumerate(series):
        colour = place % len(COLOURS)
        line = sorted(line)
        path = " ".join(f"{'M' if first else 'L'}{xs.at(x):.1f} {ys.at(y):.1f}" for first, (x, y) in
                        ((at == 0, point) for at, point in enumerate(line)))  # fmt: skip
        parts.append(f'<path d="{path}" class="line s{colour}"/>')
        parts += [f'<circle cx="{xs.at(x):.1f}" cy="{ys.at(y):.1f}" r="3.5" class="f{colour}"/>' for x, y in line]
        ends.append([ys.at(line[-1][1]), xs.at(line[-1][0]), name, colour])
    for y, x, name, colour in apart(ends, top, bottom):
        parts.append(text(max(x, right) + 10, y + 4, name, f"f{colour}"))
    described = "; ".join(
        f"{name}: " + ", ".join(f"{number(y)} at {short(x)}" for x, y in sorted(line)) for name, line in series
    )
    return page(title, f"{y_unit} by {x_unit}. {described}", height, parts)


def apart(ends, top, bottom, gap=17):
    """Moves the names of lines that end close together, so that none covers another."""
    ends = sorted(ends)
    for above, below in zip(ends, ends[1:]):
        below[0] = max(below[0], above[0] + gap)
    if ends and ends[-1][0] > bottom:
        ends[-1][0] = bottom
        for below, above in zip(ends[::-1], ends[-2::-1]):
            above[0] = min(above[0], below[0] - gap)
    return ends
