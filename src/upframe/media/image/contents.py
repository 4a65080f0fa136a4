"""What a file holds, told by its first bytes: an image format that is read, one that is not, or neither."""

from __future__ import annotations

from pathlib import Path

from upframe.media.image.image import ImageFormat

_SIGNATURES: tuple[tuple[bytes, ImageFormat], ...] = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"II+\0", "tiff"),
    (b"MM\0+", "tiff"),
    (b"\x76\x2f\x31\x01", "exr"),
    (b"GIF8", "gif"),
    (b"\xff\x0a", "jxl"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "jxl"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "jp2"),
    (b"\xff\x4f\xff\x51", "jp2"),
    (b"8BPS\0\1", "psd"),
    (b"qoif", "qoi"),
    (b"#?RADIANCE", "hdr"),
    (b"#?RGBE", "hdr"),
    (b"PF\n", "pfm"),
    (b"Pf\n", "pfm"),
)
_HEIF_STILLS = frozenset({b"heic", b"heix", b"heim", b"heis", b"mif1", b"mif2"})
"""Brands of still HEIF files; those of sequences (msf1, hevc, hevx, avis) are videos."""
_OTHERS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"II\xbc", "JPEG XR"),
    (0, b"8BPS", "a large Photoshop file (PSB)"),
    (0, b"gimp xcf", "GIMP (XCF)"),
    (0, b"DDS ", "DirectDraw Surface (DDS)"),
    (0, b"\xabKTX ", "KTX"),
    (0, b"PVR\x03", "PVR"),
    (0, b"\x13\xab\xa1\x5c", "ASTC"),
    (0, b"SDPX", "DPX"),
    (0, b"XPDS", "DPX"),
    (0, b"\x80\x2a\x5f\xd7", "Cineon"),
    (0, b"P7\n", "PAM"),
    (0, b"FLIF", "FLIF"),
    (0, b"BPG\xfb", "BPG"),
    (0, b"\0\0\1\0", "ICO"),
    (0, b"icns", "ICNS"),
    (0, b"\x0a\x05\x01", "PCX"),
    (0, b"\x0a\x03\x01", "PCX"),
    (0, b"\x01\xda", "SGI"),
    (0, b"\x59\xa6\x6a\x95", "Sun raster"),
    (0, b"/* XPM */", "XPM"),
    (0, b"SIMPLE  =", "FITS"),
    (0, b"NITF", "NITF"),
    (0, b"\x8aMNG\r\n\x1a\n", "MNG"),
    (0, b"\x8bJNG\r\n\x1a\n", "JNG"),
    (0, b"\x97JB2\r\n\x1a\n", "JBIG2"),
    (0, b"AT&TFORM", "DjVu"),
    (8, b"ILBM", "IFF ILBM"),
    (0, b"\xd7\xcd\xc6\x9a", "WMF"),
    (40, b" EMF", "EMF"),
    (128, b"DICM", "DICOM"),
    (0, b"id=ImageMagick", "MIFF"),
    (0, b"%PDF", "PDF"),
    (0, b"%!PS", "PostScript"),
    (0, b"\xc5\xd0\xd3\xc6", "EPS"),
    (0, b"FUJIFILMCCD-RAW", "Fujifilm raw (RAF)"),
    (0, b"IIRO", "Olympus raw (ORF)"),
    (0, b"IIRS", "Olympus raw (ORF)"),
    (0, b"MMOR", "Olympus raw (ORF)"),
    (0, b"IIU\0", "Panasonic raw (RW2)"),
    (6, b"HEAPCCDR", "Canon raw (CRW)"),
    (0, b"FOVb", "Sigma raw (X3F)"),
    (0, b"\0MRM", "Minolta raw (MRW)"),
    (4, b"ftypcrx ", "Canon raw (CR3)"),
    (8, b"CR\x02", "Canon raw (CR2)"),
)
"""Where in a file which bytes are, and what has them there: images that are not read."""
_WITHOUT_SIGNATURE = {".tga": "Targa (TGA)", ".pcd": "Photo CD", ".kra": "Krita", ".ora": "OpenRaster", ".svgz": "SVG"}
_LOOKED_AT = 512


def _start(path: Path, length: int = _LOOKED_AT) -> bytes:
    with path.open("rb") as file:
        return file.read(length)


def format_of_content(path: Path) -> ImageFormat | None:
    """The image format that the first bytes of a file show, whatever its name; None for anything else. Raises OSError."""
    start = _start(path)
    if start[8:11] == b"CR\x02":  # a TIFF that holds what a sensor saw
        return None
    for signature, name in _SIGNATURES:
        if start.startswith(signature):
            return name
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "webp"
    if start[:2] == b"BM" and start[6:10] == bytes(4):
        return "bmp"
    if start[:1] == b"P" and start[1:2] in b"123456" and start[2:3].isspace():
        return "ppm"
    if path.suffix.lower() == ".tga" and _is_targa(start):
        return "tga"
    return _heif(start) if start[4:8] == b"ftyp" else None


def _is_targa(start: bytes) -> bool:
    """Whether a header is a Targa's: the format has no signature."""
    return (
        len(start) >= 18
        and start[1] in (0, 1)
        and start[2] in (1, 2, 3, 9, 10, 11)
        and start[16] in (8, 15, 16, 24, 32)
        and any(start[12:14])
        and any(start[14:16])
    )


def _heif(start: bytes) -> ImageFormat | None:
    """Of a file in the ISO base media format: a still AVIF or HEIC by its brands (ISO/IEC 23008-12, annex B)."""
    length = int.from_bytes(start[:4], "big")
    major, brands = start[8:12], {start[place : place + 4] for place in range(16, min(length, len(start)), 4)}
    if major == b"avif" or (major in _HEIF_STILLS and b"avif" in brands):
        return "avif"
    return "heic" if major in _HEIF_STILLS else None


def unread_format(path: Path) -> str | None:
    """The name of an image format that is known and not read; None for anything else. Raises OSError."""
    start = _start(path)
    for place, signature, name in _OTHERS:
        if start[place : place + len(signature)] == signature:
            return name
    if b"<svg" in start:
        return "SVG"
    return _WITHOUT_SIGNATURE.get(path.suffix.lower())
