"""`docs/operation/`: the page, the dashboard and the alerts name metrics and labels that there are."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import Any, Final

import pytest
import yaml
from prometheus_client import CollectorRegistry

from tests.contract import markdown
from tests.contract.project import ROOT
from todo_app.measuring.metrics import Metrics
from todo_app.measuring.parent import ParentMetrics

pytestmark = pytest.mark.requirement("OP3")

FOLDER: Final = ROOT / "docs" / "operation"
ALERTS: Final = FOLDER / "alerts.yml"
_PARTS: Final = ("_bucket", "_count", "_sum")


def _labels() -> dict[str, set[str]]:
    """The labels of each metric, by its name as a scrape has it."""
    registry = CollectorRegistry()
    Metrics(registry)
    ParentMetrics(registry)
    metrics: list[Any] = list(registry._collector_to_names)
    return {m._name + ("_total" if m._type == "counter" else ""): {*m._labelnames} for m in metrics}


METRICS: Final = _labels()


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((FOLDER / "dashboard.json").read_text(encoding="utf-8"))["panels"]
    return found


def metric_of(name: str) -> str:
    """The metric that a series is of."""
    return next((name.removesuffix(part) for part in _PARTS if name.removesuffix(part) in METRICS), name)


def wrong_in(query: str) -> list[str]:
    """What a query names that there is not."""
    wrong = []
    for name, matchers in re.findall(r"\b(todo_\w+)(?:\{([^}]*)\})?", query):
        metric = metric_of(name)
        labels = {*re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers)} - {"job", "instance"}
        is_part = name != metric
        if metric not in METRICS or (is_part and not metric.endswith("_seconds")):
            wrong.append(name)
        elif not labels <= METRICS[metric] | ({"le"} if name.endswith("_bucket") else set()):
            wrong.append(f"{name}{{{matchers}}}")
    grouped = {label.strip() for group in re.findall(r"\bby \(([^)]*)\)", query) for label in group.split(",")}
    return wrong + sorted(grouped - {"le"}.union(*METRICS.values()))


def test_the_page_lists_every_metric_with_its_labels() -> None:
    rows = markdown.table((FOLDER / "watching.md").read_text(encoding="utf-8").partition("## Metrics")[2])
    told = {row["metric"].strip("`"): {*markdown.codes(row["labels"])} for row in rows}
    assert told == METRICS


def test_dashboard_and_alerts_ask_for_what_there_is() -> None:
    queries = [target["expr"] for panel in panels() for target in panel["targets"]]
    queries += [rule["expr"] for rule in rules()]
    assert len(queries) > 20
    assert not {query: wrong for query in queries if (wrong := wrong_in(query))}
    asked = {metric_of(name) for query in queries for name in re.findall(r"\btodo_\w+", query)}
    assert asked == {*METRICS}, "each metric is looked at somewhere"


def test_what_there_is_not_is_found() -> None:
    assert wrong_in("rate(todo_request_total[5m])") == ["todo_request_total"]
    assert wrong_in('todo_requests_total{user="1"}') == ['todo_requests_total{user="1"}']
    assert wrong_in("todo_requests_total_bucket") == ["todo_requests_total_bucket"]
    assert wrong_in("sum by (person) (todo_workers)") == ["person"]


def test_the_page_of_objectives_lists_every_alert_with_its_severity() -> None:
    text = (FOLDER / "objectives.md").read_text(encoding="utf-8").partition("| alert |")[2]
    rows = [
        [cell.strip(" `") for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("| `")
    ]
    assert {row[0]: row[1] for row in rows} == {rule["alert"]: rule["labels"]["severity"] for rule in rules()}


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (Debian package prometheus)")
def test_prometheus_reads_the_alerts() -> None:
    done = subprocess.run(
        ["promtool", "check", "rules", "--lint=all", str(ALERTS)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rules())} rules found" in done.stdout


def test_names_follow_the_conventions_of_prometheus() -> None:
    for name in METRICS:
        assert re.fullmatch(r"todo_[a-z]+(_[a-z]+)*", name)
        assert not re.search(r"_(milliseconds|ms|percent|count|sum|bucket)$", name)
