"""A window that shows one image after the other, by Tk, which comes with Python."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any

import PIL.Image

from upframe.errors import DeviceError
from upframe.play.canvas import Pixels
from upframe.remedies import Option, either, way


class Window:
    """An open window. ``fps``: images are shown no faster than this. To be used in the thread that made it.

    Escape, q and the window's own button close it. Raises DeviceError where there is no Tk or no display.
    """

    def __init__(self, title: str, fps: float) -> None:
        try:
            import tkinter
        except ImportError as error:
            raise _no_window("this Python has no Tk") from error
        try:
            self._root = tkinter.Tk()
        except tkinter.TclError as error:
            raise _no_window(str(error)) from error
        self._root.title(title)
        self._label = tkinter.Label(self._root, borderwidth=0, background="black")
        self._label.pack()
        self._image: Any = None  # Tk shows it only as long as someone else holds it
        self._seconds, self._due = 1 / fps, 0.0
        self._open = True
        self._root.protocol("WM_DELETE_WINDOW", self._leave)
        for key in ("<Escape>", "q"):
            self._root.bind(key, lambda _event: self._leave())

    def show(self, pixels: Pixels) -> bool:
        """The next image, when its time has come; whether the window is still open. Larger than the screen: halved."""
        from PIL import ImageTk

        image = PIL.Image.fromarray(pixels)
        while image.width > self._root.winfo_screenwidth() or image.height > self._root.winfo_screenheight():
            image = image.reduce(2)
        time.sleep(max(self._due - time.perf_counter(), 0))
        self._due = max(self._due, time.perf_counter() - self._seconds) + self._seconds
        if self._open:
            self._image = ImageTk.PhotoImage(image, master=self._root)
            self._label.configure(image=self._image)
            self._root.update()
        return self._open

    def __enter__(self) -> Window:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._image = None
        self._root.destroy()

    def _leave(self) -> None:
        self._open = False


def _no_window(reason: str) -> DeviceError:
    record = way("use ", Option("record", "out.mp4"), " for a video of it")
    return DeviceError(
        f"no window can be opened here ({reason})", remedy=either(record, way(Option("headless", True), " for its timings"))
    )
