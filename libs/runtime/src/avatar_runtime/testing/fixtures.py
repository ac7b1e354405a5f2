"""The fixtures as a pytest plugin; the repository's root ``conftest.py`` enables it.

``@pytest.mark.virtual_time`` runs an asynchronous test, and its asynchronous fixtures, on the jumping clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping

import pytest

from avatar_runtime.settings import BusSettings
from avatar_runtime.testing.broker import Broker
from avatar_runtime.testing.collector import Collector
from avatar_runtime.testing.virtual_time import loop_factories


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line("markers", "virtual_time: run on a clock that jumps to the next timer")


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Choose the event loop of a test."""
    return loop_factories(virtual=item.get_closest_marker("virtual_time") is not None)


@pytest.fixture
def broker() -> Iterator[Broker]:
    """A fresh nats-server of the test's own."""
    with Broker() as running:
        yield running


@pytest.fixture
def bus_settings(broker: Broker) -> BusSettings:
    """Settings that reach `broker`."""
    return BusSettings(url=broker.url)


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A trace collector of the test's own."""
    with Collector() as listening:
        yield listening
