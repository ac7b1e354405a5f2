import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.timeout(300)
def test_the_quick_evaluation_holds_real_conversations_and_draws_them(default_settings: Path, tmp_path: Path) -> None:
    command = [Path(sys.executable).with_name("avatar"), "eval", "--quick", "--out", str(tmp_path)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False, cwd=tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    result = json.loads((tmp_path / "eval.json").read_text())
    figures = result["figures"]
    assert result["quick"] is True
    assert figures["cases_failed"]["value"] == 0, ran.stdout
    assert figures["barge_ins_missed_percent"]["value"] <= 50
    assert figures["echo_turns"]["value"] == 0
    assert figures["natural_ends_missed_percent"]["value"] == 0
    page = (tmp_path / "eval.html").read_text()
    assert page.count("<svg") == len([case for case in result["cases"] if case["drawing"]])
    assert not [reference for reference in ("http://", "https://", "<script src") if reference in page]
