"""Models by name: built in, imported, published; and the networks of the zoo, with a stand-in at the border to spandrel."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from upframe.errors import CheckpointError
from upframe.models import load, shipped
from upframe.models.cards import card_of, imported, models_folder
from upframe.models.catalog import load_file, name_for, save
from upframe.models.info import METADATA_KEY, ModelInfo, from_metadata, to_metadata
from upframe.models.published import PUBLISHED, published_file, published_name
from upframe.models.rt4ksr import RT4KSR
from upframe.models.zoo import HALO, find

SPANDREL = '''
"""The part of spandrel's interface that Upframe uses, and one family: a convolution and a pixel shuffle."""

from enum import Enum
from types import SimpleNamespace

import torch
from torch import nn


class UnsupportedModelError(Exception):
    pass


class ModelTiling(Enum):
    SUPPORTED = 1
    DISCOURAGED = 2
    INTERNAL = 3


class Shuffler(nn.Module):
    def __init__(self, width, channels, scale):
        super().__init__()
        self.conv = nn.Conv2d(channels, width, 3, padding=1)
        self.shuffle = nn.PixelShuffle(scale)

    def forward(self, x):
        assert x.shape[-1] % 4 == 0 and x.shape[-2] % 4 == 0 and min(x.shape[-2:]) >= 8
        return self.shuffle(self.conv(x))


class ImageModelDescriptor:
    purpose, tags, supports_half, supports_bfloat16, tiling = "SR", ["small"], False, True, ModelTiling.SUPPORTED
    architecture = SimpleNamespace(id="Shuffler", name="The Shuffler")
    size_requirements = SimpleNamespace(minimum=8, multiple_of=4, square=False)

    def __init__(self, model, scale, channels):
        self.model, self.scale, self.input_channels, self.output_channels = model, scale, *channels

    @torch.inference_mode()
    def __call__(self, image):
        assert image.shape[0] == 1 and image.shape[1] == self.input_channels
        h, w = image.shape[-2:]
        padded = nn.functional.pad(image, (0, max(8, -(-w // 4) * 4) - w, 0, max(8, -(-h // 4) * 4) - h), "replicate")
        return self.model(padded)[..., : h * self.scale, : w * self.scale].clamp_(0, 1)


class MaskedImageModelDescriptor(ImageModelDescriptor):
    pass


given = []


class ModelLoader:
    def __init__(self, device=None):
        assert device == "cpu"

    def load_from_file(self, path):
        raise AssertionError(f"was given a file, {path}")

    load_state_dict_from_file = load_from_file

    def load_from_state_dict(self, state_dict):
        given.append(state_dict)
        if set(state_dict) != {"conv.weight", "conv.bias"}:
            raise UnsupportedModelError
        width, channels = state_dict["conv.weight"].shape[:2]
        outputs = {12: 3, 4: 1, 16: 4}[width]
        model = Shuffler(width, channels, 2)
        model.load_state_dict(state_dict)
        return ImageModelDescriptor(model, 2, (channels, outputs))
'''


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's models, empty at first."""
    monkeypatch.setenv("UPFRAME_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture
def spandrel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package that speaks as spandrel does."""
    package = tmp_path / "packages" / "spandrel"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(SPANDREL)
    monkeypatch.syspath_prepend(str(package.parent))
    monkeypatch.delitem(sys.modules, "spandrel", raising=False)
    yield
    del sys.modules["spandrel"]


def keep(network: RT4KSR, path: Path, **card: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    info = replace(network.info, **card)  # type: ignore[arg-type]
    save_file(network.state_dict(), path, to_metadata(info, network.configuration))


def test_an_imported_model_is_loaded_by_its_name_and_listed(folder: Path) -> None:
    keep(RT4KSR(2, channels=8, blocks=1, residual=True), folder / "mine.v2.safetensors", degradation="BD", licence="CC0-1.0")
    info = load("mine.v2").info
    assert (info.name, info.scale, info.degradation, info.licence) == ("mine.v2", 2, "BD", "CC0-1.0")
    assert [card.name for card in imported()] == ["mine.v2"]
    with pytest.raises(CheckpointError, match=r"There are: .*rt4ksr-x2.*mine\.v2"):
        load("yours")


def test_an_imported_model_does_not_stand_in_for_a_built_in_one(folder: Path) -> None:
    keep(RT4KSR(3, channels=8, blocks=1), folder / "rt4ksr-x2.safetensors")
    assert load("rt4ksr-x2").info.scale == 2


def test_a_name_does_not_lead_out_of_the_folder(folder: Path, tmp_path: Path) -> None:
    keep(RT4KSR(3, channels=8, blocks=1), tmp_path / "outside.safetensors")
    folder.mkdir()
    with pytest.raises(CheckpointError, match="no model of this name"):
        load("../outside")


def test_listing_passes_over_files_that_are_no_models(folder: Path) -> None:
    folder.mkdir()
    (folder / "damaged.safetensors").write_bytes(b"nothing")
    save_file({"x": torch.zeros(1)}, folder / "stranger.safetensors")
    for number, text in enumerate(["[]", "{}", '{"info": {"scale": "x"}, "configuration": {}}', "[" * 100_000]):
        save_file({"x": torch.zeros(1)}, folder / f"odd{number}.safetensors", {METADATA_KEY: text})
    wrong = json.dumps({"info": ModelInfo("x", "x", "image", 2).as_dict() | {"parameters": "many"}, "configuration": {}})
    save_file({"x": torch.zeros(1)}, folder / "wrong.safetensors", {METADATA_KEY: wrong})
    assert imported() == []


@pytest.mark.parametrize(("written", "half"), [("", None), ("none", ()), ("fp16 bf16", ("fp16", "bf16"))])
def test_a_card_of_an_earlier_version_says_its_half_precisions_in_words(written: str, half: tuple[str, ...] | None) -> None:
    values = ModelInfo("x", "x", "image", 2).as_dict()
    assert ModelInfo.from_dict(values | {"half": written}).half == half
    assert ModelInfo.from_dict(values | {"half": None if half is None else list(half)}).half == half


@pytest.mark.parametrize(
    "wrong", [{"half": ["fp8"]}, {"scale": 0}, {"scale": "2"}, {"kind": "sound"}, {"inputs": "rgb"}, {"sampling": "side"}]
)
def test_a_card_with_a_value_that_cannot_be_is_none(wrong: dict[str, object]) -> None:
    values = ModelInfo("x", "x", "image", 2).as_dict()
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ModelInfo.from_dict(values | wrong)
    assert from_metadata({METADATA_KEY: json.dumps({"info": values | wrong, "configuration": {}})}) == (None, {})
    assert from_metadata({METADATA_KEY: json.dumps({"info": values | {"later": 1}, "configuration": {}})})[0] is not None


def test_the_folder_of_models_follows_the_settings_of_the_system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert models_folder() == tmp_path / "models"
    monkeypatch.delenv("UPFRAME_MODELS")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert models_folder() == tmp_path / "data" / "upframe" / "models"
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert models_folder() == tmp_path / "home" / ".local" / "share" / "upframe" / "models"


def test_a_saved_model_is_the_same_in_its_training_form(folder: Path, tmp_path: Path) -> None:
    network = RT4KSR(2, channels=8, blocks=1, residual=True, skip=True)
    torch.save(network.state_dict() | {"step_counter": torch.zeros(1)}, tmp_path / "raw.pth")
    keep(network, tmp_path / "own.safetensors", licence="MIT")
    model = load_file(tmp_path / "own.safetensors", merge=False)
    save(model, tmp_path / "again.safetensors", source="own.safetensors, SHA-256 12")
    again = load_file(tmp_path / "again.safetensors", merge=False)
    torch.testing.assert_close(again.network.state_dict(), network.state_dict(), rtol=0, atol=0)
    assert replace(again.info, name="", sha256="") == replace(model.info, name="", sha256="")
    assert "imported from own.safetensors, SHA-256 12" in again.found
    with safe_open(tmp_path / "again.safetensors", framework="np") as file:
        info, configuration = from_metadata(file.metadata())
    assert info is not None
    assert (info.family, info.licence, info.sha256) == ("rt4ksr", "MIT", "")
    assert configuration["residual"] is True
    assert again.info.sha256 == sha256((tmp_path / "again.safetensors").read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("file", "given", "name"),
    [
        ("final model (2).pth", None, "final-model-2"),
        ("net_g.pth.tar", None, "net_g"),
        ("net_g.pth", "mine", "mine"),
    ],
)
def test_an_imported_model_gets_a_name_that_can_be_typed(file: str, given: str | None, name: str, tmp_path: Path) -> None:
    torch.save(RT4KSR(2, channels=8, blocks=1).state_dict(), tmp_path / file)
    assert name_for(load_file(tmp_path / file), given) == name


@pytest.mark.parametrize("name", ["rt4ksr-x2", "bicubic-x4", "bicubic", "../x", "a b", "-o", "Ümlaut"])
def test_a_name_that_is_taken_or_cannot_be_typed_is_refused(name: str, tmp_path: Path) -> None:
    torch.save(RT4KSR(2, channels=8, blocks=1).state_dict(), tmp_path / "net.pth")
    with pytest.raises(CheckpointError, match="name"):
        name_for(load_file(tmp_path / "net.pth"), name)


def test_the_published_checkpoints_have_names_of_their_own_and_https_addresses() -> None:
    names = [entry.name for entry in PUBLISHED]
    assert len(set(names)) == len(names)
    assert not {*names} & {info.name for info in shipped()}
    for entry in PUBLISHED:
        assert entry.page.startswith("https://")
        assert entry.address.startswith("https://") or (not entry.address and entry.file)
        assert entry.sha256 is None or re.fullmatch("[0-9a-f]{64}", entry.sha256)
        assert entry.md5 is None or re.fullmatch("[0-9a-f]{32}", entry.md5)
        assert published_name(entry.name) == entry


def test_a_published_file_is_known_by_its_digest_else_by_its_name() -> None:
    known = published_name("stssnet-x2-lewis")
    assert known.sha256 is not None
    assert published_file("renamed.pkl", known.sha256) == known
    assert published_file("TTVSR_REDS.pth", "0" * 64) == published_name("ttvsr-x4-bi-reds")
    assert published_file("finalModel.pkl", "0" * 64) is None
    assert published_file("", "0" * 64) is None
    with pytest.raises(CheckpointError, match="PUBLISHED"):
        published_name("nothing")


def test_a_published_name_that_is_not_here_yet_says_how_to_get_it() -> None:
    with pytest.raises(CheckpointError, match=r"fetch\('ttvsr-x4-bi-reds'\)"):
        load("ttvsr-x4-bi-reds")


def test_a_file_with_a_published_name_and_another_network_is_not_taken_for_it(tmp_path: Path) -> None:
    torch.save(RT4KSR(2, channels=8, blocks=1).state_dict(), tmp_path / "TTVSR_REDS.pth")
    model = load(tmp_path / "TTVSR_REDS.pth")
    assert model.published == ""
    assert model.info.licence == "unknown"


@pytest.mark.usefixtures("spandrel")
@pytest.mark.parametrize(("channels", "width"), [(3, 12), (1, 4), (4, 16), (3, 4)], ids=["rgb", "grey", "rgba", "to grey"])
def test_a_network_of_the_zoo_upscales_images_of_any_size(channels: int, width: int, tmp_path: Path) -> None:
    torch.save({"params_ema": nn.ModuleDict({"conv": nn.Conv2d(channels, width, 3)}).state_dict()}, tmp_path / "net.pth")
    model = load(tmp_path / "net.pth")
    assert model.info.as_dict() | {"sha256": "", "parameters": 0} == {
        **ModelInfo("net", "shuffler", "image", 2, multiple=4, minimum=8, radius=HALO).as_dict(),
        "summary": "The Shuffler, by way of spandrel. small",
    }
    image = torch.rand(2, 3, 9, 5)
    result = model(image)
    assert result.shape == (2, 3, 18, 10)
    torch.testing.assert_close(result[:1], model(image[:1]))
    grey = model(image[:, :1].expand(-1, 3, -1, -1))
    if channels == 1:
        torch.testing.assert_close(grey[:, 0], result[:, 0])  # each colour by itself
        torch.testing.assert_close(grey[:, 0], grey[:, 2])
    assert "took the averaged (EMA) weights, params_ema" in model.found


@pytest.mark.usefixtures("spandrel")
def test_a_network_of_the_zoo_stays_at_a_precision_it_bears(tmp_path: Path) -> None:
    torch.save(nn.ModuleDict({"conv": nn.Conv2d(3, 12, 3)}).state_dict(), tmp_path / "net.pth")
    model = load(tmp_path / "net.pth")
    exact, image = model.network.state_dict(), torch.rand(1, 3, 8, 8)
    expected = model(image)
    model.network.to(torch.float16)
    torch.testing.assert_close(model.network.state_dict(), exact, rtol=0, atol=0)
    assert model(image.half()).dtype == torch.float16
    torch.testing.assert_close(model(image.half()).float(), expected, rtol=0, atol=2e-3)
    model.network.to(torch.bfloat16)
    assert {value.dtype for value in model.network.state_dict().values()} == {torch.bfloat16}


@pytest.mark.usefixtures("spandrel")
def test_a_network_of_the_zoo_is_found_beside_other_things_and_imported(tmp_path: Path) -> None:
    state = nn.ModuleDict({"generator": nn.ModuleDict({"conv": nn.Conv2d(3, 12, 3)})}).state_dict()
    torch.save({"state_dict": state | {"step_counter": torch.zeros(1)}}, tmp_path / "net.pth")
    model = load_file(tmp_path / "net.pth", merge=False)
    save(model, tmp_path / "net.safetensors")
    image = torch.rand(1, 3, 8, 8)
    torch.testing.assert_close(load(tmp_path / "net.safetensors")(image), model(image))


class Spell:
    """Unpickled as Python does it, it would write a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> object:
        return Path.touch, (self.mark,)


@pytest.mark.usefixtures("spandrel")
@pytest.mark.parametrize("kind", ["pth", "safetensors", "spell beside", "spell among"])
def test_the_zoo_is_given_tensors_and_never_a_file(kind: str, tmp_path: Path) -> None:
    import spandrel

    state: dict[str, object] = {**nn.ModuleDict({"conv": nn.Conv2d(3, 12, 3)}).state_dict()}
    mark, path = tmp_path / "mark", tmp_path / ("net.safetensors" if kind == "safetensors" else "net.pth")
    match kind:
        case "pth":
            torch.save(state, path)
        case "safetensors":
            save_file(state, path)  # type: ignore[arg-type]
        case "spell beside":
            torch.save({"params": state, "extra": Spell(mark)}, path)
        case "spell among":
            torch.save(state | {"conv.extra": Spell(mark)}, path)
    try:
        load(path)
    except CheckpointError:
        assert kind.startswith("spell")  # refused: right as well, if nothing ran
    else:
        assert spandrel.given
    for one in spandrel.given:
        assert type(one) is dict
        assert {type(name) for name in one} == {str}
        assert {type(value) for value in one.values()} == {torch.Tensor}
    assert not mark.exists()


@pytest.mark.usefixtures("spandrel")
@pytest.mark.parametrize("what", ["net.pth", Path("net.pth"), {"conv.weight": "net.pth"}, {"conv.weight": Spell(Path("mark"))}])
def test_the_door_to_the_zoo_lets_nothing_but_tensors_through(what: object) -> None:
    import spandrel

    with pytest.raises(CheckpointError, match="only tensors that were read and checked here"):
        find([what])  # type: ignore[list-item]
    assert not spandrel.given


@pytest.mark.usefixtures("spandrel")
def test_what_the_zoo_does_not_know_either_is_said(tmp_path: Path) -> None:
    torch.save(nn.Linear(3, 4).state_dict(), tmp_path / "net.pth")
    with pytest.raises(CheckpointError, match=r"2 tensors .* not a network that Upframe or spandrel knows"):
        load(tmp_path / "net.pth")


@pytest.mark.usefixtures("spandrel")
def test_a_variant_the_zoo_cannot_build_is_said(tmp_path: Path) -> None:
    torch.save(nn.ModuleDict({"conv": nn.Conv2d(3, 27, 3)}).state_dict(), tmp_path / "net.pth")
    with pytest.raises(CheckpointError, match="knows its family, but not this variant"):
        load(tmp_path / "net.pth")


def test_without_the_zoo_its_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spandrel", None)  # as if it were not installed
    torch.save(nn.Linear(3, 4).state_dict(), tmp_path / "net.pth")
    with pytest.raises(CheckpointError, match=r"pip install 'upframe\[zoo\]'"):
        load(tmp_path / "net.pth")


def test_a_zoo_that_does_not_start_names_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "packages" / "spandrel"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text('raise RuntimeError("operator torchvision::nms does not exist")')
    monkeypatch.syspath_prepend(str(package.parent))
    monkeypatch.delitem(sys.modules, "spandrel", raising=False)
    torch.save(nn.Linear(3, 4).state_dict(), tmp_path / "net.pth")
    with pytest.raises(CheckpointError, match=r"nms does not exist\): install the torchvision that belongs to torch"):
        load(tmp_path / "net.pth")


@pytest.mark.parametrize("name", [*(info.name for info in shipped()), "bicubic", "lanczos-x3"])
def test_what_is_known_without_loading_a_model_is_what_is_found_by_loading_it(name: str) -> None:
    card = card_of(name)
    assert card is not None
    assert card.info == load(name).info


def test_the_card_of_an_imported_model_is_read_without_loading_it(folder: Path, tmp_path: Path) -> None:
    keep(RT4KSR(2, channels=8, blocks=1).half(), folder / "mine.safetensors", degradation="BD", licence="MIT")
    save(load_file(folder / "mine.safetensors", merge=False), folder / "again.safetensors", source="mine.pth, SHA-256 12")
    card = card_of("again")
    assert card is not None
    assert (card.info.name, card.info.degradation, card.info.licence) == ("again", "BD", "MIT")
    assert card.info.sha256 == sha256((folder / "again.safetensors").read_bytes()).hexdigest()
    assert "imported from mine.pth, SHA-256 12" in card.found
    card = card_of("mine")
    assert card is not None
    assert "stored as float16" in card.found
    assert card_of("yours") is None
    assert card_of(str(folder / "mine.safetensors")) is None
