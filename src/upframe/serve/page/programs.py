"""The same queue for programs, as endpoints of Gradio's API. Described in docs/serve.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from upframe.errors import InputError
from upframe.serve.desk import Action, Desk
from upframe.serve.page.looks import told_in_words
from upframe.serve.wishes import Wishes


def add_endpoints(desk: Desk) -> None:
    """Called inside the Blocks of the page."""
    from gradio.events import api

    def submit(files: list[Any], options: dict[str, Any]) -> list[dict[str, Any]]:
        """Put files into the queue. ``files``: what was uploaded, or paths in the folder of the page. The jobs made of them."""
        with told_in_words():
            paths = [_path(each) for each in files]
            found, refused = desk.find(paths)
            if refused or not found:
                raise InputError(refused[0] if refused else "there are no files to upscale")
            return [desk.view(job) for job in desk.submit(found, wishes_of(options))]

    def jobs() -> list[dict[str, Any]]:
        """All jobs."""
        with told_in_words():
            return desk.views()

    def job(name: str) -> dict[str, Any]:
        """One job."""
        with told_in_words():
            return desk.view(desk.queue.job(name))

    def act(name: str, action: str) -> dict[str, Any]:
        """Pause, go_on, stop, up, down or remove; the job as it is then, empty once it is removed."""
        with told_in_words():
            if action not in get_args(Action):
                raise InputError(f"{action!r} is not one of {', '.join(get_args(Action))}")
            desk.act(name, action)  # type: ignore[arg-type]  # one of them, as was just seen
            return {} if action == "remove" else desk.view(desk.queue.job(name))

    for endpoint in (submit, jobs, job, act):
        api(endpoint, api_name=endpoint.__name__, api_description=endpoint.__doc__, queue=False)


def wishes_of(options: Mapping[str, Any]) -> Wishes:
    """Raises InputError for an option that is none, or a value it cannot have."""
    from pydantic import ValidationError

    try:
        return Wishes(**options)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"option {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def _path(given: object) -> str:
    """A path, or what Gradio's client makes of a file that it has uploaded."""
    if isinstance(given, Mapping):
        given = given.get("path")
    if isinstance(given, Sequence) and isinstance(given, str):
        return given
    raise InputError("a file is given as its path, or as what the upload returned")
