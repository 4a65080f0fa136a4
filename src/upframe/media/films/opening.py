"""The one place where FFmpeg opens a film that somebody has given: nothing but that one file is read."""

from __future__ import annotations

from pathlib import Path

import av
from av.container import InputContainer

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


def open_container(path: Path) -> InputContainer:
    """Open a file for reading, and no other file, whatever is written in it. Raises av.FFmpegError."""
    # The prefix keeps a colon in a name from being read as a protocol.
    return av.open(f"file:{path}", metadata_errors="surrogateescape", container_options=dict(_OPTIONS))


def names_other_files(head: bytes) -> bool:
    """Whether a file begins like a playlist, a manifest or a description of streams, which only say where films are."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    return text.startswith((b"#EXTM3U", b"ffconcat", b"v=0", b"[playlist]")) or (
        text.startswith((b"<?xml", b"<MPD", b"<Composition", b"<smil"))
        and any(mark in text for mark in (b"<MPD", b"CompositionPlaylist", b"<smil", b"<playlist"))
    )
