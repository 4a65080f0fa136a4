"""What the page asks beside Gradio: the state of the queue, and files by the name of their job, never by a path."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from upframe.errors import InputError, UpframeError
from upframe.serve.desk import Action, Desk, Result
from upframe.serve.moments import Pixels, is_image, length_of, shown_at
from upframe.serve.queued import QueuedJob

if TYPE_CHECKING:
    from fastapi import FastAPI

_SMALL = 640  # pixels of the longer side of a frame that is shown on the way


def add_routes(app: FastAPI, desk: Desk) -> None:
    """Below ``/upframe``."""
    from fastapi import Response
    from fastapi.responses import FileResponse, JSONResponse

    @app.exception_handler(UpframeError)
    async def told(_: Any, error: UpframeError) -> Any:
        way = "" if error.remedy is None else str(error.remedy)
        return JSONResponse({"error": str(error), "remedy": way}, status_code=404 if isinstance(error, InputError) else 500)

    @app.get("/upframe/jobs")
    def jobs() -> list[dict[str, Any]]:
        return desk.views()

    @app.post("/upframe/jobs/{name}/{action}")
    def act(name: str, action: str) -> dict[str, Any]:
        if action not in get_args(Action):
            raise InputError("this cannot be done to a job")
        desk.act(name, action)  # type: ignore[arg-type]  # one of them, as was just seen
        return {}

    @app.get("/upframe/jobs/{name}/result/{number}", response_model=None)
    def result(name: str, number: int, download: bool = False) -> Any:
        path = _numbered(desk, name, number).path
        kind = "attachment" if download else "inline"
        return FileResponse(path, filename=desk.called(name, path), content_disposition_type=kind)

    @app.get("/upframe/jobs/{name}/source/{number}", response_model=None)
    def source(name: str, number: int) -> Any:
        path = desk.places.allowed(_numbered(desk, name, number).source)
        return FileResponse(path, filename=path.name, content_disposition_type="inline")

    @app.get("/upframe/shown/{name}", response_model=None)
    def shown(name: str) -> Any:
        """A page of a comparison, by the name that was made for it."""
        path = desk.places.shown / f"{name}.html"
        if not name.isalnum() or not path.is_file():
            raise InputError("this comparison is not there any more; make it again")
        return FileResponse(path, media_type="text/html")

    @app.get("/upframe/jobs/{name}/now", response_model=None)
    def now(name: str) -> Any:
        """The frame of a film that a job is at, as it was before; of many images the last that is made. Small."""
        return Response(_jpeg(_frame_at_work(desk, desk.queue.job(name))), media_type="image/jpeg")


def _numbered(desk: Desk, name: str, number: int) -> Result:
    results = desk.results(name)
    if not 0 <= number < len(results):
        raise InputError("there is no such result of this job")
    return results[number]


def _frame_at_work(desk: Desk, job: QueuedJob) -> Pixels:
    told = desk.runner.told(job.name)
    if len(job.inputs) > 1 and (results := desk.results(job.name)):
        return shown_at(results[-1].path, 0.0)
    source = Path(str(told.started.get("input", job.inputs[0])))
    if str(source) not in job.inputs:
        raise InputError("it is not known which file is being made")
    done, frames = told.progress.get("done", 0), told.progress.get("frames")
    if is_image(source) or not frames:
        return shown_at(source, 0.0)
    return shown_at(source, length_of(source) * max(done - 1, 0) / frames)


def _jpeg(pixels: Pixels) -> bytes:
    import PIL.Image

    image = PIL.Image.fromarray(pixels)
    image.thumbnail((_SMALL, _SMALL))
    content = io.BytesIO()
    image.save(content, "JPEG", quality=80)
    return content.getvalue()
