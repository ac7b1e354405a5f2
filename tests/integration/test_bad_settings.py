"""Settings that cannot be used: the process of every service ends at once, with one sentence that says what to mend."""

import asyncio
import os
import runpy
import sys

import pytest

KINDS = ("asr", "llm", "tts", "face", "edge")

# The file and what the sentence must say; {kind} is the service.
FILES = {
    "an unknown key": ("[{kind}]\nenginne = 'x'\n", ("avatar.toml:2", "{kind}.enginne", "engine")),
    "an unknown shared key": ("[bus]\nurll = 'x'\n", ("avatar.toml:2", "bus.urll", "did you mean bus.url")),
    "an unknown section": ("[{kind}s]\n", ("avatar.toml:1", "{kind}s", "did you mean")),
    "a key without a section": ("engine = 'x'\n", ("avatar.toml:1", "engine")),
    "a section that is a value": ("{kind} = 3\n", ("avatar.toml:1", "{kind} must be a section")),
    "text for a number": ("[{kind}]\ncapacity = 'many'\n", ("avatar.toml:2", "capacity = many", "expected `int`")),
    "a number for text": ("[bus]\n\nurl = 5\n", ("avatar.toml:3", "bus.url = 5", "expected `str`")),
    "a number out of range": ("[{kind}]\nhealth_port = 70000\n", ("avatar.toml:2", "health_port = 70000")),
    "a list for text": ("[{kind}]\nworker = ['a']\n", ("avatar.toml:2", "worker")),
    "a level nobody knows": ("[log]\nlevel = 'loud'\n", ("avatar.toml:2", "log.level = loud")),
    "broken TOML": ("[{kind}]\nworker = \n", ("avatar.toml", "not valid TOML", "line 2")),
    "a section twice": ("[{kind}]\n[{kind}]\n", ("avatar.toml", "not valid TOML")),
    "TOML nested too deeply": ("x = " + "[" * 2_000, ("avatar.toml", "not valid TOML", "nested")),
    "no text at all": (b"\xff\xfe\x00[", ("avatar.toml", "cannot be read")),
}


def one_sentence(kind: str, complaint: str, said: tuple[str, ...]) -> None:
    assert complaint.startswith(f"avatar {kind}: ")
    assert complaint.count("\n") == 1
    assert "Traceback" not in complaint
    for words in said:
        assert words.format(kind=kind).lower() in complaint.lower()


@pytest.fixture
def started(monkeypatch, capsys, tmp_path):
    """Run a service's `__main__` in this process as `python -m` does; gives what it wrote on stderr."""
    for name in [name for name in os.environ if name.startswith("AVATAR_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def start(kind: str, *flags: str) -> str:
        monkeypatch.setattr(sys, "argv", [f"avatar_{kind}", *flags])
        with pytest.raises(SystemExit) as ended:
            runpy.run_module(f"avatar_{kind}", run_name="__main__", alter_sys=True)
        assert ended.value.code == 2
        return capsys.readouterr().err

    return start


@pytest.mark.parametrize("fault", FILES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_file_ends_the_start_with_its_place(started, tmp_path, kind, fault):
    content, said = FILES[fault]
    if fault == "an unknown key" and kind == "edge":
        content, said = "[edge]\nwidht = 5\n", ("avatar.toml:2", "edge.widht", "edge.width")
    file = tmp_path / "avatar.toml"
    file.write_bytes(content if isinstance(content, bytes) else content.replace("{kind}", kind).encode())
    one_sentence(kind, started(kind), said)


@pytest.mark.parametrize("kind", KINDS)
def test_a_named_file_that_is_not_there_or_no_file_is_named_in_the_sentence(started, tmp_path, monkeypatch, kind):
    missing = str(tmp_path / "nowhere.toml")
    one_sentence(kind, started(kind, "--config", missing), (missing, "does not exist"))
    one_sentence(kind, started(kind, "--config", str(tmp_path)), (str(tmp_path), "cannot be read"))
    monkeypatch.setenv("AVATAR_CONFIG", missing)
    one_sentence(kind, started(kind), (missing, "does not exist"))


OWN = {
    "asr": ("end_threshold", "1.5", "<= 1.0"),
    "llm": ("deadline_s", "soon", "expected `float`"),
    "tts": ("espeak.pitch", "101", "<= 100"),
    "face": ("width", "511", "multiple"),
    "edge": ("language", "English", "regex"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_flag_or_variable_is_named_in_the_sentence(started, monkeypatch, kind):
    key, value, why = OWN[kind]
    one_sentence(kind, started(kind, f"--{key}", value), (f"flag --{key}", f"{key} = {value}", why))
    one_sentence(kind, started(kind, "--volume", "11"), ("--volume",))
    variable = f"AVATAR_{kind}__{key.replace('.', '__')}".upper()
    monkeypatch.setenv(variable, value)
    one_sentence(kind, started(kind), (f"environment {variable}", key, why))


def test_settings_that_contradict_each_other_are_told(started):
    said = started("asr", "--min_silence_s", "1.0", "--silence_cap_s", "0.5")
    one_sentence("asr", said, ("min_silence_s = 1.0", "silence_cap_s = 0.5"))


PROCESSES = {
    "asr": (("--engine", "nonesuch"), ("nonesuch", "moonshine")),
    "llm": (("--persona", "nowhere.toml"), ("nowhere.toml", "does not exist")),
    "tts": (("--bus.nkey_seed_file", "nowhere.seed"), ("nowhere.seed", "cannot be read")),
    "face": (("--avatar", "nowhere.jpg"), ("nowhere.jpg", "cannot be read", "check its path")),
    "edge": (("--mic", "file:nowhere.wav"), ("nowhere.wav",)),
}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_process_that_names_a_missing_thing_ends_with_code_2_and_one_sentence(server, tmp_path, kind):
    flags, said = PROCESSES[kind]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AVATAR_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", f"avatar_{kind}", "--bus.url", server.url, "--log.level", "error", *flags),
        cwd=tmp_path,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(20):
            out, complaint = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 2
    assert out == b""
    one_sentence(kind, complaint.decode(), said)
