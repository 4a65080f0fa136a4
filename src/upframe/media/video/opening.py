"""The one place where FFmpeg opens a video that somebody has given: nothing but that one file is read, and no huge frame."""

from __future__ import annotations

import io
from pathlib import Path

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream
from av.codec.context import CodecContext
from av.container import InputContainer
from av.stream import Stream
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from upframe.media.video.spliced import Spliced, flv_parts

# FFmpeg's readers that take all they need from one file. Left out are those that go on to open what a file names (playlists
# and manifests: hls, dash, concat, sdp, imf, rtsp, webm_dash_manifest; image2; vobsub; mlv, whose further parts lie beside
# it), that run a script (avisynth, vapoursynth, lavfi, libopenmpt), and devices. A new one is added here when it has been
# looked at.
_ALONE = """
    3dostr 4xm aa aac ac3 ac4 aiff amr amrnb amrwb anm ape apng apv argo_asf asf asf_o ass ast au av1 avi avs avs2 avs3
    bethsoftvid bfi bink bmp_pipe bmv c93 caf cavsvideo cdg cdxl cine cri_pipe daud dcstr dds_pipe derf dfa dhav dirac
    dnxhd dpx_pipe dsicin dss dts dtshd dv dxa ea ea_cdata eac3 evc exr_pipe film_cpk filmstrip fits flac flic flv frm gdv
    gem_pipe gif gif_pipe gxf h261 h263 h264 hdr_pipe hevc hnm iamf ico idcin iff ifv ingenient ipmovie ipu iss iv8 ivf
    ivr j2k_pipe jpeg_pipe jpegls_pipe jpegxl_anim jpegxl_pipe jpegxs_pipe jv kux lmlm4 loas lvf lxf m4v matroska mgsts
    mjpeg mjpeg_2000 mlp mm mods moflex mov mp3 mpc mpc8 mpeg mpegts mpegvideo mpjpeg mtv mv mvi mxf mxg nc nsp nsv nut
    nuv obu ogg paf pam_pipe pbm_pipe pcx_pipe pdv pfm_pipe pgm_pipe pgmyuv_pipe pgx_pipe phm_pipe photocd_pipe
    pictor_pipe pmp png_pipe ppm_pipe psd_pipe psxstr pva qdraw_pipe qoa qoi_pipe r3d rawvideo rl2 rm roq rpl ser sga
    sgi_pipe siff simbiosis_imx smjpeg smk smush spdif srt sunrast_pipe sup svs swf tak thp tiertexseq tiff_pipe tmv
    truehd tta tty txd ty usm v210 v210x vbn_pipe vc1 vc1test vividas vivo vmd vvc w64 wav wc3movie webp_anim webp_pipe
    webvtt wtv wv xa xbm_pipe xmv xpm_pipe xwd_pipe yop yuv4mpegpipe
"""
_OPTIONS = {
    "protocol_whitelist": "file",
    "format_whitelist": ",".join(_ALONE.split()),
    # Of QuickTime: tracks whose samples lie in another file.
    "enable_drefs": "0",
    "use_absolute_path": "0",
}
_PATIENT = {"probesize": str(64 << 20), "analyzeduration": str(30 * 60 * 1_000_000), "scan_all_pmts": "1"}
"""Bytes, and microseconds, of a video that are looked through for streams that FFmpeg has not met at its beginning. With all
tables of its programmes to be read, a transport stream is not taken to be known after the first."""
_WITHOUT_HEADER = ("mpeg", "flv")
"""Formats with no list of their streams: each is found when its first packet comes."""
_USUAL_PROBE = 5_000_000


def open_container(path: Path, file: io.RawIOBase | None = None) -> InputContainer:
    """Open a file for reading, and no other file, whatever is written in it, once its streams are known or known to be far.

    ``file``: the same file, opened already. Raises av.FFmpegError.
    """
    container = _open(path, file, {})
    name = container.format.name
    late = name in _WITHOUT_HEADER and path.stat().st_size > _USUAL_PROBE
    if not late and all(is_known(stream) for stream in container.streams):
        return container
    container.close()
    return _open(path, file, _PATIENT)


def is_known(stream: Stream) -> bool:
    """Whether probing has met a stream: what a transport stream announces may come minutes later, or never."""
    if isinstance(stream, AudioStream):
        context: AudioCodecContext | None = stream.codec_context  # PyAV's stubs do not say that it may be missing
        return context is None or (context.sample_rate > 0 and context.layout.nb_channels > 0)
    if isinstance(stream, VideoStream):
        images: VideoCodecContext | None = stream.codec_context
        return images is None or images.width > 0
    return True


def _open(path: Path, file: io.RawIOBase | None, options: dict[str, str]) -> InputContainer:
    options = _OPTIONS | options
    if file is not None:
        file.seek(0)
        return av.open(file, "r", metadata_errors="surrogateescape", container_options=options)
    # The prefix keeps a colon in a name from being read as a protocol.
    container = av.open(f"file:{path}", metadata_errors="surrogateescape", container_options=options)
    parts = flv_parts(path) if container.format.name == "flv" else []
    if len(parts) < 2:
        return container
    container.close()
    return av.open(Spliced(path, parts), "r", format="flv", metadata_errors="surrogateescape", container_options=options)


def names_other_files(head: bytes) -> bool:
    """Whether a file begins like a playlist, a manifest or a description of streams, which only say where videos are."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    return text.startswith((b"#EXTM3U", b"ffconcat", b"v=0", b"[playlist]")) or (
        text.startswith((b"<?xml", b"<MPD", b"<Composition", b"<smil"))
        and any(mark in text for mark in (b"<MPD", b"CompositionPlaylist", b"<smil", b"<playlist"))
    )


def open_decoder(stream: VideoStream, threads: int | None, max_pixels: int) -> VideoCodecContext:
    """A decoder with threads, None for as many as there are processors, that refuses frames of more than ``max_pixels``.

    For VP9 with transparency the one that knows of it.
    """
    context = stream.codec_context
    if stream.metadata.get("alpha_mode") == "1" and context.codec.name == "vp9":
        replacement = CodecContext.create("libvpx-vp9", "r")
        if isinstance(replacement, VideoCodecContext):
            replacement.extradata = context.extradata
            context = replacement
    context.options = {"max_pixels": str(max_pixels)}  # of a frame that comes later, too, before memory is taken for it
    context.thread_type = "AUTO"
    context.thread_count = threads or 0
    return context


def drain(context: VideoCodecContext) -> list[VideoFrame]:
    """The frames that a decoder still holds back; it is then ready for a stream that begins. Raises av.FFmpegError."""
    try:
        return context.decode(None)
    finally:
        context.flush_buffers()
