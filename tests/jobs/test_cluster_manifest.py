"""The manifest for Kubernetes: what KubeRay's published definition of a RayJob (1.7) accepts."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

import upframe.cli.main

MANIFEST = Path(__file__).parents[2] / "examples" / "kuberay.yaml"
SCHEMA = json.loads(Path(__file__).with_name("kuberay_rayjob.json").read_text())


@pytest.fixture
def job() -> Any:
    return next(each for each in yaml.safe_load_all(MANIFEST.read_text()) if each["kind"] == "RayJob")


def test_the_manifest_is_what_the_published_schema_accepts(job: Any) -> None:
    jsonschema.validate(job, SCHEMA)
    misspelt = copy.deepcopy(job)
    misspelt["spec"]["rayClusterSpec"]["workerGroupSpecs"][0]["maxReplica"] = 8
    with pytest.raises(jsonschema.ValidationError, match="maxReplica"):
        jsonschema.validate(misspelt, SCHEMA)


def test_the_command_in_the_manifest_is_one_of_ours(job: Any) -> None:
    words = job["spec"]["entrypoint"].split()
    from typer.main import get_command

    command = get_command(upframe.cli.main.app).commands[words[1]]  # type: ignore[attr-defined]
    known = {flag for parameter in command.params for flag in (*parameter.opts, *parameter.secondary_opts)}
    assert words[0] == "upframe"
    assert {word for word in words if word.startswith("-")} <= known


def test_the_versions_of_the_manifest_and_of_the_tests_are_the_same(job: Any) -> None:
    """A driver and workers of two versions of Ray do not talk to each other."""
    import ray

    version = job["spec"]["rayClusterSpec"]["rayVersion"]
    groups = [job["spec"]["rayClusterSpec"]["headGroupSpec"], *job["spec"]["rayClusterSpec"]["workerGroupSpecs"]]
    images = [group["template"]["spec"]["containers"][0]["image"] for group in groups]
    assert version == ray.__version__
    assert all(image.endswith(f":{version}") for image in images)
