"""The llm service: ``python -m avatar_llm``."""

from avatar_llm import prompt
from avatar_llm.mind import Mind
from avatar_llm.settings import LlmSettings
from avatar_runtime import engines
from avatar_runtime.service import Service, run


async def serve(settings: LlmSettings) -> None:
    """Answers the turns of sessions until asked to stop."""
    prompt.load(settings.persona)  # a broken persona ends the start, not the first call
    engine = engines.create("llm", settings.engine, settings)
    async with Service("llm", settings) as service:
        await service.warm_up(engine)
        await service.serve_sessions(lambda session: Mind(session, engine, settings))


def main() -> None:
    """Entry point."""
    run("llm", LlmSettings, serve)


if __name__ == "__main__":
    main()
