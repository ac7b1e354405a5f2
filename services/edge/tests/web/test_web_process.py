import asyncio
import contextlib
import re
import signal
import socket
import sys

import msgspec
import pytest
from visitors import http, until, visitor

from avatar_edge import Call, NullCamera, NullMic, NullOut
from avatar_edge.web import panel as panels
from avatar_edge.web.__main__ import main
from avatar_edge.web.panel import panel
from avatar_edge.web.protocol import Bye, Configure, Hello, Offer, Problem, Say, State, Stop, Turn, Type
from avatar_runtime.nats_bus import NatsBus


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


@contextlib.asynccontextmanager
async def service(*flags):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "avatar_edge.web", *flags, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.skipif(sys.platform == "win32", reason="SIGTERM cannot be sent there")
async def test_the_service_serves_visits_over_a_real_bus_and_ends_cleanly_when_asked(
    broker, bus_settings, stack_on, tmp_path
):
    (tmp_path / "avatar.toml").write_text("[edge]\nwidth = 64\nheight = 64\n[web]\nsessions = 1\n", encoding="utf-8")
    bus = await NatsBus.connect(bus_settings, "peers")
    stack = stack_on(bus)
    await stack.start()
    flags = (f"--bus.url={broker.url}", "--port=0", f"--config={tmp_path / 'avatar.toml'}")
    try:
        async with service(*flags) as process, asyncio.timeout(25):
            line = (await process.stdout.readline()).decode()
            url = re.fullmatch(r"The clone is at (http://localhost:\d+)\n", line)[1]
            assert (await http(url))[0] == 200
            async with visitor(url) as v:
                assert (await v.wait_for(Hello)).width == 64
                await v.connect()
                await v.send(Type(text="hello"))
                assert (await v.wait_for(Turn)).turn.reply == "One two three. Four five six seven."
                async with visitor(url) as second:
                    assert (await second.wait_for(Bye)).again
                process.send_signal(signal.SIGTERM)
                assert "being stopped" in (await v.wait_for(Bye)).reason
            assert await process.wait() == 0
    finally:
        await stack.stop()
        await bus.close()


@pytest.fixture
def sentence(monkeypatch, capsys):
    """What the program says when it ends at once with these flags."""

    def end(*flags):
        monkeypatch.setattr(sys, "argv", ["avatar-web", *flags])
        with pytest.raises(SystemExit) as caught:
            main()
        assert caught.value.code == 2
        said = capsys.readouterr().err.splitlines()
        return next(line for line in said if line.startswith("avatar web: "))

    return end


def test_what_cannot_be_served_ends_the_program_with_a_sentence(sentence):
    assert "set web.token to a secret" in sentence("--bind=0.0.0.0")
    assert "set web.cert and web.key" in sentence("--bind=0.0.0.0", "--token=correct horse battery")
    assert "unknown flag '--nonsense'" in sentence("--nonsense=1")
    assert "flag --ice: ice" in sentence("--ice=[7]")


@pytest.fixture
def shown(stack, settings):
    """A call with its panel."""

    @contextlib.asynccontextmanager
    async def show(port):
        edge = msgspec.structs.replace(settings, panel=port)
        async with Call(stack.bus, edge, NullMic(), NullOut(), NullCamera()) as call, panel(call, edge) as url:
            yield call, url

    return show


async def test_the_panel_shows_the_call_of_this_machine_to_every_page_and_steers_it(shown, stack, capsys):
    async with shown(free_port()) as (call, url):
        assert f"The panel of this call is at {url}\n" in capsys.readouterr().out
        await call.ready(5)
        async with visitor(url) as a, visitor(url) as b:
            hello = await a.wait_for(Hello)
            assert (hello.session, hello.media, hello.real) == (call.session_id, False, call.real_available)
            await a.send(Type(text="hello"))
            assert (await b.wait_for(Turn)).turn.heard == "hello"
            await b.send(Configure(patience="patient"))
            await a.wait_for(State, lambda state: state.patience == "patient")
            await a.send(Say(text="A good many words, so that there is time to stop them."))
            await a.wait_for(State, lambda state: state.state == "speaking")
            await b.send(Stop())
            await a.wait_for(Turn, lambda turn: turn.turn.cancelled == "stop")
            await a.send(Offer(sdp="v=0"))
            assert "no media" in (await a.wait_for(Problem)).message
        async with visitor(url) as late:
            assert [(await late.wait_for(Turn)).turn.heard] == ["hello"]
            await until(lambda: len(late.heard(Turn)) == 2)
        await call.type("still here")
        await call.turn_done(3, 5)


async def test_pages_are_told_when_the_call_of_the_panel_ends(shown):
    async with contextlib.AsyncExitStack() as stack:
        async with shown(free_port()) as (_, url):
            v = await stack.enter_async_context(visitor(url))
            await v.wait_for(Hello)
        assert not (await v.wait_for(Bye)).again


async def test_the_panel_takes_the_next_port_when_the_first_is_taken_and_none_is_no_misfortune(
    shown, capsys, monkeypatch
):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with shown(port) as (call, url):
            assert url != f"http://localhost:{port}"
            assert (await http(url))[0] == 200
        monkeypatch.setattr(panels, "PORTS", 1)
        capsys.readouterr()
        async with shown(port) as (call, url):
            assert url == ""
            assert f"There is no panel: port {port} on 127.0.0.1 cannot be used" in capsys.readouterr().out
            await call.ready(5)
    async with shown(0) as (call, url):
        assert url == ""
        assert "panel" not in capsys.readouterr().out
        await call.ready(5)
