"""What to choose in the meeting program, on each system."""

from __future__ import annotations

from avatar_edge.devices.catalogue import System

_CAMERA: dict[System, str] = {"windows": "OBS Virtual Camera", "macos": "OBS Virtual Camera", "linux": "Avatar"}


def in_the_meeting(system: System, microphone: str, camera: str, meeting: str) -> list[str]:
    """The lines a person follows.

    Args:
        system: The system.
        microphone: Name of the virtual microphone as a meeting lists it, empty when there is none.
        camera: Name of the virtual camera, empty for the one this system has.
        meeting: Name of the device the meeting is heard from, empty for none.
    """
    camera = camera or _CAMERA[system]
    lines = []
    if microphone:
        lines += [
            f'Zoom:   Settings > Audio > Microphone: "{microphone}"; Audio profile: "Original sound for musicians".',
            '        In the meeting: "Original sound: On", top left. Its noise suppression eats the voice otherwise.',
            f'        Settings > Video > Camera: "{camera}".',
            f'Teams:  Settings > Devices > Microphone: "{microphone}"; "Noise suppression": Off.',
            f'        Settings > Devices > Camera: "{camera}".',
            "Both:   keep your own headphones as the speaker, and start `avatar edge` before you join.",
        ]
    else:
        lines.append("There is no virtual microphone yet: a meeting cannot hear the clone. A call in the browser can.")
    if not meeting:
        lines.append("The clone hears your own microphone; to let it hear the others, see docs/going-live.md.")
    elif system == "linux":
        lines.append(f'The clone hears the meeting from "{meeting}": let the meeting play into that output.')
    else:
        played = meeting.replace("Output", "Input") if "output" in meeting.lower() else meeting
        lines.append(f'The clone hears the meeting from "{meeting}": choose "{played}" as the meeting\'s speaker.')
    return lines
