"""Checks of the ports that `avatar up` and `avatar edge` listen on."""

from __future__ import annotations

from collections.abc import Iterator

from avatar_cli import frontpage
from avatar_cli.beside import is_loopback
from avatar_cli.doctor.check import Check
from avatar_cli.errors import CliError
from avatar_cli.names import HEALTH_PORTS
from avatar_cli.probes import broker_answers, holder, http_ok, is_free, port_of
from avatar_cli.settings import load_cli


def checks() -> Iterator[Check]:
    """Every port, those of the health endpoints in one line; the broker's only where it is to run here."""
    if is_loopback(load_cli().bus):
        yield broker()
        yield leaves()
    yield page()
    yield health()


def broker() -> Check:
    """The broker's port: free, or it serves NATS already."""
    url = load_cli().bus.url.split(",")[0]
    port = port_of(url)
    name = f"port {port} (bus)"
    if broker_answers(url):
        return Check(name, "ok", "a NATS server answers there")
    if is_free(port):
        return Check(name, "ok", "free")
    fix = f"Stop what uses port {port}, or set AVATAR_BUS__URL=nats://127.0.0.1:PORT."
    return Check(name, "fail", f"used by {holder(port)}", fix)


def leaves() -> Check:
    """The port for the brokers of edges on other machines."""
    bus = load_cli().bus
    name = f"port {bus.leaf_port} (edges elsewhere)"
    if not bus.leaf_port:
        return Check(name, "ok", "switched off by bus.leaf_port = 0")
    if broker_answers(f"nats://127.0.0.1:{bus.leaf_port}"):
        return Check(name, "ok", "a NATS server takes leaf nodes there")
    fix = "Edges elsewhere then send their microphone here: stop that, or set AVATAR_BUS__LEAF_PORT=PORT."
    free = is_free(bus.leaf_port)
    return Check(name, "ok", "free") if free else Check(name, "warn", f"used by {holder(bus.leaf_port)}", fix)


def page() -> Check:
    """The port of the page of `avatar up`."""
    try:
        chosen = frontpage.settings()
    except CliError as error:
        return Check("page", "fail", str(error), "Correct it; `avatar config show web` shows what is in effect.")
    name = f"port {chosen.port} (page)"
    if is_free(chosen.port):
        return Check(name, "ok", "free")
    if http_ok(f"{chosen.url}/"):
        return Check(name, "ok", f"the page is at {chosen.url}")
    return Check(
        name,
        "warn",
        f"used by {holder(chosen.port)}",
        "The page will be missing: stop that, or set AVATAR_WEB__PORT=PORT.",
    )


def health() -> Check:
    """Where the services of `avatar up` answer scrapers; others are taken where these are not free."""
    taken = {
        name: port
        for name, port in HEALTH_PORTS.items()
        if not is_free(port) and not http_ok(f"http://127.0.0.1:{port}/healthz")
    }
    first, last = min(HEALTH_PORTS.values()), max(HEALTH_PORTS.values())
    name = f"ports {first}-{last} (health)"
    if not taken:
        return Check(name, "ok", "free, or ours")
    used = ", ".join(f"{port} ({service}) by {holder(port)}" for service, port in taken.items())
    return Check(name, "warn", f"used: {used}", "Other ports are taken instead; `avatar status` shows them.")
