"""Who the mind is: personas read from TOML files, and the messages an engine gets."""

import re
import string
import tomllib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated

import msgspec

from avatar_llm.engines.base import Message
from avatar_llm.history import Entry
from avatar_llm.marks import EXPLANATION, MARK
from avatar_runtime.settings import SettingsError

_SLOTS = ("name", "about", "style", "languages", "user")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_Short = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
_Long = Annotated[str, msgspec.Meta(max_length=4_000)]
_LANGUAGE_NAMES = {
    "en": {"en": "English", "uk": "Ukrainian"},
    "uk": {"en": "англійську", "uk": "українську"},
}


class PersonaError(SettingsError):
    """A persona that cannot be used; the message names the file, the key and what to do."""


class Translation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the persona calls itself and says of itself in one more language."""

    name: _Short
    about: _Long = ""


class Persona(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom the mind plays.

    Attributes:
        name: What it calls itself.
        system_prompt: What a language model is told first; may use the slots name, about, style, languages, user.
        about: A sentence or two it says of itself, in the first person, in the first of `languages`.
        style: How it talks.
        languages: ISO 639 codes it speaks, best first.
        translations: `name` and `about` in further languages, by code.
    """

    name: _Short
    system_prompt: Annotated[str, msgspec.Meta(min_length=1, max_length=20_000)]
    about: _Long = ""
    style: _Long = ""
    languages: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)] = ("en",)
    translations: dict[str, Translation] = {}

    def name_in(self, language: str) -> str:
        """Its name as said in `language`."""
        return self.translations[language].name if language in self.translations else self.name

    def about_in(self, language: str) -> str:
        """What it says of itself in `language`; empty when the file has nothing in that language."""
        if language in self.translations:
            return self.translations[language].about
        return self.about if language == self.languages[0] else ""

    def languages_in(self, language: str) -> str:
        """The languages it speaks, named in `language`: "English and Ukrainian"."""
        names = _LANGUAGE_NAMES.get(language, _LANGUAGE_NAMES["en"])
        joint = " та " if language == "uk" else " and "
        spoken = [names.get(code, code) for code in self.languages]
        return joint.join([", ".join(spoken[:-1]), spoken[-1]] if len(spoken) > 1 else spoken)

    def system_text(self, user: str) -> str:
        """The system prompt with its slots filled, and what `MARK` means; the same bytes at every turn of a session."""
        told = self.system_prompt.strip().format(
            name=self.name,
            about=self.about,
            style=self.style,
            languages=self.languages_in("en"),
            user=user or "somebody",
        )
        return f"{told}\n{EXPLANATION}"


def load(path: str | Path = "") -> Persona:
    """The persona in the file `path`; without one, the persona that ships with the service.

    Raises:
        PersonaError: The file is missing, is not TOML, or lacks or misspells a key.
    """
    source = Path(path) if path else resources.files("avatar_llm") / "data" / "persona.toml"
    try:
        persona = msgspec.convert(tomllib.loads(source.read_text(encoding="utf-8")), Persona)
        for _, slot, _, _ in string.Formatter().parse(persona.system_prompt):
            if slot is not None and slot not in _SLOTS:
                known = ", ".join(f"{{{name}}}" for name in _SLOTS)
                raise PersonaError(f"persona file {source}: system_prompt has {{{slot}}}; it may use {known}")
    except FileNotFoundError:
        raise PersonaError(
            f"persona file {source} does not exist; create it, or set [llm] persona to another file"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise PersonaError(f"persona file {source} cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise PersonaError(f"persona file {source} is not valid TOML: {error}; correct that line") from error
    except msgspec.ValidationError as error:
        keys = ", ".join(Persona.__struct_fields__)
        raise PersonaError(f"persona file {source}: {error}; a persona has the keys {keys}") from error
    except ValueError as error:
        raise PersonaError(f"persona file {source}: system_prompt: {error}; write {{{{ for a brace") from error
    return persona


def find(name: str, folder: str | Path) -> Persona:
    """The persona `name`, from ``folder/name.toml``; raises `PersonaError`."""
    if not _NAME.fullmatch(name):
        raise PersonaError(f"persona name {name[:60]!r} is not allowed: use letters, digits, - and _")
    return load(Path(folder) / f"{name}.toml")


def choose(name: str, folder: str | Path, usual: str | Path) -> tuple[Persona, str]:
    """The persona `name`, or the one in the file `usual` without a name; and what is wrong where `name` cannot be used.

    Then the usual one plays: a conversation goes on with somebody rather than with nobody.
    """
    complaint = ""
    if name:
        try:
            return find(name, folder), ""
        except PersonaError as error:
            complaint = str(error)
    return load(usual), complaint


def messages(system: str, history: Sequence[Entry], text: str, language: str) -> list[Message]:
    """What an engine is asked: `system`, then user and assistant strictly in turns, `text` last.

    Turns that were never answered aloud are joined, one a line: some chat templates refuse two in a row. Answers that
    were cut short end with `MARK`.
    """
    spoken = [
        line
        for entry in history
        for line in (("user", entry.said, entry.language), ("assistant", _answered(entry), entry.language))
        if line[1]
    ]
    merged = [Message("system", system, language)]
    for role, content, spoken_in in [*spoken, ("user", text, language)]:
        if role == merged[-1].role:
            merged[-1] = Message(merged[-1].role, f"{merged[-1].content}\n{content}", spoken_in)
        else:
            merged.append(Message(role, content, spoken_in))  # type: ignore[arg-type]
    return merged


def _answered(entry: Entry) -> str:
    return f"{entry.heard} {MARK}" if entry.cut else entry.heard
