# SPDX-License-Identifier: BSD-2-Clause
"""report.py: Markdown tables of the rounds' figures: [{peer: {figure: value}}]."""
import statistics

from figures import FIGURES

NOISY = 0.25  # of the median: a spread that is shown
SELF = "restunnel"


def number(value, digits):
    return "{:,.{}f}".format(value, digits)


def cell(values, digits):
    """The median; with (least..most) where they are far apart."""
    values = [v for v in values if v is not None]
    if not values:
        return ""
    median, least, most = statistics.median(values), min(values), max(values)
    text = number(median, digits)
    if most - least > NOISY * abs(median):
        text += " (%s..%s)" % (number(least, digits), number(most, digits))
    return text


def values(rounds, peer, key):
    return [r.get(peer, {}).get(key) for r in rounds]


def ratios(rounds, peer, key):
    """Of each round: its two values were measured within a minute or so."""
    return [a / b for a, b in zip(values(rounds, SELF, key), values(rounds, peer, key)) if a is not None and b]


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    return "\n".join(lines + ["| " + " | ".join(r) + " |" for r in rows])


def figure_table(corner, peers, cell_of):
    """A row for each figure, a column for each peer, but for empty ones; '' when all are."""
    rows = {key: [cell_of(p, key, f) for p in peers] for key, f in FIGURES.items()}
    kept = [i for i in range(len(peers)) if any(cells[i] for cells in rows.values())]
    lines = [["%s, %s %s" % (FIGURES[key].text, FIGURES[key].unit, FIGURES[key].better), *(cells[i] for i in kept)]
             for key, cells in rows.items() if any(cells)]
    return table([corner, *(peers[i] for i in kept)], lines) if lines else ""


def ratio_table(rounds, peers):
    return figure_table("restunnel ÷", [p for p in peers if p != SELF], lambda p, key, f: cell(ratios(rounds, p, key), 2) if f.ratio else "")


def median_table(rounds, peers):
    return figure_table("median", peers, lambda p, key, f: cell(values(rounds, p, key), f.digits))


def text(rounds, peers, about, notes):
    """The whole report. about: {what: text}; notes: texts."""
    parts = ["\n".join("- %s: %s" % item for item in about.items()), ratio_table(rounds, peers), median_table(rounds, peers)]
    if notes:
        parts.append("\n".join("- " + n for n in notes))
    return "\n\n".join(p for p in parts if p) + "\n"
