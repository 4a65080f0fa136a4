"""The part of a Kubernetes resource definition that a manifest touches, for the test that checks the manifest.

    python scripts/compact_schema.py ray.io_rayjobs.yaml examples/kuberay.yaml tests/jobs/kuberay_rayjob.json

Of every object on the manifest's way all names that may stand there are kept, so that a misspelt one is found, and the rules of
those that the manifest uses. Prose is left out.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

_RULES = ("type", "enum", "pattern", "minimum", "maximum", "required", "format", "x-kubernetes-int-or-string")


def compact(schema: dict[str, Any], value: Any) -> dict[str, Any]:
    """``schema`` as far as ``value`` goes."""
    kept = {rule: schema[rule] for rule in _RULES if rule in schema}
    if schema.get("x-kubernetes-int-or-string"):
        kept = {"type": ["integer", "string"]}
    if "properties" in schema and isinstance(value, dict):
        kept["properties"] = {
            name: compact(part, value[name]) if name in value else {} for name, part in schema["properties"].items()
        }
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            kept["additionalProperties"] = False
    elif isinstance(schema.get("additionalProperties"), dict):
        kept["additionalProperties"] = compact(schema["additionalProperties"], None)
    if "items" in schema and isinstance(value, list):
        merged: dict[str, Any] = {}
        for item in value:
            merged = _merge(merged, item) if isinstance(item, dict) else item
        kept["items"] = compact(schema["items"], merged)
    return kept


def _merge(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """What either of two values of a list has."""
    both = dict(one)
    for name, value in other.items():
        both[name] = _merge(both[name], value) if isinstance(both.get(name), dict) and isinstance(value, dict) else value
    return both


def main(definition: str, manifest: str, out: str) -> None:
    crd = yaml.safe_load(Path(definition).read_text())
    resource = next(
        document
        for document in yaml.safe_load_all(Path(manifest).read_text())
        if document["kind"] == crd["spec"]["names"]["kind"]
    )
    version = resource["apiVersion"].partition("/")[2]
    schema = next(each for each in crd["spec"]["versions"] if each["name"] == version)["schema"]["openAPIV3Schema"]
    compacted = compact(schema, resource | {"metadata": {}})
    compacted["properties"]["metadata"] = {"type": "object"}
    Path(out).write_text(json.dumps(compacted, separators=(",", ":"), sort_keys=True) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
