"""Lines typed during a call: words for the clone, or commands that begin with a slash."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal, NamedTuple, TypeAlias, cast

from avatar_contracts import ContractError
from avatar_contracts.session import Mode, Patience, Respond
from avatar_edge.call import Call
from avatar_edge.choices import options
from avatar_edge.errors import EdgeError
from avatar_runtime.bus import BusError

_Handler: TypeAlias = Callable[[str], Awaitable[str]]


class _Command(NamedTuple):
    usage: str
    does: str
    run: _Handler


class Console:
    """Obeys typed lines; what it has to say about one is what `obey` returns."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._commands = {
            "mode": _Command(f"/mode {_words('mode')}", "what becomes of your words", self._mode),
            "respond": _Command(f"/respond {_words('respond')}", "which turns it answers", self._respond),
            "patience": _Command(f"/patience {_words('patience')}", "how soon it takes a turn", self._patience),
            "say": _Command("/say TEXT", "it says exactly this", self._say),
            "stop": _Command("/stop", "it is silent at once", self._stop),
            "speak": _Command("/speak", "it says the answer it proposes", self._speak),
            "edit": _Command("/edit TEXT", "it says this in place of the answer it proposes", self._edit),
            "drop": _Command("/drop", "it says nothing", self._drop),
            "real": _Command("/real on|off", "you are seen and heard yourself, or the clone is", self._take),
            "help": _Command("/help", "this list", self._help),
        }

    async def obey(self, line: str) -> str:
        """Do what a line asks; returns what the person should read, empty when there is nothing to tell."""
        line = line.strip()
        if not line:
            return ""
        try:
            if not line.startswith("/"):
                await self._call.type(line)
                return ""
            name, _, rest = line[1:].partition(" ")
            command = self._commands.get(name.lower())
            if command is None:
                return f"there is no command /{name}; /help lists those there are"
            return await command.run(rest.strip())
        except (BusError, ContractError, EdgeError) as error:
            return str(error)

    async def _mode(self, word: str) -> str:
        if word:
            await self._call.configure(mode=cast("Mode", word))
        return f"mode is {self._call.config.mode} (of {_words('mode')})"

    async def _respond(self, word: str) -> str:
        if word:
            await self._call.configure(respond=cast("Respond", word))
        return f"respond is {self._call.config.respond} (of {_words('respond')})"

    async def _patience(self, word: str) -> str:
        if word:
            await self._call.configure(patience=cast("Patience", word))
        return f"patience is {self._call.config.patience} (of {_words('patience')})"

    async def _say(self, text: str) -> str:
        if not text:
            return f"what is it to say? {self._commands['say'].usage}"
        await self._call.say(text)
        return ""

    async def _stop(self, _: str) -> str:
        await self._call.stop()
        return ""

    async def _speak(self, _: str) -> str:
        return await self._decide("speak", "")

    async def _edit(self, text: str) -> str:
        if not text:
            return f"what is it to say instead? {self._commands['edit'].usage}"
        return await self._decide("speak", text)

    async def _drop(self, _: str) -> str:
        return await self._decide("drop", "")

    async def _decide(self, action: Literal["speak", "drop"], text: str) -> str:
        await self._call.decide(action, text)
        return ""

    async def _take(self, word: str) -> str:
        if word not in ("", "on", "off"):
            return f"{word!r} is neither on nor off"
        await self._call.real(word == "on" if word else not self._call.real_on)
        return "you yourself are seen and heard" if self._call.real_on else "the clone is seen and heard"

    async def _help(self, _: str) -> str:
        width = max(len(command.usage) for command in self._commands.values())
        lines = [f"{command.usage:<{width}}  {command.does}" for command in self._commands.values()]
        session = f"This call is session {self._call.session_id}; other programs name it by that."
        return "\n".join(["Type a line for the clone to answer, or:", *lines, session])


def _words(name: str) -> str:
    return "|".join(options(name))
