import pytest

from avatar_runtime import log
from avatar_runtime.settings import LogSettings
from avatar_runtime.testing.networks import MemoryNetwork, NatsNetwork


@pytest.fixture(autouse=True)
def quiet_log():
    log.configure(LogSettings(level="error"), "test")


@pytest.fixture(params=[MemoryNetwork, NatsNetwork], ids=["memory", "nats"])
async def network(request):
    """What clients connect to, in both forms."""
    made = request.param()
    yield made
    await made.close()


@pytest.fixture
async def bus(network):
    return await network.connect()


@pytest.fixture
async def nats():
    """The real server only, for what a process-wide bus cannot show."""
    made = NatsNetwork()
    yield made
    await made.close()
