"""Recipes: what is built in, what is refused and in which words, and the learning rate they ask for."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml
from tests.training.conftest import noise

from upframe.errors import InputError
from upframe.training.files import require_files
from upframe.training.recipe import built_in, read_recipe
from upframe.training.schedules import factor, scheduler
from upframe.training.sections import Schedule
from upframe.training.systems import objective_of

# Of RT4KSR without the branch that its published files hold and no published code runs.
SIZES = {
    "rt4ksr": 129_072,
    "frvsr": 2_589_093,
    "tecogan": 2_589_093,
    "ttvsr": 6_773_615,
    "nsrr": 719_535,
    "stssnet": 417_241,
    "ntaau": 228_848,
}
NEEDS = {
    "rt4ksr": ["data.images=[x]"],
    "rt4ksr-film": ["data.clips=[x]", "losses.lpips_files=[x.pth]"],
    "rt4ksr-photo": ["data.photographs=[x]", "losses.lpips_files=[x.pth]"],
    "frvsr-film": ["data.clips=[x]", "losses.lpips_files=[x.pth]"],
    "rtsrn": ["data.images=[x]"],
    "frvsr": ["data.clips=[x]"],
    "tecogan": ["data.clips=[x]"],
    "ttvsr": ["data.clips=[x]"],
    "nsrr": ["data.scenes=[x]"],
    "stssnet": ["data.scenes=[x]", "losses.lpips_files=[x.pth]"],
    "ntaau": ["data.scenes=[x]"],
}
NO_FILES = {
    "tecogan": ["model.start=null", "losses.feature=0", "losses.features=null"],
    "ttvsr": ["model.flow=null"],
    "nsrr": ["losses.feature=0", "losses.features=null"],
    "stssnet": ["losses.lpips=0", "losses.lpips_files=[]"],
}


@pytest.mark.parametrize("name", sorted(built_in()))
def test_every_built_in_recipe_is_valid_once_its_data_are_named(name: str) -> None:
    recipe = read_recipe(name, NEEDS.get(name, []))
    assert recipe.name == name


@pytest.mark.parametrize("name", sorted(NEEDS))
def test_a_published_recipe_asks_for_its_data(name: str) -> None:
    key = NEEDS[name][0].removesuffix("[x]")
    with pytest.raises(InputError, match=rf"^{name}: data\S*: name .*{key}\[FOLDER\]"):
        read_recipe(name)


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("tecogan", [], "model.start: runs/frvsr/frvsr.safetensors: no such file\n.*model.start=null"),
        ("tecogan", ["model.start=null"], "losses.features.file: vgg19-dcbb9e9d.pth: no such file\n.*losses.feature=0"),
        ("ttvsr", [], "model.flow: spynet_20210409-c6c1bd09.pth: no such file\n.*model.flow=null"),
        ("nsrr", [], "losses.features.file: vgg16-397923af.pth: no such file\n.*losses.feature=0"),
        ("stssnet", [], "losses.lpips_files: x.pth: no such file\n.*losses.lpips=0"),
        (
            "frvsr",
            ["model.widen=mine.v2.pth"],
            "model.widen: mine.v2.pth: no such file\nGive .* the name of a model",
        ),
    ],
)
def test_a_published_recipe_asks_for_the_weights_it_begins_with(
    name: str, changes: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=f"^{name}: {words}"):
        require_files(read_recipe(name, [*NEEDS[name], *changes]))
    require_files(read_recipe(name, [*NEEDS[name], *NO_FILES.get(name, []), "model.start=rt4ksr-x2"]))


@pytest.mark.parametrize("name", sorted(SIZES))
def test_a_published_recipe_builds_the_published_network(name: str) -> None:
    recipe = read_recipe(name, [*NEEDS[name], *NO_FILES.get(name, [])])
    network = objective_of(recipe).network
    assert sum(p.numel() for p in network.parameters()) == SIZES[name]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("data.corp=3", "data.corp: there is no such key; did you mean crop"),
        ("rate=3", "rate: there is no such key"),
        ("data.crop=0", "data.crop: input should be greater than or equal to 1, not 0"),
        ("data.crop=wide", "data.crop: input should be a valid integer"),
        ("system=gan", "system: must be one of rt4ksr, frvsr, tecogan, ttvsr, nsrr, stssnet, ntaau"),
        ("version=2", "version: is 2, of a newer Upframe"),
        ("iterations=null", "give either iterations or epochs"),
        ("validation.protocol=best", "unknown protocol 'best'"),
        ("optimiser=null", "optimiser: "),
        ("run.accumulate=3", "batch: 4 samples cannot be taken in 3 equal parts"),
        ("run.minutes=0", "run.minutes: input should be greater than 0"),
        ("batch: 3", "Write key=value"),
        ("batch=[", "batch: '\\['"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(change: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as raised:
        read_recipe("frvsr-small", [change])
    assert "\n" not in str(raised.value)


def test_a_recipe_is_a_file_too(tmp_path: Path) -> None:
    values = yaml.safe_load(built_in()["frvsr-small"].read_text())
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(values | {"name": "mine"}))
    assert read_recipe(str(tmp_path / "mine.yaml")).name == "mine"
    (tmp_path / "mine.yaml").write_text("a: [")
    with pytest.raises(InputError, match="cannot be read as YAML"):
        read_recipe(str(tmp_path / "mine.yaml"))
    (tmp_path / "mine.yaml").write_text("- a\n")
    with pytest.raises(InputError, match="is not a recipe"):
        read_recipe(str(tmp_path / "mine.yaml"))


def test_a_number_that_yaml_takes_for_text_is_a_number() -> None:
    assert read_recipe("frvsr-small", ["optimiser.rate=5e-5"]).optimiser.rate == 5e-5


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    from upframe.training.systems import samples_of

    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no clips here"):
        samples_of(read_recipe("frvsr-small", [f"data.clips=[{tmp_path / 'empty'}]"]))
    noise(tmp_path / "full/a.png")
    with pytest.raises(InputError, match=r"data.crop: 17 is no multiple of the scale, 2"):
        samples_of(read_recipe("frvsr-small", [f"data.photographs=[{tmp_path / 'full'}]", "data.crop=17"]))


def test_rates_follow_the_published_schedules() -> None:
    steps = Schedule(kind="steps", at=(150, 300), factor=0.5)
    assert [factor(steps, step, total=400, epoch=1, rate=1e-4) for step in (0, 149, 150, 299, 300)] == [1, 1, 0.5, 0.5, 0.25]
    epochs = Schedule(kind="steps", at=(71,), unit="epochs", factor=0.9)
    assert [factor(epochs, step, total=1000, epoch=10, rate=1e-4) for step in (709, 710)] == [1, 0.9]
    cosine = Schedule(kind="cosine", last=1e-7)
    assert factor(cosine, 0, total=400, epoch=1, rate=2e-4) == 1
    assert factor(cosine, 200, total=400, epoch=1, rate=2e-4) * 2e-4 == pytest.approx((2e-4 + 1e-7) / 2)
    assert factor(cosine, 400, total=400, epoch=1, rate=2e-4) * 2e-4 == pytest.approx(1e-7)


def test_one_cycle_is_that_of_torch() -> None:
    parameter = torch.nn.Parameter(torch.zeros(1))
    ours, theirs = (torch.optim.Adam([parameter], lr=2e-3) for _ in range(2))
    own = scheduler(ours, Schedule(kind="one_cycle", rise=0.1), total=100, epoch=1)
    other = torch.optim.lr_scheduler.OneCycleLR(theirs, 2e-3, 100, pct_start=0.1)
    ours.step()
    theirs.step()
    for _ in range(99):
        assert ours.param_groups[0]["lr"] == pytest.approx(theirs.param_groups[0]["lr"], rel=1e-6)
        own.step()
        other.step()
