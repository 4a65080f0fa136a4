"""Which encoder writes a video, in which layout of samples, with which options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache

import av

from upframe.errors import OutputError
from upframe.media.notes import Notes
from upframe.media.video.colour import ColourTags
from upframe.media.video.containers import VideoContainer
from upframe.media.video.hardware import refusal
from upframe.media.video.info import HdrMetadata, MasteringDisplay, PixelLayout, VideoInfo
from upframe.media.video.planes import layout_of
from upframe.media.video.sound import AudioMode
from upframe.remedies import Option, either, leave_out, set_to, way

_PRESET_NAMES = "ultrafast superfast veryfast faster fast medium slow slower veryslow placebo"
_X26X_PRESETS = tuple(_PRESET_NAMES.split())


@dataclass(frozen=True, slots=True)
class EncoderSettings:
    """What a user asks of the encoder; None leaves it to the video and the container.

    codec: x264, x265, av1, vp9, ffv1, prores; h264-nvenc or hevc-nvenc, by a GPU of NVIDIA's. crf: quality, lower is better,
    in the scale of the codec. preset: speed, in the codec's words or numbers (for prores: the profile). pix_fmt: FFmpeg's
    name of the samples, such as yuv420p10le. audio: what becomes of the sound. threads: the most the encoder may use.
    options: FFmpeg's options of the encoder, over those chosen here.
    """

    codec: str | None = None
    crf: float | None = None
    preset: str | None = None
    pix_fmt: str | None = None
    audio: AudioMode = "auto"
    threads: int | None = None
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Encoding:
    """What was chosen: PyAV's encoder and the format it takes, the layout that frames come in, colours, and options.

    word: the encoder's; for one of a GPU that of the encoder on the processor that writes the same codec.
    """

    word: str
    codec: str
    pix_fmt: str
    layout: PixelLayout
    colour: ColourTags
    options: dict[str, str]

    @property
    def carries_captions(self) -> bool:
        """Whether closed captions that accompany a frame go into its stream."""
        return self.word in ("x264", "x265")

    def without_reordering(self) -> Encoding:
        """The same without B-frames: nothing is decoded before it is shown, nor then at a time below zero."""
        if "x265-params" in self.options:
            return replace(self, options=self.options | {"x265-params": f"{self.options['x265-params']}:bframes=0"})
        if self.word in ("x264", "x265"):
            return replace(self, options={"bf": "0"} | self.options)
        return self


@dataclass(frozen=True, slots=True)
class _Encoder:
    """An encoder of PyAV.

    packed: others of the same codec, and the formats without a plane for each component, by which they take a layout. crf:
    default and largest. even: subsampled sizes must be. smallest: width and height. block: one side at least must be as long.
    carries_hdr: HDR10 metadata goes into its stream. instead_of: the encoder on the processor that writes the same codec, for
    one of a GPU; such a one is never chosen unless it is asked for.
    """

    codec: str
    packed: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    not_working: tuple[str, ...] = ()
    crf: tuple[float, int] | None = None
    presets: tuple[str, ...] = ()
    preset: str | None = None
    even: bool = False
    smallest: int = 1
    block: int = 1
    carries_hdr: bool = False
    instead_of: str | None = None


_NVENC_PRESETS = tuple(f"p{speed}" for speed in range(1, 8))
_ENCODERS = {
    "x264": _Encoder(
        "libx264",
        packed={"gbrp": ("libx264rgb", "rgb24")},
        crf=(16, 51),
        presets=_X26X_PRESETS,
        preset="veryfast",
        even=True,
        carries_hdr=True,
    ),
    "x265": _Encoder(
        "libx265",
        not_working=("yuva420p", "yuva420p10le"),
        crf=(18, 51),
        presets=_X26X_PRESETS,
        preset="fast",
        even=True,
        smallest=16,
        block=64,  # smaller frames make it write beyond its memory
        carries_hdr=True,
    ),
    "av1": _Encoder(
        "libsvtav1", crf=(20, 63), presets=tuple(str(speed) for speed in range(14)), preset="8", smallest=16, carries_hdr=True
    ),
    "vp9": _Encoder(
        "libvpx-vp9",
        not_working=("yuva422p", "yuva444p", "gbrap"),
        crf=(20, 63),
        presets=tuple(str(speed) for speed in range(9)),
        preset="5",
    ),
    "ffv1": _Encoder("ffv1", packed={"gbrp": ("ffv1", "bgr0"), "gbrap": ("ffv1", "bgra")}),
    "prores": _Encoder("prores_ks", presets=("proxy", "lt", "standard", "hq", "4444", "4444xq")),
    # Their 16-bit formats are cut to 10 bits.
    "h264-nvenc": _Encoder(
        "h264_nvenc",
        not_working=("gbrp", "yuv444p16le", "gbrp16le"),
        crf=(19, 51),
        presets=_NVENC_PRESETS,
        preset="p4",
        even=True,
        instead_of="x264",
    ),
    "hevc-nvenc": _Encoder(
        "hevc_nvenc",
        packed={"yuv420p10le": ("hevc_nvenc", "p010le")},
        not_working=("gbrp", "yuv444p16le", "gbrp16le"),
        crf=(21, 51),
        presets=_NVENC_PRESETS,
        preset="p4",
        even=True,
        instead_of="x265",
    ),
}
_INTERMEDIATE = ("ffv1", "prores")
"""Codecs of videos that are to be worked on: the result keeps them where it can."""


@cache
def _formats(word: str) -> dict[str, tuple[str, str]]:
    """The layouts an encoder takes, each with PyAV's name of the encoder and the format to hand it."""
    encoder = _ENCODERS[word]
    try:
        native = av.Codec(encoder.codec, "w").video_formats or ()
    except ValueError:  # not in this installation
        return {}
    formats = {}
    for pixel_format in native:
        layout = layout_of(pixel_format.name)
        if layout is not None and layout.name == pixel_format.name and layout.name not in encoder.not_working:
            formats[layout.name] = (encoder.codec, layout.name)
    return formats | dict(encoder.packed)


def choose_encoding(
    info: VideoInfo, container: VideoContainer, size: tuple[int, int], settings: EncoderSettings, note: Notes
) -> Encoding:
    """The encoding of a video upscaled to ``size`` (height, width); changes of its samples are reported to ``note``.

    Unless settings say otherwise, the first encoder of the container's that takes the video's own layout; x265 first for HDR;
    FFV1 and ProRes stay what they are. Raises OutputError, with the choices there are, for what cannot be combined.
    """
    words = _candidates(info, container, settings)
    wanted = _wanted_layout(info, settings, note)
    choices = [(word, name) for word in words for name in _formats(word) if _fits(word, _layout(name), size)]
    if settings.pix_fmt is not None:
        choices = [(word, name) for word, name in choices if name == wanted.name]
    if not choices:
        raise _no_choice(words, container, wanted, size, settings)
    first = words[0] if info.codec in _INTERMEDIATE and words[0] == info.codec else None
    word, name = min(
        choices, key=lambda choice: (choice[0] != first, *_cost(_layout(choice[1]), wanted), words.index(choice[0]))
    )
    layout = _layout(name)
    _tell(info, wanted, word, layout, size, container, note)
    codec, pix_fmt = _formats(word)[name]
    height, width = size
    colour = info.colour.for_layout(rgb=layout.rgb, grey=layout.grey, width=width, height=height)
    software = _ENCODERS[word].instead_of or word
    return Encoding(software, codec, pix_fmt, layout, colour, _options(word, layout, size, colour, info.hdr, settings))


def installed_encoders() -> tuple[str, ...]:
    """The words of those that this installation of PyAV has, and of those of a GPU that work on this machine."""
    return tuple(
        word
        for word, encoder in _ENCODERS.items()
        if _formats(word) and (encoder.instead_of is None or refusal(encoder.codec) is None)
    )


def _candidates(info: VideoInfo, container: VideoContainer, settings: EncoderSettings) -> tuple[str, ...]:
    """Encoders to choose from, the preferred ones first."""
    held = tuple(word for word in container.encoders if _formats(word))
    if settings.codec is not None:
        word = settings.codec.lower()
        if word not in _ENCODERS:
            raise OutputError(f"unknown encoder {settings.codec!r}", remedy=set_to("codec", _ENCODERS))
        if (_ENCODERS[word].instead_of or word) not in container.encoders:
            raise OutputError(
                f"{container.name} is not written with {word}", remedy=either(set_to("codec", held), "write .mkv")
            )
        if _ENCODERS[word].instead_of:
            _check_hardware(word)
        elif word not in held:
            raise OutputError(f"this installation of PyAV has no {_ENCODERS[word].codec}", remedy=set_to("codec", held))
        return (word,)
    preferred = info.codec if info.codec in _INTERMEDIATE else "x265" if info.colour.hdr else None
    return tuple(sorted(held, key=lambda word: word != preferred))


def _check_hardware(word: str) -> None:
    codec, other = _ENCODERS[word].codec, _ENCODERS[word].instead_of
    reason = refusal(codec)
    if reason is not None:
        raise OutputError(
            f"{codec} cannot be used on this machine ({reason}): it needs an NVIDIA GPU with an encoder, and its driver",
            remedy=way("use ", Option("codec", other), " instead"),
        )


def _wanted_layout(info: VideoInfo, settings: EncoderSettings, note: Notes) -> PixelLayout:
    if settings.pix_fmt is not None:
        layout = layout_of(settings.pix_fmt)
        if layout is None:
            raise OutputError(
                f"pixel format {settings.pix_fmt} is not one with a plane for each component",
                remedy=way("set ", Option("pix_fmt"), " to a name such as yuv420p, yuv422p10le, yuv444p or gbrp"),
            )
        if layout.alpha and not info.layout.alpha:
            raise OutputError(f"pixel format {settings.pix_fmt} has transparency; the video has none")
        return layout
    if info.codec == "gif":
        note("a GIF is written as 8-bit 4:2:0, which most players show; its transparency, if it has any, is not kept")
        return _layout("yuv420p")
    return info.layout


def _layout(name: str) -> PixelLayout:
    layout = layout_of(name)
    assert layout is not None, name
    return layout


def _fits(word: str, layout: PixelLayout, size: tuple[int, int]) -> bool:
    encoder, (height, width) = _ENCODERS[word], size
    odd = (width % (1 << layout.sub_x)) or (height % (1 << layout.sub_y))
    return min(size) >= encoder.smallest and max(size) >= encoder.block and not (encoder.even and odd)


def _cost(layout: PixelLayout, wanted: PixelLayout) -> tuple[int, ...]:
    """What is lost if ``layout`` is used where another was wanted, worst first, and what is added in vain."""
    return (
        int(wanted.alpha and not layout.alpha),
        max(wanted.depth - layout.depth, 0),
        int(not wanted.grey and layout.grey),
        max(layout.sub_x - wanted.sub_x, 0) + max(layout.sub_y - wanted.sub_y, 0),
        int(wanted.rgb != layout.rgb),
        abs(wanted.sub_x - layout.sub_x) + abs(wanted.sub_y - layout.sub_y),
        abs(wanted.depth - layout.depth),
        int(wanted.grey != layout.grey) + int(wanted.alpha != layout.alpha),
    )


def _tell(
    info: VideoInfo,
    wanted: PixelLayout,
    word: str,
    layout: PixelLayout,
    size: tuple[int, int],
    container: VideoContainer,
    note: Notes,
) -> None:
    if layout.name != wanted.name:
        note(f"images are written as {layout} instead of {wanted}: {word} in {container.name} has nothing nearer")
    elif word not in (info.codec, "x264", "x265") and not _fits("x264", layout, size):
        note(f"{size[1]}x{size[0]} in {layout} is written with {word}: x264 and x265 need even sizes for it")
    if layout.rgb and word == "x264":
        note("few players show H.264 in RGB; all show pixel format yuv420p")
    if info.hdr is not None and not _ENCODERS[word].carries_hdr:
        note(f"HDR10 mastering metadata is not kept with {word}; x265 keeps it")


def _no_choice(
    words: tuple[str, ...], container: VideoContainer, wanted: PixelLayout, size: tuple[int, int], settings: EncoderSettings
) -> OutputError:
    encoders = [_ENCODERS[word] for word in words]
    if min(size) < max(encoder.smallest for encoder in encoders) or max(size) < max(encoder.block for encoder in encoders):
        return OutputError(
            f"{size[1]}x{size[0]} pixels are too few for {' or '.join(words)}",
            remedy=either(way("use ", Option("codec", "x264")), "make it larger"),
        )
    if settings.pix_fmt is None or not any(wanted.name in _formats(word) for word in words):
        takers = [word for word in container.encoders if wanted.name in _formats(word)]
        formats = " ".join(sorted({name for word in words for name in _formats(word)}))
        others = [way("set ", Option("codec"), f" to {' or '.join(takers)}")] if takers else []
        return OutputError(
            f"{' and '.join(words)} in {container.name} cannot write {wanted.name}",
            remedy=either(way("set ", Option("pix_fmt"), f" to one of {formats}"), *others),
        )
    return OutputError(
        f"{size[1]}x{size[0]} pixels cannot be written as {wanted.name} with {' or '.join(words)}",
        remedy=either(way("make width and height even with ", Option("size")), way("use ", Option("pix_fmt", "yuv444p"))),
    )


def _options(
    word: str,
    layout: PixelLayout,
    size: tuple[int, int],
    colour: ColourTags,
    hdr: HdrMetadata | None,
    settings: EncoderSettings,
) -> dict[str, str]:
    """FFmpeg's options for the encoder."""
    encoder = _ENCODERS[word]
    options: dict[str, str] = {}
    if (layout.sub_x, layout.sub_y) == (1, 1):
        options["chroma_sample_location"] = colour.chroma_location
    crf = _crf(word, encoder, settings)
    if crf is not None:
        options["cq" if encoder.instead_of else "crf"] = f"{crf:g}"
    preset = _preset(word, encoder, layout, settings)
    if preset is not None:
        options[{"vp9": "cpu-used", "prores": "profile"}.get(word, "preset")] = preset
    match word:
        case "x264":
            options |= _joined("x264-params", {"mastering-display": _x26x_display(hdr), "cll": _light(hdr)})
        case "x265":
            parameters = {"log-level": "error", "master-display": _x26x_display(hdr), "max-cll": _light(hdr)}
            pools = str(settings.threads) if settings.threads else None
            # Left to itself it counts the processors, which changes the bytes.
            frame_threads = str(min(max(settings.threads // 4, 1), 4)) if settings.threads else None
            parameters |= {"hdr10": "1" if hdr else None, "pools": pools, "frame-threads": frame_threads}
            options |= {"a53cc": "1"} | _joined("x265-params", parameters)  # captions: x264 takes them by default
        case "av1":
            options |= _joined("svtav1-params", {"mastering-display": _svt_display(hdr), "content-light": _light(hdr)})
        case "vp9":
            options |= {"b": "0", "deadline": "good", "row-mt": "1"}
        case "h264-nvenc" | "hevc-nvenc":
            options |= {"rc": "vbr", "b": "0", "tune": "hq"}  # no rate is aimed at: the quality decides
        case "ffv1":
            # Version 3 cuts images into slices, which the smallest are too small for.
            options |= {"level": "3", "slicecrc": "1", "g": "1"} if min(size) >= 16 else {"level": "1", "g": "1"}
    for name, value in settings.options.items():
        joined = name in options and name.endswith("-params")
        options[name] = f"{options[name]}:{value}" if joined else value
    return options


def _joined(name: str, parameters: dict[str, str | None]) -> dict[str, str]:
    text = ":".join(f"{key}={value}" for key, value in parameters.items() if value is not None)
    return {name: text} if text else {}


def _crf(word: str, encoder: _Encoder, settings: EncoderSettings) -> float | None:
    if encoder.crf is None:
        if settings.crf is not None:
            what = "is lossless" if word == "ffv1" else "has profiles instead (its presets)"
            raise OutputError(f"crf does not go with {word}, which {what}", remedy=leave_out("crf"))
        return None
    default, largest = encoder.crf
    crf = default if settings.crf is None else settings.crf
    if not 0 <= crf <= largest:
        raise OutputError(f"crf {crf:g} is not between 0 and {largest}, the range of {word}")
    if word in ("av1", "vp9") and crf != int(crf):
        raise OutputError(f"crf {crf:g}: {word} takes whole numbers")
    return crf


def _preset(word: str, encoder: _Encoder, layout: PixelLayout, settings: EncoderSettings) -> str | None:
    if settings.preset is None:
        if word == "prores":
            return "hq" if layout.sub_x else "4444"
        return encoder.preset
    if settings.preset not in encoder.presets:
        choices = set_to("preset", encoder.presets)
        remedy = choices if encoder.presets else leave_out("preset")
        raise OutputError(f"{word} has no preset {settings.preset}", remedy=remedy)
    return settings.preset


def _x26x_display(hdr: HdrMetadata | None) -> str | None:
    """Chromaticities in steps of 0.00002, luminance in steps of 0.0001 cd/m2, as in the SEI message (H.265, D.2.28)."""
    if hdr is None or hdr.mastering is None:
        return None
    display = hdr.mastering
    points = "".join(f"{name}({round(x * 50000)},{round(y * 50000)})" for name, (x, y) in _points(display))
    return f"{points}L({round(display.max_luminance * 10000)},{round(display.min_luminance * 10000)})"


def _svt_display(hdr: HdrMetadata | None) -> str | None:
    if hdr is None or hdr.mastering is None:
        return None
    display = hdr.mastering
    points = "".join(f"{name}({float(x):.5f},{float(y):.5f})" for name, (x, y) in _points(display))
    return f"{points}L({float(display.max_luminance):.4f},{float(display.min_luminance):.4f})"


def _points(display: MasteringDisplay) -> list[tuple[str, tuple[Fraction, Fraction]]]:
    return [("G", display.green), ("B", display.blue), ("R", display.red), ("WP", display.white)]


def _light(hdr: HdrMetadata | None) -> str | None:
    if hdr is None or hdr.light is None:
        return None
    return f"{hdr.light.max_content},{hdr.light.max_average}"
