import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[3]
WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"


def test_every_test_that_the_portable_jobs_run_is_there() -> None:
    jobs = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]
    named = jobs["portable"]["env"]["TESTS"].split()
    assert len(named) > 10
    assert [path for path in named if not (ROOT / path).exists()] == []
    assert {name.partition("-")[0] for name in jobs["portable"]["strategy"]["matrix"]["os"]} == {"windows", "macos"}


def test_the_workflow_and_make_use_the_same_uv() -> None:
    workflow = re.search(r'UV_VERSION: "([\d.]+)"', WORKFLOW.read_text(encoding="utf-8"))
    makefile = re.search(r"UV_VERSION := ([\d.]+)", (ROOT / "Makefile").read_text(encoding="utf-8"))
    assert workflow is not None
    assert makefile is not None
    assert workflow[1] == makefile[1]
