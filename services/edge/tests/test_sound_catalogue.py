"""Device tables as PortAudio gives them on Windows, macOS and Linux, from the documentation and reports of the field.

The names, host APIs, channels and rates are those that ``python -m sounddevice`` shows on such machines. Nothing here
has run on Windows or macOS.
"""

import pytest

from avatar_edge.devices.catalogue import Node, Table, find
from avatar_edge.errors import DeviceMissing

WINDOWS_APIS = ("MME", "Windows DirectSound", "Windows WASAPI", "Windows WDM-KS")
WINDOWS = """
0 Microsoft Sound Mapper - Input|0|2|0|44100
0 Microphone (Jabra Evolve2 65)|0|1|0|44100
0 CABLE Output (VB-Audio Virtual |0|2|0|44100
0 CABLE-A Output (VB-Audio Cable |0|2|0|44100
0 Microphone Array (Realtek(R) Au|0|2|0|44100
0 Microsoft Sound Mapper - Output|0|0|2|44100
0 Speakers (Realtek(R) Audio)|0|0|2|44100
0 CABLE Input (VB-Audio Virtual C|0|0|2|44100
0 CABLE In 16ch (VB-Audio Virtual|0|0|16|44100
0 Headphones (Jabra Evolve2 65)|0|0|2|44100
1 Primary Sound Capture Driver|1|2|0|44100
1 CABLE Output (VB-Audio Virtual Cable)|1|2|0|44100
1 Primary Sound Driver|1|0|2|44100
1 CABLE Input (VB-Audio Virtual Cable)|1|0|16|44100
2 CABLE In 16ch (VB-Audio Virtual Cable)|2|0|16|48000
2 Speakers (Realtek(R) Audio)|2|0|2|48000
2 CABLE Input (VB-Audio Virtual Cable)|2|0|2|48000
2 CABLE-A Input (VB-Audio Cable A)|2|0|2|48000
2 Headphones (Jabra Evolve2 65)|2|0|2|48000
2 CABLE Output (VB-Audio Virtual Cable)|2|2|0|48000
2 CABLE-A Output (VB-Audio Cable A)|2|2|0|48000
2 Microphone Array (Realtek(R) Audio)|2|2|0|48000
2 Microphone (Jabra Evolve2 65)|2|1|0|16000
3 CABLE Output (VB-Audio Point)|3|8|0|44100
3 Microphone Array 1 (Realtek HD Audio Mic Array input)|3|2|0|48000
3 Speakers 1 (Realtek HD Audio output with SST)|3|0|2|48000
"""
MACOS = """
0 MacBook Pro Microphone|0|1|0|48000
0 MacBook Pro Speakers|0|0|2|48000
0 BlackHole 16ch|0|16|16|48000
0 BlackHole 2ch|0|2|2|48000
0 ZoomAudioDevice|0|2|2|48000
0 AirPods Pro|0|1|0|24000
0 AirPods Pro|0|0|2|48000
"""
LINUX_ALSA = """
0 HDA Intel PCH: ALC257 Analog (hw:0,0)|0|2|2|44100
0 HDA Intel PCH: HDMI 0 (hw:0,3)|0|0|8|44100
0 Jabra Evolve2 65: USB Audio (hw:1,0)|0|1|2|48000
0 sysdefault|0|128|128|48000
0 dmix|0|0|2|48000
0 default|0|128|128|48000
"""
LINUX_SERVED = """
0 HDA Intel PCH: ALC257 Analog (hw:0,0)|0|2|2|44100
0 Monitor of Built-in Audio Analog Stereo|0|32|0|44100
0 Built-in Audio Analog Stereo|0|32|0|44100
0 Jabra Evolve2 65 Mono|0|32|0|44100
0 Monitor of Avatar Voice|0|32|0|44100
0 Avatar Microphone|0|32|0|44100
0 Built-in Audio Analog Stereo 2|0|0|32|44100
0 Avatar Voice|0|0|32|44100
0 pulse|0|32|32|44100
0 default|0|32|32|44100
"""
NODES = {
    "Monitor of Built-in Audio Analog Stereo": Node("sink.analog.monitor", True, False, False, False, 48_000, 2),
    "Built-in Audio Analog Stereo": Node("source.analog", False, False, False, False, 48_000, 2),
    "Jabra Evolve2 65 Mono": Node("source.jabra", False, False, True, False, 16_000, 1),
    "Monitor of Avatar Voice": Node("avatar_voice.monitor", True, True, False, False, 48_000, 1),
    "Avatar Microphone": Node("avatar_microphone", False, True, False, False, 48_000, 1),
    "Built-in Audio Analog Stereo 2": Node("sink.analog", False, False, True, True, 48_000, 2),
    "Avatar Voice": Node("avatar_voice", False, True, False, True, 48_000, 1),
}


def table(text, system, apis, defaults, **more):
    """`defaults`: for every host API the names of its default input and output."""
    rows = []
    for line in text.strip().splitlines():
        name, api, inputs, outputs, rate = line.split(" ", 1)[1].split("|")
        rows.append(
            {
                "name": name,
                "index": len(rows),
                "hostapi": int(api),
                "max_input_channels": int(inputs),
                "max_output_channels": int(outputs),
                "default_samplerate": float(rate),
            }
        )
    found = [
        {
            "name": name,
            "default_input_device": index_of(rows, number, "max_input_channels", default_in),
            "default_output_device": index_of(rows, number, "max_output_channels", default_out),
        }
        for number, (name, (default_in, default_out)) in enumerate(zip(apis, defaults, strict=True))
    ]
    return Table.of(rows, found, system, **more)


def index_of(rows, api, way, name):
    return next((row["index"] for row in rows if (row["hostapi"], row["name"]) == (api, name) and row[way]), -1)


def windows(default_mic="Microphone Array (Realtek(R) Audio)", extra=""):
    defaults = (
        ("Microsoft Sound Mapper - Input", "Microsoft Sound Mapper - Output"),
        ("Primary Sound Capture Driver", "Primary Sound Driver"),
        (default_mic, "Speakers (Realtek(R) Audio)"),
        ("CABLE Output (VB-Audio Point)", "Speakers 1 (Realtek HD Audio output with SST)"),
    )
    return table(WINDOWS.strip() + extra, "windows", WINDOWS_APIS, defaults)


def macos(text=MACOS):
    return table(text, "macos", ("Core Audio",), (("MacBook Pro Microphone", "MacBook Pro Speakers"),))


def linux():
    return table(LINUX_ALSA, "linux", ("ALSA",), (("default", "default"),))


def served(**changed):
    nodes = {name: node._replace(**changed.get(name.replace(" ", "_"), {})) for name, node in NODES.items()}
    return table(LINUX_SERVED, "linux", ("ALSA",), (("default", "default"),), nodes=nodes)


@pytest.mark.parametrize(
    ("machine", "selector", "use", "name", "api"),
    [
        (windows, "auto", "speaker", "CABLE Input (VB-Audio Virtual Cable)", "Windows WASAPI"),
        (windows, "default", "mic", "Microphone Array (Realtek(R) Audio)", "Windows WASAPI"),
        (windows, "default", "monitor", "Speakers (Realtek(R) Audio)", "Windows WASAPI"),
        (windows, "jabra", "mic", "Microphone (Jabra Evolve2 65)", "Windows WASAPI"),
        (windows, "JABRA", "monitor", "Headphones (Jabra Evolve2 65)", "Windows WASAPI"),
        (windows, "mme:jabra", "mic", "Microphone (Jabra Evolve2 65)", "MME"),
        (windows, "directsound:cable input", "speaker", "CABLE Input (VB-Audio Virtual Cable)", "Windows DirectSound"),
        (windows, "MME:CABLE Input (VB-Audio Virtual Cable)", "speaker", "CABLE Input (VB-Audio Virtual C", "MME"),
        (windows, "mme:Microphone Array (Realtek(R) Audio)", "mic", "Microphone Array (Realtek(R) Au", "MME"),
        (macos, "auto", "speaker", "BlackHole 2ch", "Core Audio"),
        (macos, "default", "mic", "MacBook Pro Microphone", "Core Audio"),
        (macos, "airpods", "monitor", "AirPods Pro", "Core Audio"),
        (linux, "default", "mic", "default", "ALSA"),
        (linux, "jabra", "mic", "Jabra Evolve2 65: USB Audio (hw:1,0)", "ALSA"),
        (linux, "ALSA:ALC257 Analog (hw:0,0)", "monitor", "HDA Intel PCH: ALC257 Analog (hw:0,0)", "ALSA"),
        (linux, "HDA Intel PCH: ALC257", "mic", "HDA Intel PCH: ALC257 Analog (hw:0,0)", "ALSA"),
        (served, "default", "mic", "Jabra Evolve2 65 Mono", "ALSA"),
        (served, "source.analog", "mic", "Built-in Audio Analog Stereo", "ALSA"),
        (served, "auto", "speaker", "Avatar Voice", "ALSA"),
        (served, "default", "monitor", "Built-in Audio Analog Stereo 2", "ALSA"),
    ],
)
def test_a_selector_finds_the_device_a_person_means(machine, selector, use, name, api):
    device = find(selector, use, machine())
    assert (device.name, device.api) == (name, api)


@pytest.mark.parametrize(
    ("machine", "name"),
    [
        (windows, "CABLE-A Output (VB-Audio Cable A)"),
        (macos, "BlackHole 16ch"),
        (served, "Monitor of Built-in Audio Analog Stereo"),
    ],
)
def test_the_meeting_is_heard_where_the_clones_own_voice_is_not(machine, name):
    known = machine()
    speaker = find("auto", "speaker", known)
    assert find("auto", "meeting", known, speaker=speaker).name == name


def test_where_the_only_cable_carries_the_voice_the_meeting_cannot_be_heard_and_the_error_says_what_to_do():
    known = macos(MACOS.replace("0 BlackHole 16ch|0|16|16|48000\n", ""))
    speaker = find("auto", "speaker", known)
    with pytest.raises(DeviceMissing, match=r"BlackHole 16ch.*ears=mic"):
        find("auto", "meeting", known, speaker=speaker)
    with pytest.raises(DeviceMissing, match="would hear itself"):
        find("BlackHole 2ch", "meeting", known, speaker=speaker)
    with pytest.raises(DeviceMissing, match="would hear itself"):
        find("CABLE Output", "mic", windows(), speaker=find("auto", "speaker", windows()))


def test_a_build_that_can_record_an_output_is_used_for_the_meeting():
    known = windows(extra="\n2 Speakers (Realtek(R) Audio) [Loopback]|2|2|0|48000")
    device = find("auto", "meeting", known, speaker=find("auto", "speaker", known))
    assert device.name == "Speakers (Realtek(R) Audio) [Loopback]"
    assert device.loopback


def test_a_default_that_is_the_clones_own_cable_is_passed_over():
    speaker = find("auto", "speaker", windows())
    known = windows(default_mic="CABLE Output (VB-Audio Virtual Cable)")
    assert find("default", "mic", known, speaker=speaker).name == "Microphone Array (Realtek(R) Audio)"
    own = served(Jabra_Evolve2_65_Mono={"default": False}, Avatar_Microphone={"default": True})
    assert find("default", "mic", own).name == "Built-in Audio Analog Stereo"


def test_a_virtual_cable_is_no_loudspeaker_and_a_headset_is():
    assert find("auto", "speaker", windows()).virtual
    assert find("auto", "speaker", macos()).virtual
    assert find("auto", "speaker", served()).virtual
    assert not find("jabra", "monitor", windows()).virtual
    assert not find("default", "monitor", served()).virtual


def test_a_sound_server_knows_rates_and_channels_better_than_the_table():
    device = find("jabra", "mic", served())
    assert (device.rate, device.inputs) == (16_000, 1)


@pytest.mark.parametrize(
    ("machine", "selector", "use", "words"),
    [
        (windows, "jabbra", "mic", ["'jabbra'", '"Microphone (Jabra Evolve2 65)"', "a microphone"]),
        (windows, "microphone", "mic", ["'microphone' fits several", "Array", "Jabra", "write more"]),
        (windows, "wasapi:", "mic", ["names no device"]),
        (linux, "auto", "speaker", ["no virtual microphone", "PulseAudio or PipeWire"]),
        (lambda: Table("windows"), "auto", "speaker", ["VB-Audio Virtual Cable"]),
        (lambda: Table("macos"), "auto", "speaker", ["brew install blackhole-2ch"]),
        (lambda: Table("linux"), "default", "mic", ["a microphone was not found", "no such device"]),
        (lambda: Table("linux"), "jabra", "mic", ["'jabra' was not found"]),
    ],
)
def test_what_cannot_be_found_is_told_with_its_selector_and_what_there_is(machine, selector, use, words):
    with pytest.raises(DeviceMissing) as told:
        find(selector, use, machine())
    for word in words:
        assert word in str(told.value)


def test_the_nearest_names_come_first():
    with pytest.raises(DeviceMissing) as told:
        find("Jabra Evolve 2", "mic", windows())
    assert str(told.value).split("there are ")[1].startswith('"Microphone (Jabra Evolve2 65)"')


def test_a_device_the_sound_server_has_lost_is_not_listed():
    nodes = {name: node for name, node in NODES.items() if "Jabra" not in name}
    known = table(
        LINUX_SERVED, "linux", ("ALSA",), (("default", "default"),), nodes=nodes, gone={"Jabra Evolve2 65 Mono"}
    )
    with pytest.raises(DeviceMissing):
        find("jabra", "mic", known)
