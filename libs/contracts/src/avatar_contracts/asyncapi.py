"""The contracts as documents, made from the registry and the docstrings: ``docs/asyncapi.json``, ``docs/subjects.md``.

Run ``python -m avatar_contracts.asyncapi`` in the repository to write them, with ``--check`` to learn whether they
are up to date.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from avatar_contracts import control, docstrings
from avatar_contracts.base import Event
from avatar_contracts.registry import Lane, Spec, specs
from avatar_contracts.session import SessionConfig, VideoFormat, WorkerLease
from avatar_contracts.tts import Viseme, Word

PARTS = (SessionConfig, VideoFormat, WorkerLease, Viseme, Word, control.Exchange)
"""Structs that stand inside events and requests."""

REQUESTS: tuple[tuple[str, type[msgspec.Struct], tuple[type[msgspec.Struct], ...]], ...] = (
    ("svc.{kind}.claim", control.Claim, (control.Claimed, control.Refused)),
    ("svc.{kind}.{worker}.ping", control.Ping, (control.Pong,)),
    ("svc.{kind}.{worker}.release", control.Release, (control.Ack,)),
)
"""Subject, request, possible answers."""

_PARAMETERS = {
    "session": "Id of the session: 8 to 32 of a-z and 0-9, chosen at random, never user text.",
    "kind": "Kind of worker: asr, llm, tts or face.",
    "worker": "Id of one worker.",
}
_LANES = {
    Lane.CONTROL: "never dropped",
    Lane.ORDERED: "in order; a slow consumer loses the oldest",
    Lane.LATEST: "a consumer keeps only the newest",
}


def document() -> dict[str, Any]:
    """The AsyncAPI 3.0 document of every event and request."""
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    messages: dict[str, Any] = {}
    for spec in specs():
        name = spec.event.__name__
        messages[name] = _message(spec.tag, spec.event)
        channels[spec.tag] = _channel(f"av.{{session}}.{spec.tag}", name) | {
            "x-lane": spec.lane.value,
            "x-cap-bytes": spec.cap_bytes,
            "x-media": spec.media,
        }
        operations[f"publish {spec.tag}"] = {
            "action": "send",
            "channel": {"$ref": f"#/channels/{spec.tag}"},
            "x-publishers": list(spec.owners),
        }
    for subject, request, answers in REQUESTS:
        tag = str(request.__struct_config__.tag)
        for struct in (request, *answers):
            messages[struct.__name__] = _message(str(struct.__struct_config__.tag), struct)
        channels[tag] = _channel(subject, request.__name__)
        channels[f"{tag}.reply"] = {
            "address": None,
            "messages": {answer.__name__: {"$ref": f"#/components/messages/{answer.__name__}"} for answer in answers},
        }
        operations[f"request {tag}"] = {
            "action": "send",
            "channel": {"$ref": f"#/channels/{tag}"},
            "x-publishers": ["edge"],
            "reply": {"channel": {"$ref": f"#/channels/{tag}.reply"}},
        }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Avatar",
            "version": "1.0.0",
            "description": "Events are MessagePack maps whose key `t` repeats the tag. "
            "Where a schema says base64, MessagePack carries plain bytes.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/msgpack",
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": _schemas()},
    }


def _channel(address: str, message: str) -> dict[str, Any]:
    return {
        "address": address,
        "parameters": {name: {"description": text} for name, text in _PARAMETERS.items() if f"{{{name}}}" in address},
        "messages": {message: {"$ref": f"#/components/messages/{message}"}},
    }


def _message(tag: str, struct: type[msgspec.Struct]) -> dict[str, Any]:
    return {
        "name": tag,
        "summary": docstrings.summary(struct),
        "payload": {"$ref": f"#/components/schemas/{struct.__name__}"},
    }


def _structs() -> Iterator[type[msgspec.Struct]]:
    for spec in specs():
        yield spec.event
    for _, request, answers in REQUESTS:
        yield from (request, *answers)


def _schemas() -> dict[str, Any]:
    _, schemas = msgspec.json.schema_components(_structs(), ref_template="#/components/schemas/{name}")
    structs: list[type[msgspec.Struct]] = [*_structs(), *PARTS]
    for struct in structs:
        schema = schemas[struct.__name__]
        schema["description"] = docstrings.summary(struct)
        for field in docstrings.fields(struct, inherited=True):
            # A tuple-like part has no named properties in JSON Schema.
            if field.text and field.name in schema.get("properties", {}):
                schema["properties"][field.name]["description"] = field.text
    return dict(sorted(schemas.items()))


def reference() -> str:
    """The Markdown page of every subject."""
    return re.sub(r"\n{3,}", "\n\n", "\n".join(_reference())).rstrip() + "\n"


def _reference() -> Iterator[str]:
    yield "# Subjects"
    yield ""
    yield "Made by `python -m avatar_contracts.asyncapi` from the registry and the docstrings; do not edit."
    yield ""
    yield "An event travels on `av.{session}.{tag}` as one MessagePack map whose key `t` repeats the tag. Fields at"
    yield "their default are left out; fields a consumer does not know are ignored. Every event also carries:"
    yield ""
    yield from _field_table(docstrings.fields(Event))
    yield "| tag | published by | lane | at most |"
    yield "|---|---|---|---|"
    for spec in specs():
        yield f"| [`{spec.tag}`](#{spec.tag.replace('.', '')}) | {_owners(spec)} | {spec.lane.value} | {_size(spec)} |"
    yield ""
    yield "Lanes: " + "; ".join(f"**{lane.value}**: {text}" for lane, text in _LANES.items()) + "."
    yield ""
    yield "## Events"
    for spec in specs():
        yield ""
        yield f"### {spec.tag}"
        yield ""
        yield docstrings.summary(spec.event)
        yield ""
        media = ", media: sent at most once" if spec.media else ""
        subject = f"av.{{session}}.{spec.tag}"
        yield f"`{spec.event.__name__}` on `{subject}`, by {_owners(spec)}, lane {spec.lane.value}{media}."
        yield ""
        yield from _field_table(docstrings.fields(spec.event))
    yield "## Requests"
    for subject, request, answers in REQUESTS:
        structs: tuple[type[msgspec.Struct], ...] = (request, *answers)
        yield ""
        yield f"### `{subject}`"
        for struct in structs:
            yield ""
            yield f"{'Request' if struct is request else 'Answer'} `{struct.__name__}`: {docstrings.summary(struct)}"
            yield ""
            yield from _field_table(docstrings.fields(struct))
    yield "## Parts"
    for part in PARTS:
        yield ""
        yield f"### {part.__name__}"
        yield ""
        yield docstrings.summary(part)
        yield ""
        yield from _field_table(docstrings.fields(part))
    yield "## Types"
    yield ""
    yield "| name | is | meaning |"
    yield "|---|---|---|"
    for name, (definition, text) in docstrings.named_types().items():
        yield f"| `{name}` | {_code(definition)} | {text} |"


def _owners(spec: Spec) -> str:
    return "any service" if len(spec.owners) > 1 else spec.owners[0]


def _size(spec: Spec) -> str:
    return f"{spec.cap_bytes // 1024} kB"


def _code(text: str) -> str:
    return f"`{text}`".replace("|", "\\|")


def _field_table(fields: list[docstrings.Field]) -> Iterator[str]:
    if fields:
        yield "| field | type | default | meaning |"
        yield "|---|---|---|---|"
        for field in fields:
            default = _code(field.default) if field.default else "required"
            yield f"| `{field.name}` | {_code(field.type)} | {default} | {field.text} |"
        yield ""


def files() -> dict[str, str]:
    """Name and content of each generated file."""
    return {
        "asyncapi.json": json.dumps(document(), indent=2, ensure_ascii=False) + "\n",
        "subjects.md": reference(),
    }


def main(argv: list[str] | None = None) -> int:
    """Write the documents, or check them; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m avatar_contracts.asyncapi", description=main.__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a document is out of date")
    parser.add_argument("--docs", type=Path, default=Path("docs"), help="folder of the documents (docs)")
    options = parser.parse_args(argv)
    stale = [name for name, text in files().items() if not _holds(options.docs / name, text)]
    for name in stale:
        if options.check:
            sys.stderr.write(f"{options.docs / name} is out of date: run python -m avatar_contracts.asyncapi\n")
        else:
            (options.docs / name).write_text(files()[name], encoding="utf-8")
            sys.stderr.write(f"wrote {options.docs / name}\n")
    return int(options.check and bool(stale))


def _holds(path: Path, text: str) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main())
