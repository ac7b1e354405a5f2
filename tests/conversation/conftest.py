"""Scripted conversations on virtual time: makes the modules of this folder importable and gives every test a talk."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Mapping
from pathlib import Path
from typing import Any

import pytest

from avatar_runtime.testing.virtual_time import loop_factories

sys.path.insert(0, str(Path(__file__).parents[1]))
for module in ("checks", "talk", "stage"):
    pytest.register_assert_rewrite(f"conversation.{module}")

from conversation.talk import Talk  # noqa: E402 - the folder has just been put on the path

Begin = Callable[..., Awaitable[Talk]]


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Everything asynchronous here happens on the clock that jumps."""
    return loop_factories(virtual=True)


TALKS: pytest.StashKey[list[Talk]] = pytest.StashKey()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that fails tells what happened in its talks."""
    report = yield
    if report.failed and report.when == "call":
        report.sections += [("what happened", talk.story()) for talk in item.stash.get(TALKS, [])]
    return report


@pytest.fixture
async def begin(request: pytest.FixtureRequest) -> AsyncIterator[Begin]:
    """`talk = await begin(**options)`: a call that has just begun; what must always hold is checked when it ends."""
    talks = request.node.stash[TALKS] = []

    async def open_talk(**options: Any) -> Talk:
        talk = Talk(**options)
        talks.append(talk)
        await talk.begin()
        return talk

    yield open_talk
    for talk in talks:
        await talk.end()


@pytest.fixture
async def talk(begin: Begin, request: pytest.FixtureRequest) -> Talk:
    """A call as it is set by default, in English unless the test is parametrised with another language."""
    return await begin(language=getattr(request, "param", "en"))
