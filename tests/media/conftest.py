"""Videos that several test files read, made once for all of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.media.video_zoo import make_zoo


@pytest.fixture(scope="session")
def zoo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds every video of the zoo; not to be written to."""
    folder = tmp_path_factory.mktemp("zoo")
    make_zoo(folder)
    return folder
