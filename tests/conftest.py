"""Fixtures every package's tests may use."""

from __future__ import annotations

import gc
import os
import signal
from pathlib import Path

import pytest
from tests.reference.unpack import Reference

# A shell that runs the tests in the background lets them ignore Ctrl-C, nohup the end of a terminal, and so all they start;
# some of that is to be interrupted.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):  # which Windows lacks
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with long tests first: of several processes none begins one when the others have nothing left to do."""
    long = {item.path for item in items if item.get_closest_marker("long")}
    items.sort(key=lambda item: item.path not in long)


def pytest_collection_finish() -> None:
    """What is imported by now stays until the end: the garbage collector does not look at it again for every test."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Reference:
    """What the published implementations computed, as far as it is packed in tests/reference."""
    return Reference(tmp_path_factory.mktemp("reference"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference data, which is not part of the repository; without it the test is skipped."""
    folder = Path(os.environ.get("UPFRAME_SHARED") or Path(__file__).resolve().parents[2] / "shared")
    if not (folder / "reference").is_dir():
        pytest.skip(f"no reference data in {folder}: set UPFRAME_SHARED to the folder that holds reference/")
    return folder
