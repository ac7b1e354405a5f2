import json
from pathlib import Path

import pytest

from avatar_contracts import Event, Lane, asyncapi, docstrings, spec_of, specs
from avatar_contracts.registry import tag_of

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize("name", ["asyncapi.json", "subjects.md"])
def test_the_committed_documents_are_up_to_date(name):
    assert (DOCS / name).read_text(encoding="utf-8") == asyncapi.files()[name], (
        "run python -m avatar_contracts.asyncapi in the repository"
    )


def test_check_fails_on_a_stale_document_and_writing_mends_it(tmp_path, capsys):
    arguments = ["--docs", str(tmp_path)]
    assert asyncapi.main([*arguments, "--check"]) == 1
    assert "out of date" in capsys.readouterr().err
    assert asyncapi.main(arguments) == 0
    assert asyncapi.main([*arguments, "--check"]) == 0


def test_every_reference_in_the_document_leads_somewhere():
    document = asyncapi.document()

    def follow(node):
        if isinstance(node, dict):
            if isinstance(target := node.get("$ref"), str):
                found = document
                for name in target.removeprefix("#/").split("/"):
                    found = found[name]
            for value in node.values():
                follow(value)
        elif isinstance(node, list):
            for value in node:
                follow(value)

    follow(document)
    json.dumps(document)


def test_every_event_is_in_both_documents_with_its_subject():
    document, page = asyncapi.document(), asyncapi.reference()
    for spec in specs():
        assert document["channels"][spec.tag]["address"] == f"av.{{session}}.{spec.tag}"
        assert f"### {spec.tag}\n" in page


def test_every_event_type_is_registered_and_every_registered_tag_is_its_own():
    def below(cls):
        return {found for sub in cls.__subclasses__() for found in ({sub} | below(sub))}

    ours = {cls for cls in below(Event) if cls.__module__.startswith("avatar_contracts.")}
    assert {spec.event for spec in specs()} == ours
    for spec in specs():
        assert spec_of(spec.tag) is spec_of(spec.event) is spec
        assert tag_of(spec.event) == spec.tag


def test_media_is_never_in_the_lane_that_drops_nothing():
    assert not [spec.tag for spec in specs() if spec.media and spec.lane is Lane.CONTROL]


def test_every_event_says_what_it_is_and_who_writes_it():
    module_says_so = {"session", "playback", "video", "turn", "llm", "tts"}
    for spec in specs():
        text = docstrings.summary(spec.event)
        assert text
        assert "ritten by" in text or spec.event.__module__.rsplit(".", 1)[1] in module_says_so, spec.tag
