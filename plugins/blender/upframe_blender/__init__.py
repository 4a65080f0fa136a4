"""Upframe in Blender: the animation rendered at half size, supersampled, and put back as an image sequence."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import bpy  # type: ignore[import-not-found, import-untyped, unused-ignore]

from .process import MODELS, Refusal, Work, find_upframe, render_command, supersample_command
from .sequence import bring_back, copy_of_file, plan_of

OLDEST = (4, 5, 0)  # what renders for the contract of rendered frames

# Properties stand in __annotations__ as Blender wants them: objects, which no checker of types takes for types.


class UpframePreferences(bpy.types.AddonPreferences):  # type: ignore[misc, unused-ignore]
    """Where the program is."""

    bl_idname = __package__
    __annotations__ = {
        "command": bpy.props.StringProperty(name="upframe", description="The program, if not on the path", subtype="FILE_PATH")
    }

    def draw(self, _: Any) -> None:
        """In the preferences."""
        self.layout.prop(self, "command")


class UpframeSupersample(bpy.types.Operator):  # type: ignore[misc, unused-ignore]
    """Render the animation at half size with Cycles, supersample it, and load the images"""

    bl_idname, bl_label = "upframe.supersample", "Render and Supersample"
    __annotations__ = {
        "model": bpy.props.EnumProperty(name="Model", items=[(name, name, "") for name in MODELS]),
        "samples": bpy.props.IntProperty(name="Samples", description="Paths through each pixel", default=16, min=1, max=4096),
    }

    def execute(self, context: Any) -> set[str]:
        """From a script, and in the background: to the end."""
        with TemporaryDirectory(prefix="upframe-") as folder:
            try:
                self._begin(context, Path(folder))
                for command in self._commands:
                    work = Work(command, self._blender)
                    work.wait()
                    self._tell(work)
                self._end()
            except Refusal as refusal:
                self.report({"ERROR"}, f"upframe: {refusal}")
                return {"CANCELLED"}
        return {"FINISHED"}

    def invoke(self, context: Any, _: Any) -> set[str]:
        """From the panel: Blender stays usable, and Esc cancels."""
        self._folder = TemporaryDirectory(prefix="upframe-")
        try:
            self._begin(context, Path(self._folder.name))
            self._work = Work(self._commands.pop(0), self._blender)
        except Refusal as refusal:
            return self._refuse(refusal)
        window = context.window_manager
        self._timer = window.event_timer_add(0.5, window=context.window)
        window.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: Any, event: Any) -> set[str]:
        """Look at the work twice a second."""
        if event.type == "ESC":
            self._work.cancel()
            self._leave(context)
            return {"CANCELLED"}
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        try:
            if not self._work.ended():
                stage = "rendered" if self._commands else "supersampled"
                context.workspace.status_text_set(f"{self._work.done} of {self._work.frames} {stage}. Esc cancels")
            elif self._commands:
                self._tell(self._work)
                self._work = Work(self._commands.pop(0), self._blender)
            else:
                self._end()
                self._leave(context)
                return {"FINISHED"}
        except Refusal as refusal:
            self._leave(context)
            return self._refuse(refusal)
        return {"PASS_THROUGH"}

    def _begin(self, context: Any, folder: Path) -> None:
        if bpy.app.version < OLDEST:
            raise Refusal(f"this is Blender {bpy.app.version_string}; 4.5 or newer is needed")
        self._scene, self._plan = context.scene, plan_of(context.scene)
        add_on = context.preferences.addons.get(__package__)
        upframe = find_upframe(add_on.preferences.command if add_on else "")
        self._blender = bpy.app.binary_path or sys.executable
        plan, clip = self._plan, folder / "clip"
        self._commands = [
            render_command(upframe, copy_of_file(folder), clip, plan.size, plan.frames, self.samples),
            supersample_command(upframe, clip, plan.out, self.model, plan.first),
        ]

    def _end(self) -> None:
        bring_back(self._scene, self._plan)
        self.report({"INFO"}, f"upframe: {self._plan.frames} frames in {self._plan.out}")

    def _tell(self, work: Work) -> None:
        for note in work.notes:
            self.report({"INFO"}, f"upframe: {note}")

    def _leave(self, context: Any) -> None:
        context.workspace.status_text_set(None)
        context.window_manager.event_timer_remove(self._timer)
        self._folder.cleanup()

    def _refuse(self, refusal: Refusal) -> set[str]:
        self.report({"ERROR"}, f"upframe: {refusal}")
        return {"CANCELLED"}


class UpframePanel(bpy.types.Panel):  # type: ignore[misc, unused-ignore]
    """In the properties of the output."""

    bl_label, bl_idname = "Upframe", "RENDER_PT_upframe"
    bl_space_type, bl_region_type, bl_context = "PROPERTIES", "WINDOW", "output"

    def draw(self, _: Any) -> None:
        """A button for each network."""
        for name in MODELS:
            self.layout.operator("upframe.supersample", text=f"Render and supersample: {name}").model = name


CLASSES = (UpframePreferences, UpframeSupersample, UpframePanel)


def register() -> None:
    """When the add-on is switched on."""
    for each in CLASSES:
        bpy.utils.register_class(each)


def unregister() -> None:
    """When it is switched off."""
    for each in reversed(CLASSES):
        bpy.utils.unregister_class(each)
