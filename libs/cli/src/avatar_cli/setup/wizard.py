"""The walk through the devices: what is asked, and what becomes of the answers."""

from __future__ import annotations

from typing import IO

from avatar_cli.setup.advice import in_the_meeting
from avatar_cli.setup.machine import SENTENCE, Machine, other_end, system_of
from avatar_cli.setup.meter import Meter
from avatar_edge import EdgeSettings
from avatar_edge.devices.catalogue import Device, Table, Use, find
from avatar_edge.errors import CameraError, DeviceMissing, EdgeError

LISTEN_S = 5.0
_CLEAR = "\r\x1b[2K"

_INTRO = {
    "mic": "Your own microphone: repeat mode speaks your words again, and it becomes audible when you take over.",
    "meeting": "What the clone hears of the meeting: a device that gives back what the meeting program plays.",
    "speaker": "The clone's voice: a virtual microphone, which the meeting program then chooses.",
    "monitor": "Headphones in which you hear the clone as well.",
}


class Wizard:
    """Asks, tries and remembers.

    Attributes:
        choice: Settings of the edge that were chosen, by name.
        answered: Somebody answered: a pipe that ends at once leaves everything as it was.
    """

    def __init__(self, machine: Machine, settings: EdgeSettings, typed: IO[str], shown: IO[str]) -> None:
        self.choice: dict[str, str] = {}
        self.answered = False
        self._machine = machine
        self._settings = settings
        self._typed = typed
        self._shown = shown
        self._ended = False
        self._camera = ""

    def run(self) -> None:
        """Every step; `choice` holds the outcome."""
        steps = (self._speaker, self._mic, self._meeting, self._monitor, self._picture)
        self._say("Enter keeps what is marked *. Nothing is saved before the end.")
        for number, step in enumerate(steps, 1):
            self._say(f"\n{number}/{len(steps)}  ", end="")
            step()
        self._say("\nIn the meeting program")
        for line in self._advice():
            self._say(f"  {line}")

    # --- steps -------------------------------------------------------------------------------------------------

    def _speaker(self) -> None:
        self._choose("speaker", self._settings.speaker)
        if not self._device("speaker") or not self._agreed("Say a test sentence into it?"):
            return
        try:
            arrived = self._machine.speak(self.choice["speaker"])
        except EdgeError as error:
            self._say(f"     It could not speak: {error}")
            return
        far = self._far_end()
        if arrived is None or far is None:
            self._say(f'     It said "{SENTENCE}" Where it arrives cannot be heard from here.')
        elif arrived.heard:
            self._say(f'     It arrived at "{far.name}" with {arrived.loudest_dbfs:.0f} dBFS.')
        else:
            self._say(f'     Nothing arrived at "{far.name}": is that device muted or switched off?')

    def _mic(self) -> None:
        self._choose("mic", self._settings.mic)
        if self._device("mic"):
            self._meter("mic", f"Speak for {LISTEN_S:.0f} seconds. Ready?")

    def _meeting(self) -> None:
        self._choose("meeting", self._settings.meeting)
        if self._device("meeting"):
            self._meter("meeting", "Play something into it, such as the meeting's speaker test. Ready?")

    def _monitor(self) -> None:
        self._choose("monitor", self._settings.monitor)

    def _picture(self) -> None:
        self._say("The virtual camera, which the meeting program then chooses.")
        if not self._agreed("Show a test picture in it?"):
            return
        try:
            self._camera = self._machine.picture(self._settings, self._seen)
        except CameraError as error:
            self._say(f"     {error}")
            self._say("     The call goes on without it; the voice needs no camera.")

    def _seen(self) -> None:
        self._ask(
            "     A card with a moving bar is shown now: look in the video settings of Zoom or Teams, then Enter. "
        )

    # --- parts of steps ----------------------------------------------------------------------------------------

    def _choose(self, use: Use, selector: str) -> None:
        """Let the person choose a device for `use`, `selector` being what holds now."""
        self._say(_INTRO[use])
        table = self._machine.table()
        names = list(dict.fromkeys(device.name for device in self._candidates(use, table)))
        try:
            now = find(selector, use, table, speaker=self._device("speaker")).name if selector != "none" else ""
        except DeviceMissing as error:
            now = ""
            self._say(f"     {error}")
        self.choice[use] = selector  # what is not there yet may come
        if not names:
            return
        for number, name in enumerate(names, 1):
            self._say(f"   {'*' if name == now else ' '} {number:2}  {name}")
        self._say(f"   {'*' if selector == 'none' else ' '}  0  none")
        while True:
            answer = self._ask(f"     0 to {len(names)}, or Enter: ")
            if not answer:
                return
            if answer.isdigit() and int(answer) <= len(names):
                name = names[int(answer) - 1] if int(answer) else "none"
                self.choice[use] = selector if name == now else name
                return
            self._say(f"     {answer!r} is none of them.")

    def _candidates(self, use: Use, table: Table) -> list[Device]:
        usable = table.usable(use)
        best = [device for device in usable if device.api == usable[0].api] if usable else []
        if use == "speaker":
            return [device for device in best if device.virtual]
        if use == "meeting":
            return [device for device in best if device.virtual and not device.own]
        return [device for device in best if not device.virtual]

    def _device(self, use: Use) -> Device | None:
        selector = self.choice.get(use, "none")
        if selector == "none":
            return None
        speaker = self._device("speaker") if use != "speaker" else None
        try:
            return find(selector, use, self._machine.table(), speaker=speaker)
        except DeviceMissing:
            return None

    def _far_end(self) -> Device | None:
        voice = self._device("speaker")
        return other_end(voice, self._machine.table()) if voice is not None else None

    def _meter(self, use: Use, question: str) -> None:
        if not self._agreed(question):
            return
        live = self._shown.isatty()

        def show(meter: Meter) -> None:
            if live:
                self._say(f"{_CLEAR}     {meter.bar()}", end="")

        try:
            meter = self._machine.listen(use, self.choice[use], LISTEN_S, show)
        except EdgeError as error:
            self._say(f"{_CLEAR if live else ''}     {error}")
            return
        self._say(f"{_CLEAR if live else ''}     {meter.verdict}")

    def _advice(self) -> list[str]:
        far, heard = self._far_end(), self._device("meeting")
        microphone = far.name if far is not None else ""
        return in_the_meeting(system_of(self._machine), microphone, self._camera, heard.name if heard else "")

    # --- talking -----------------------------------------------------------------------------------------------

    def _agreed(self, question: str) -> bool:
        answer = self._ask(f"     {question} Enter, or n to skip: ")
        return not self._ended and answer.lower() not in ("n", "no", "skip")

    def _ask(self, question: str) -> str:
        self._say(question, end="")
        line = "" if self._ended else self._typed.readline()
        if not line:
            self._ended = True
            self._say("")
            return ""
        self.answered = True
        return line.strip()

    def _say(self, text: str, end: str = "\n") -> None:
        self._shown.write(text + end)
        self._shown.flush()
