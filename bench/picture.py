"""The picture of a run: ratios, cost against size, and what each trick saves. Drawn by matplotlib, where it is."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.cases import FLOOR
from bench.contests import ECHO, LIMIT
from bench.report import PICTURE, Report

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEDGER: Final = Path(__file__).parents[1] / "docs" / "decisions" / "0019-what-we-paid-for-speed.md"


def draw(report: Report) -> str:
    """Draw the picture into a file beside the results; return what to tell of it."""
    if find_spec("matplotlib") is None:
        return f"{PICTURE.name} is as it was: no matplotlib."
    import matplotlib as mpl
    from matplotlib import pyplot as plt

    mpl.rcParams.update({"svg.hashsalt": "todo-mcp", "svg.fonttype": "none", "font.size": 9})
    figure, (ratios, growth, ledger) = plt.subplots(1, 3, figsize=(17, 7), layout="constrained")
    _draw_ratios(ratios, report)
    _draw_growth(growth, report)
    _draw_ledger(ledger)
    figure.savefig(PICTURE, metadata={"Date": None})
    return f"Drawn to {PICTURE.name}."


def _draw_ratios(axes: Axes, report: Report) -> None:
    """Draw requests per second, as ratios to the floor or the bare echo."""
    cases = [contest for contest in report.contests if contest.case in {case for case, _ in report.results.busy}]
    names = list(dict.fromkeys(entry.name for one in cases for entry in one.entries[1:] if entry.name != LIMIT))
    height = 0.8 / max(len(names), 1)
    for place, name in enumerate(names):
        of = [(at, one) for at, one in enumerate(cases) if any(entry.name == name for entry in one.entries)]
        values = [report.results.ratio(one.case, name, one.entries[0].name) for _, one in of]
        axes.barh([at + place * height for at, _ in of], values, height, label=name)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_yticks([at + 0.4 - height / 2 for at in range(len(cases))], [one.case for one in cases])
    axes.invert_yaxis()
    axes.set_title(f"Requests per second, {FLOOR} or {ECHO} = 1")
    axes.legend(fontsize=7)


def _draw_growth(axes: Axes, report: Report) -> None:
    """Draw what each read takes a person with few, some and many todos."""
    if report.growth is not None:
        for read, seconds in report.growth.seconds.items():
            axes.loglog(report.growth.sizes, [one * 1e3 for one in seconds], marker="o", label=read)
        axes.legend()
    axes.set_xlabel("todos of the person")
    axes.set_title("Milliseconds on one connection")


def _draw_ledger(axes: Axes) -> None:
    """Draw the server's CPU a request without each trick of the ledger, where that was measured."""
    found = [
        (line.split("|")[1].strip(), float(cpu[1]))
        for line in LEDGER.read_text(encoding="utf-8").splitlines()
        if line.startswith("| ") and (cpu := re.search(r"CPU (\d\.\d+)", line))
    ]
    axes.barh([name for name, _ in found], [cpu - 1 for _, cpu in found], left=1)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.invert_yaxis()
    axes.set_title("CPU a request without each trick, with it = 1")
