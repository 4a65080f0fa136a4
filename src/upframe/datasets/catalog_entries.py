"""The entries of the catalog. What the authors do not state is "unknown"; sizes are those of the downloads.

Facts are from the sets' own pages and the read-me files of RT4KSR, TecoGAN's PyTorch edition, TTVSR, STSSNet, timmh's neural
supersampling, EDSR-PyTorch, BasicSR, PFNL, SelfExSR and VRT; MD5 digests from TecoGAN's download script.
"""

from __future__ import annotations

from upframe.datasets.catalog_entry import DownloadArchive, Entry
from upframe.remedies import Call

_DIV2K = "https://data.vision.ee.ethz.ch/cvl/DIV2K/"
_EDSR = "https://cv.snu.ac.kr/research/EDSR/"
_GTA5 = "https://download.visinf.tu-darmstadt.de/data/from_games/"
_TECOGAN = "https://github.com/skycrapers/TecoGAN-PyTorch"
_REDS = "https://seungjunnah.github.io/Datasets/reds.html"
_UNKNOWN = "unknown"
REDS4 = ("000", "011", "015", "020")
"""Clips of REDS' training part that are held out for testing."""


def _drive(identifier: str, file: str, md5: str) -> DownloadArchive:
    """A file on Google Drive; ``confirm`` passes the page that warns of files too large to be searched for viruses."""
    address = f"https://drive.usercontent.google.com/download?id={identifier}&export=download&confirm=t"
    return DownloadArchive(address, file, md5=md5)


def _benchmark(name: str, title: str, folder: str, also: tuple[str, ...], images: str, licence: str, page: str) -> Entry:
    """One of the four sets of test images, which are distributed together."""
    return Entry(
        name=name,
        title=title,
        use="test",
        licence=licence,
        size=f"{images}; 250 MB with the three others",
        page=page,
        layout=f"{folder}/HR/NAME.png\n{folder}/LR_bicubic/X2/NAMEx2.png   (made automatically where missing; also X3, X4)",
        folders=(folder, *also),
        archives=(DownloadArchive(f"{_EDSR}benchmark.tar", "benchmark.tar", inside=f"benchmark/{folder}"),),
    )


def _two_resolutions(name: str, title: str, folder: str, archives: tuple[DownloadArchive, ...], clips: str, page: str) -> Entry:
    """A set of test clips as TecoGAN's PyTorch edition distributes it."""
    return Entry(
        name=name,
        title=title,
        use="test",
        licence=_UNKNOWN,
        size=clips,
        page=page,
        layout=f"{folder}/GT/CLIP/*.png\n{folder}/Gaussian4xLR/CLIP/*.png   (BD; or BDx4)\n"
        f"{folder}/Bicubic4xLR/CLIP/*.png    (BI; or BIx4; each is made by itself where it is missing)",
        folders=(folder,),
        archives=archives,
    )


ENTRIES = (
    Entry(
        name="div2k",
        title="DIV2K: 1000 images of 2K resolution (NTIRE 2017)",
        use="training, test",
        licence="for academic research only; the images belong to their owners",
        size="800 training and 100 validation images; 7.1 GB with all bicubic files",
        page=_DIV2K,
        layout="DIV2K/DIV2K_train_HR/0001.png\nDIV2K/DIV2K_valid_HR/0801.png\n"
        "DIV2K/DIV2K_train_LR_bicubic/X2/0001x2.png   (made automatically where missing)\n"
        "DIV2K/DIV2K_valid_LR_bicubic/X2/0801x2.png",
        folders=("DIV2K",),
        archives=tuple(
            DownloadArchive(f"{_DIV2K}DIV2K_{name}.zip", f"DIV2K_{name}.zip")
            for name in ("train_HR", "valid_HR", "valid_LR_bicubic_X2", "valid_LR_bicubic_X3", "valid_LR_bicubic_X4")
        ),
        prepare="subimages",
    ),
    Entry(
        name="flickr2k",
        title="Flickr2K: 2650 images of 2K resolution",
        use="training",
        licence=_UNKNOWN,
        size="2650 images; download size unknown",
        page="https://github.com/LimBee/NTIRE2017",
        layout="Flickr2K/Flickr2K_HR/000001.png",
        folders=("Flickr2K",),
        archives=(DownloadArchive(f"{_EDSR}Flickr2K.tar", "Flickr2K.tar", inside="Flickr2K"),),
        prepare="subimages",
    ),
    Entry(
        name="lsdir",
        title="LSDIR: a large set for image restoration (Li et al., CVPR Workshops 2023)",
        use="training",
        licence=_UNKNOWN,
        size="84,991 training images; RT4KSR took 1000 of shard-00",
        page="https://data.vision.ee.ethz.ch/yawli/index.html",
        layout="LSDIR/shard-00/*.png",
        folders=("LSDIR",),
        steps=("Accept the conditions on https://huggingface.co/ofsoundof/LSDIR, download shard-00 and unpack it.",),
        prepare="subimages",
    ),
    Entry(
        name="gta5",
        title="GTA5: frames of a game, from Playing for Data (Richter et al., ECCV 2016)",
        use="training",
        licence=_UNKNOWN,
        size="about 25,000 images in ten parts; RT4KSR took 2500 of part 01",
        page=_GTA5,
        layout="GTA5/images/00001.png",
        folders=("GTA5",),
        archives=(DownloadArchive(f"{_GTA5}data/01_images.zip", "01_images.zip"),),
        prepare="subimages",
    ),
    _benchmark(
        "set5",
        "Set5 (Bevilacqua et al., BMVC 2012)",
        "Set5",
        (),
        "5 images",
        _UNKNOWN,
        "http://people.rennes.inria.fr/Aline.Roumy/results/SR_BMVC12.html",
    ),
    _benchmark(
        "set14",
        "Set14 (Zeyde et al., LNCS 2010)",
        "Set14",
        (),
        "14 images",
        _UNKNOWN,
        "https://sites.google.com/site/romanzeyde/research-interests",
    ),
    _benchmark(
        "b100",
        "B100: 100 test images of the Berkeley segmentation data (Martin et al., ICCV 2001)",
        "B100",
        ("BSD100", "BSDS100"),
        "100 images",
        _UNKNOWN,
        "https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/bsds/",
    ),
    _benchmark(
        "urban100",
        "Urban100 (Huang et al., CVPR 2015)",
        "Urban100",
        (),
        "100 images of buildings",
        _UNKNOWN,
        "https://github.com/jbhuang0604/SelfExSR",
    ),
    Entry(
        name="ntire23-4k",
        title="The 4K test images of the NTIRE 2023 real-time challenge, on which RT4KSR's published scores are",
        use="test",
        licence=_UNKNOWN,
        size=_UNKNOWN,
        page="https://github.com/eduardzamfir/NTIRE23-RTSR",
        layout="NTIRE234K/GT/*.png\nNTIRE234K/LR2/*.png   (made automatically where missing; also LR3)",
        folders=("NTIRE234K",),
    ),
    Entry(
        name="reds",
        title="REDS: realistic and dynamic scenes (Nah et al., CVPR Workshops 2019)",
        use="training, test",
        licence="CC BY 4.0",
        size="240 training and 30 validation clips of 100 frames, 1280x720",
        page=_REDS,
        layout="REDS/train/train_sharp/000/00000000.png               (000 to 239; regrouped: to 269)\n"
        "REDS/train/train_sharp_bicubic/X4/000/00000000.png    (made automatically where missing)\n"
        "REDS/val/val_sharp/000/00000000.png                   (000 to 029; regrouped: none)",
        folders=("REDS",),
        steps=(
            f"Download train_sharp, train_sharp_bicubic, val_sharp and val_sharp_bicubic from {_REDS} and unpack them.",
            (
                "Regroup them for training: ",
                Call("upframe.datasets.preparation.regroup_reds", ("REDS", "REDS-270")),
                ". The validation clips become 240 to 269; 000, 011, 015 and 020 (REDS4) are left out.",
            ),
        ),
        prepare="regroup-reds",
    ),
    Entry(
        name="reds4",
        title="REDS4: four clips of REDS' training part, held out for testing",
        use="test",
        licence="CC BY 4.0",
        size="4 clips of 100 frames, 1280x720",
        page=_REDS,
        layout="REDS4/GT/000/00000000.png      (also 011, 015, 020; or the whole of REDS)\n"
        "REDS4/BIx4/000/00000000.png    (made automatically where missing)",
        folders=("REDS4", "REDS"),
        steps=(f"Download train_sharp and train_sharp_bicubic from {_REDS} and unpack them; the four clips are enough.",),
        clips=REDS4,
    ),
    Entry(
        name="vimeo-tecogan",
        title="VimeoTecoGAN: the scenes TecoGAN was trained on (Chu et al., TOG 2020)",
        use="training",
        licence=_UNKNOWN,
        size=_UNKNOWN,
        page="https://github.com/thunil/TecoGAN",
        layout="VimeoTecoGAN/Raw/scene_2000/col_high_0000.png",
        folders=("VimeoTecoGAN",),
        steps=(
            (
                "It is no longer available, say the authors of the PyTorch edition, who train on REDS instead. If you have it, "
                "put the scenes there; ",
                Call("upframe.datasets.pack.pack", ("VimeoTecoGAN/Raw", "VimeoTecoGAN/GT.lmdb")),
                " makes the LMDB that the published code reads.",
            ),
        ),
    ),
    Entry(
        name="vimeo90k",
        title="Vimeo-90K septuplets (Xue et al., IJCV 2019)",
        use="training, test",
        licence=_UNKNOWN,
        size="91,701 clips of 7 frames, 448x256; 82 GB, of which 7824 clips are for testing",
        page="https://github.com/anchen1011/toflow",
        layout="vimeo_septuplet/sequences/00001/0001/im1.png           (to im7.png)\n"
        "vimeo_septuplet/sequences_BD/00001/0001/im1.png        (made automatically where missing)\n"
        "vimeo_septuplet/sep_trainlist.txt, sep_testlist.txt",
        folders=("vimeo_septuplet", "Vimeo-90K", "vimeo90k"),
        steps=(
            "Download http://data.csail.mit.edu/tofu/dataset/vimeo_septuplet.zip and unpack it. "
            "(It is published without https, which `fetch` insists on.)",
        ),
    ),
    _two_resolutions(
        "vid4",
        "Vid4: calendar, city, foliage, walk",
        "Vid4",
        (
            _drive("1T8TuyyOxEUfXzCanH5kvNH2iA8nI06Wj", "GT.zip", "d2850eccf30092418f15afe4a7ea27e5"),
            _drive("1-5NFW6fEPUczmRqKHtBVyhn2Wge6j3ma", "Gaussian4xLR.zip", "3b525cb0f10286743c76950d9949a255"),
            _drive("1Kg0VBgk1r9I1c4f5ZVZ4sbfqtVRYub91", "Bicubic4xLR.zip", "35666bd16ce582ae74fa935b3732ae1a"),
        ),
        "4 clips of 34 to 49 frames, 720x576, 704x576 and 720x480",
        _TECOGAN,
    ),
    _two_resolutions(
        "tos3",
        "ToS3: three clips of the open video Tears of Steel",
        "ToS3",
        (
            _drive("1XoR_NVBR-LbZOA8fXh7d4oPV0M8fRi8a", "GT.zip", "56eb9e8298a4e955d618c1658dfc89c9"),
            _drive("1rDCe61kR-OykLyCo2Ornd2YgPnul2ffM", "Gaussian4xLR.zip", "803609a12453a267eb9c78b68e073e81"),
            _drive("1FNuC0jajEjH9ycqDkH4cZQ3_eUqjxzzf", "Bicubic4xLR.zip", "3b165ffc8819d695500cf565bf3a9ca2"),
        ),
        "3 clips",
        _TECOGAN,
    ),
    Entry(
        name="udm10",
        title="UDM10 (Yi et al., ICCV 2019)",
        use="test",
        licence="for study only, say its authors",
        size="10 clips",
        page="https://github.com/psychopa4/PFNL",
        layout="UDM10/GT/CLIP/*.png      (or as it comes: UDM10/CLIP/truth/*.png and UDM10/CLIP/blur4/*.png)\n"
        "UDM10/BDx4/CLIP/*.png    (made automatically where missing: bd-centred for TTVSR)",
        folders=("UDM10",),
        steps=(
            "Download udm10.zip from https://www.terabox.com/web/share/link?surl=LMuQCVntRegfZSxn7s3hXw&path=%2Fproject%2Fpfnl "
            "and unpack it. Its own low-resolution files are shifted against what TTVSR was trained for: make them again.",
        ),
    ),
    Entry(
        name="stssnet",
        title="The scenes of STSSNet: Lewis, SunTemple, Subway, Arena (He et al., AAAI 2024)",
        use="training, test",
        licence=_UNKNOWN,
        size="about 6000 training frames (not of Arena) and 1000 test frames a scene; "
        "40 GB a test scene, 150 GB a training sequence",
        page="https://www.modelscope.cn/datasets/ryanhe312/STSSNet-AAAI2024",
        layout="STSSNet/Lewis/test/NPY/compressed.0006.NoWarp.npy    (even frames; 33 or 35 channels of float16)\n"
        "STSSNet/Lewis/test/NPY/compressed.0007.Warp.npy      (odd frames)\n"
        "STSSNet/Lewis/test/HR/compressedHR.0006.npy",
        folders=("STSSNet", "STSSNet-AAAI2024"),
        steps=(
            "pip install modelscope",
            "In Python: from modelscope.msdatasets import MsDataset; "
            "MsDataset.load('ryanhe312/STSSNet-AAAI2024', subset_name='Lewis', split='test') "
            "(also SunTemple, Subway, Arena; split 'train' and 'validation' are the two training sequences).",
        ),
    ),
    Entry(
        name="blender-films",
        title="Production files of the Blender open videos, to be rendered with colour, depth and motion",
        use="training",
        licence="Creative Commons; which one, each video's page says",
        size=_UNKNOWN,
        page="https://studio.blender.org/films/",
        layout="blender-films/FILM/SHOT.blend",
        folders=("blender-films",),
        steps=(
            "Download production files from https://studio.blender.org/films/; timmh's neural supersampling took The Daily "
            "Dweebs (its test scene), Coffee Run, Agent 327 and Caminandes: Llamigos.",
        ),
    ),
)
