import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from avatar_cli.main import cli


def avatar(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [Path(sys.executable).with_name("avatar"), *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=30, check=False)


def test_the_help_names_every_command_and_imports_no_engine() -> None:
    script = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from avatar_cli.main import cli\n"
        "print(CliRunner().invoke(cli, ['--help']).output)\n"
        "heavy = {'numpy', 'cv2', 'av', 'onnxruntime', 'mediapipe', 'nats'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False)
    assert shown.returncode == 0, shown.stderr
    for command in ("up", "down", "status", "logs", "edge", "demo", "doctor", "bench", "eval", "config"):
        assert f" {command} " in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("up", "nose"), "There is no service 'nose' to start; there are: asr, llm, tts, face, web."),
        (("status",), "Nothing runs here."),
        (("logs",), "Nothing runs here."),
        (("bench", "--only", "nonsense"), "There is no measurement 'nonsense'"),
        (("eval", "--only", "nonsense"), "There is no part 'nonsense'"),
        (("eval", "--patience", "angry"), "There is no patience 'angry'"),
        (("config", "show", "nose"), "There is no service 'nose'"),
    ],
)
def test_a_mistake_ends_in_one_plain_sentence(tmp_path: Path, arguments: tuple[str, ...], sentence: str) -> None:
    refused = avatar(*arguments, cwd=tmp_path)
    assert refused.returncode == 1
    assert sentence in refused.stderr
    assert "Traceback" not in refused.stderr


def test_stopping_nothing_is_no_error(tmp_path: Path) -> None:
    stopped = avatar("down", cwd=tmp_path)
    assert stopped.returncode == 0
    assert "Nothing was running here." in stopped.stdout


def test_an_unknown_option_is_refused() -> None:
    assert CliRunner().invoke(cli, ["up", "--nonsense"]).exit_code == 2


def test_results_that_cannot_be_written_end_in_one_plain_sentence(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file where a folder is wanted")
    refused = avatar("demo", "--out", "out", cwd=tmp_path)
    assert refused.returncode == 1
    assert "out" in refused.stderr
    assert "Traceback" not in refused.stderr
