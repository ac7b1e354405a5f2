from pathlib import Path

import msgspec
import pytest

from avatar_runtime.settings import BusSettings, ServiceSettings, SettingsError, describe, load


class Espeak(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    rate_wpm: int = 170
    voice: str = "default"


class VoiceSettings(ServiceSettings, kw_only=True):
    engine: str = "espeak"
    gain_db: float = 0.0
    fast: bool = False
    languages: tuple[str, ...] = ("en", "uk")
    espeak: Espeak = Espeak(voice="slt")
    api_key: str = ""
    max_tokens: int = 100
    folder: Path = Path("voices")


def read(text="", argv=(), environ=None, *, tmp_path=None):
    path = None
    if text:
        path = tmp_path / "avatar.toml"
        path.write_text(text, encoding="utf-8")
    return load("tts", VoiceSettings, list(argv), environ or {}, path)


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_without_any_source_the_defaults_hold():
    assert read() == VoiceSettings()


def test_flags_win_over_the_environment_which_wins_over_the_file(tmp_path):
    text = "[tts]\nengine = 'file'\ngain_db = 1\ncapacity = 1\n"
    environ = {"AVATAR_TTS__GAIN_DB": "2", "AVATAR_TTS__CAPACITY": "2"}
    settings = read(text, ["--capacity", "3"], environ, tmp_path=tmp_path)
    assert (settings.engine, settings.gain_db, settings.capacity) == ("file", 2.0, 3)


def test_the_shared_sections_reach_every_service_and_its_own_section_overrides_them(tmp_path):
    text = "[tts.bus]\nuser = 'voice'\n[bus]\nurl = 'nats://box:4222'\nuser = 'all'\n[llm]\nanything = 1\n"
    settings = read(text, tmp_path=tmp_path)
    assert (settings.bus.url, settings.bus.user) == ("nats://box:4222", "voice")
    settings = read(text, environ={"AVATAR_BUS__USER": "everyone"}, tmp_path=tmp_path)
    assert settings.bus.user == "everyone"


def test_the_file_in_the_working_folder_is_read_and_the_variable_names_another(tmp_path):
    (tmp_path / "avatar.toml").write_text("[tts]\nengine = 'here'\n")
    (tmp_path / "other.toml").write_text("[tts]\nengine = 'there'\n")
    assert read().engine == "here"
    assert read(environ={"AVATAR_CONFIG": "other.toml"}).engine == "there"
    assert read(argv=["--config=other.toml"]).engine == "there"


def test_a_nested_value_keeps_its_neighbours_defaults():
    settings = read(argv=["--espeak.rate_wpm", "200"])
    assert settings.espeak == Espeak(rate_wpm=200, voice="slt")


def test_text_becomes_the_type_of_the_field():
    settings = read(
        argv=["--fast", "--languages", '["uk"]', "--gain-db=-3.5"],
        environ={"AVATAR_TTS__FOLDER": "/data", "AVATAR_TTS__ESPEAK__RATE_WPM": "120"},
    )
    assert settings.fast is True
    assert settings.languages == ("uk",)
    assert settings.gain_db == -3.5
    assert settings.folder == Path("/data")
    assert settings.espeak.rate_wpm == 120


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[tts]\n\nengin = 'x'\n", ["avatar.toml:3", "tts.engin", "tts.engine"]),
        ("[tss]\nengine = 'x'\n", ["avatar.toml:1", "unknown section 'tss'", "tts"]),
        ("[tts]\n[tts.espeak]\nvoise = 'x'\n", ["avatar.toml:3", "tts.espeak.voise", "tts.espeak.voice"]),
        ("[log]\nlevle = 'info'\n", ["avatar.toml:2", "log.levle", "log.level"]),
        ("[tts]\ngain_db = 'loud'\n", ["avatar.toml:2", "gain_db", "float"]),
        ("[tts]\ncapacity = 0\n", ["avatar.toml:2", "capacity", ">= 1"]),
        ("[tts]\nengine = \n", ["not valid TOML", "line 2"]),
        ("x = " + "[" * 2_000, ["not valid TOML", "nested"]),
        ("tts = 5\n", ["avatar.toml:1", "[tts]"]),
        ("[log]\nlevel = 'loud'\n", ["avatar.toml:2", "log.level", "loud"]),
        ("[tts]\nespeak = 5\n", ["avatar.toml:2", "tts.espeak"]),
    ],
)
def test_a_mistake_in_the_file_is_named_with_its_line(text, parts, tmp_path):
    with pytest.raises(SettingsError) as caught:
        read(text, tmp_path=tmp_path)
    for part in parts:
        assert part in str(caught.value)


def test_a_file_that_is_not_text_is_a_clear_error(tmp_path):
    (tmp_path / "avatar.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match=r"avatar\.toml cannot be read"):
        read()


@pytest.mark.parametrize("how", [{"argv": ["--config", "gone.toml"]}, {"environ": {"AVATAR_CONFIG": "gone.toml"}}])
def test_a_named_file_that_is_not_there_is_an_error(how):
    with pytest.raises(SettingsError, match=r"gone\.toml does not exist"):
        read(**how)


@pytest.mark.parametrize(
    ("variable", "part"),
    [
        ("AVATAR_TTS__ENGIN", "AVATAR_TTS__ENGINE"),
        ("AVATAR_TSS__ENGINE", "did you mean tts"),
        ("AVATAR_TTS_ENGINE", "write AVATAR_TTS__ENGINE"),
        ("AVATAR_BUS__ULR", "AVATAR_BUS__URL"),
    ],
)
def test_a_misspelt_variable_is_an_error_with_the_nearest_name(variable, part):
    with pytest.raises(SettingsError, match=part):
        read(environ={variable: "x"})


def test_variables_of_other_services_and_other_programs_are_left_alone():
    assert read(environ={"AVATAR_LLM__MODEL": "x", "AVATAR_HOME": "/x", "PATH": "/bin"}) == VoiceSettings()


@pytest.mark.parametrize(
    ("argv", "part"),
    [
        (["--engin", "x"], "did you mean --engine"),
        (["engine"], "unexpected 'engine'"),
        (["--engine"], "needs a value"),
        (["--capacity", "many"], "flag --capacity: capacity = many"),
        (["--languages", "[en"], "languages"),
    ],
)
def test_a_wrong_flag_is_an_error(argv, part):
    with pytest.raises(SettingsError, match=part):
        read(argv=argv)


def test_a_missing_required_value_says_how_to_set_it():
    class Needy(ServiceSettings, kw_only=True):
        model: str

    with pytest.raises(SettingsError, match=r"tts\.model is not set.*--model.*AVATAR_TTS__MODEL"):
        load("tts", Needy, [], {})


def test_help_lists_every_setting_in_all_three_spellings(capsys):
    with pytest.raises(SystemExit) as caught:
        read(argv=["--help"])
    assert caught.value.code == 0
    assert "--espeak.rate_wpm" in (shown := capsys.readouterr().out)
    assert "AVATAR_TTS__ESPEAK__RATE_WPM" in shown
    assert "tts.espeak.rate_wpm" in shown


def test_describe_tells_where_each_value_came_from(tmp_path):
    settings = read("[tts]\nengine = 'file'\n", ["--capacity=2"], {"AVATAR_TTS__FAST": "true"}, tmp_path=tmp_path)
    lines = {line.key: line for line in describe(settings)}
    assert lines["engine"].value == "file"
    assert lines["engine"].source.endswith("avatar.toml:2")
    assert lines["fast"].source == "environment AVATAR_TTS__FAST"
    assert lines["capacity"].source == "flag --capacity"
    assert lines["gain_db"].source == "default"


def test_describe_masks_secrets_and_nothing_else():
    settings = VoiceSettings(
        api_key="hunter2",
        bus=BusSettings(url="nats://me:hunter2@box:4222", password="hunter2", token="hunter2", nkey_seed_file="/k"),
    )
    lines = {line.key: line.value for line in describe(settings)}
    assert "hunter2" not in str(lines)
    assert lines["bus.url"].endswith("@box:4222")
    assert lines["max_tokens"] == "100"
    assert lines["bus.user"] == ""
    assert lines["bus.nkey_seed_file"] == "/k"


def test_a_secret_of_the_wrong_type_is_not_printed(tmp_path):
    with pytest.raises(SettingsError) as caught:
        read("[tts]\napi_key = ['hunter2']\n", tmp_path=tmp_path)
    assert "hunter2" not in str(caught.value)
