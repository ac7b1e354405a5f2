"""The page of `avatar up`: where it is, and what keeps it from being there."""

from __future__ import annotations

import msgspec

from avatar_cli.errors import CliError
from avatar_cli.probes import free_port, holder, is_free
from avatar_edge.web.settings import WebSettings
from avatar_runtime.settings import SettingsError, load


def settings() -> WebSettings:
    """The page's settings of this folder and environment, its port known; raises `CliError` when they are wrong."""
    try:
        chosen = load("web", WebSettings, argv=[])
        chosen.check()
    except SettingsError as error:
        raise CliError(str(error)) from error
    return chosen if chosen.port else msgspec.structs.replace(chosen, port=free_port())


def obstacle(chosen: WebSettings) -> str:
    """Why the page cannot be served, in one sentence with what to do; empty when it can."""
    if is_free(chosen.port):
        return ""
    return (
        f"The page is not there: port {chosen.port} is used by {holder(chosen.port)}. "
        f"Stop that, or choose another port: `[web] port` in avatar.toml, or AVATAR_WEB__PORT."
    )


def secret() -> str:
    """What else the address needs, as a further sentence; empty for nothing."""
    return " The address needs ?token= and your web.token at its end." if settings().token else ""
