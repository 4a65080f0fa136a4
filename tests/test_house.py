"""What surrounds the code: workflows, forms and hooks are what their readers take, and say what the Makefile does."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
FORMS = sorted(path for path in (ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml") if path.stem != "config")
SCHEMAS = {
    "github-workflows": sorted((ROOT / ".github/workflows").glob("*.yml")),
    "github-issue-forms": FORMS,
    "github-issue-config": [ROOT / ".github/ISSUE_TEMPLATE/config.yml"],
    "citation-file-format": [ROOT / "CITATION.cff"],
}


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


@pytest.mark.parametrize("schema", SCHEMAS)
def test_they_fit_their_published_schemas(schema: str) -> None:
    pytest.importorskip("check_jsonschema", reason="check-jsonschema is not installed: make installs it")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", *map(str, SCHEMAS[schema])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("form", FORMS, ids=lambda path: path.stem)
def test_every_form_asks_for_what_the_doctor_prints(form: Path) -> None:
    (asked,) = [field for field in read(form)["body"] if field.get("id") == "doctor"]
    assert "upframe doctor" in asked["attributes"]["label"]
    assert asked["validations"]["required"] is True


def test_the_hooks_before_a_commit_are_make_check() -> None:
    recipe = re.search(r"(?m)^check:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text())
    assert recipe
    made = [line.strip().removeprefix("$(BIN)/").removesuffix(" .") for line in recipe.group(1).splitlines()]
    hooks = [hook["entry"].removeprefix(".venv/bin/") for hook in read(ROOT / ".pre-commit-config.yaml")["repos"][0]["hooks"]]
    assert hooks == made


def test_nothing_is_published_with_a_password() -> None:
    publish = read(ROOT / ".github/workflows/release.yml")["jobs"]["publish"]
    assert publish["permissions"] == {"id-token": "write"}
    assert "secrets." not in str(publish)


def test_the_citation_names_the_version_and_licence_of_the_package() -> None:
    stated = re.search(r'(?m)^fallback_version = "([^"]+)"', (ROOT / "pyproject.toml").read_text())
    citation = read(ROOT / "CITATION.cff")
    assert stated
    assert (citation["version"], citation["license"]) == (stated.group(1), "Apache-2.0")
