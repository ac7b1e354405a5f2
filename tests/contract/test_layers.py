"""Who may import whom: contracts ← runtime ← services, and no service knows another."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = {"asr", "llm", "tts", "face", "edge"}


def imports(folder):
    """(file and line, first two names of what is imported) of every module below `folder`."""
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            where = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Import):
                yield from ((where, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{where}: a relative import"
                yield where, node.module


def offences(folder, allowed):
    assert any(folder.rglob("*.py"))
    return [f"{where} imports {name}" for where, name in imports(folder) if not allowed(name.split(".")[0])]


def test_contracts_import_only_msgspec_and_the_standard_library():
    allowed = {"msgspec", "avatar_contracts", *sys.stdlib_module_names}
    assert offences(ROOT / "libs/contracts/src", allowed.__contains__) == []


def test_the_runtime_imports_no_service():
    forbidden = {f"avatar_{name}" for name in (*SERVICES, "cli")}
    assert offences(ROOT / "libs/runtime/src", lambda package: package not in forbidden) == []


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_a_service_imports_no_other_service(service):
    forbidden = {f"avatar_{name}" for name in ({*SERVICES, "cli"} - {service})}
    assert offences(ROOT / "services" / service / "src", lambda package: package not in forbidden) == []


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_only_tests_import_the_runtimes_testing_kit(service):
    found = [
        where
        for where, name in imports(ROOT / "services" / service / "src")
        if name.startswith("avatar_runtime.testing")
    ]
    assert found == []
