"""The objective of TecoGAN (Chu et al., ACM TOG 2020), as its PyTorch edition trains it (its ``vsrgan_model.py``).

Each clip runs there and back. First the discriminator learns to tell real triplets of frames from the generator's, unless it
is far ahead; then the generator lowers

    pixel  +  warping  +  feature (perceptual)  +  ping-pong (there like back)  +  what the discriminator holds against it
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch import distributed as dist

from upframe.models.frvsr import FRVSR, ClipResult
from upframe.models.network import Network
from upframe.models.tecogan import SpatioTemporalDiscriminator, forward_flows, ping_pong, ping_pong_flows
from upframe.ops.interpolate import interpolate
from upframe.training.data.sets import Batch
from upframe.training.data.settings import Section
from upframe.training.objectives.features import FeatureSettings, FrozenFeatures
from upframe.training.objectives.frvsr import EPSILON, FRVSRLosses, FRVSRModel, FRVSRObjective, Weight, first_network
from upframe.training.objectives.losses import charbonnier, cosine_distance, judged
from upframe.training.objectives.objective import Groups, Objective, OptimiserStep
from upframe.training.objectives.recipe import ClipOrVideo, Recipe, check_features, check_frames

VGG19_TAPS = (8, 17, 26, 35)  # the last ReLU of the second to the fifth group


class TecoGANLosses(FRVSRLosses):
    """The weight of each term; ``ping_pong`` 0 leaves clips as they are, ``feature`` 0 needs no ``features``."""

    feature: Weight = 0.2
    ping_pong: Weight = 0.5
    adversarial: Weight = 0.01
    features: FeatureSettings | None = None


class DiscriminatorSettings(Section):
    """The discriminator, its learning rate relative to the generator's, and when it learns.

    It is left alone where the mean log-probability of being real that it gives real clips exceeds that of the generator's by
    ``threshold`` or more (None: it always learns). ``crop_ratio``: the part of the moved frames that it is shown.
    """

    channels: Annotated[int, Field(ge=1)] = 64
    crop_ratio: Annotated[float, Field(gt=0, le=1)] = 0.75
    rate: Annotated[float, Field(gt=0)] = 1.0
    threshold: float | None = 0.4


def lead(real: Tensor, fake: Tensor) -> Tensor:
    """How far the discriminator is ahead: mean log sigmoid of the real logits less that of the others, of all processes."""
    difference = (torch.sigmoid(real) + 1e-8).log().mean() - (torch.sigmoid(fake) + 1e-8).log().mean()
    difference = difference.detach()
    if dist.is_available() and dist.is_initialized():
        dist.all_reduce(difference)
        difference /= dist.get_world_size()
    return difference


def feature_loss(features: FrozenFeatures, output: Tensor, high: Tensor) -> Tensor:
    """Cosine distances of features, summed over the layers: (n, t, 3, H, W), both."""
    with torch.no_grad():
        wanted = features(high.flatten(0, 1))
    pairs = zip(features(output.flatten(0, 1)), wanted, strict=True)
    return torch.stack([cosine_distance(own, other) for own, other in pairs]).sum()


def ping_pong_loss(output: Tensor) -> Tensor:
    """How far the way there is from the way back: (n, 2t - 1, 3, H, W)."""
    frames = output.shape[1] // 2
    return charbonnier(output[:, :frames], output[:, frames + 1 :].flip(1), EPSILON)


class TecoGANObjective(nn.Module):
    """The generator, an FRVSR, against the spatio-temporal discriminator."""

    def __init__(
        self,
        network: FRVSR,
        discriminator: SpatioTemporalDiscriminator,
        losses: TecoGANLosses,
        settings: DiscriminatorSettings,
    ) -> None:
        super().__init__()
        self.network, self.discriminator = network, discriminator
        self.losses, self.settings = losses, settings
        self._reconstruction = [FRVSRObjective(network, losses)]  # in a list: its network is not to be counted twice
        self.features: FrozenFeatures | None = None
        if losses.features is not None and losses.feature:
            taps = VGG19_TAPS if losses.features.network == "vgg19" else None
            self.features = FrozenFeatures(losses.features, taps)

    def graphs(self) -> Iterator[nn.Module]:
        return self.network.children()  # a clip as one graph would take minutes to compile

    def groups(self) -> dict[str, Groups]:
        return {
            "network": [{"params": list(self.network.parameters())}],
            "discriminator": [{"params": list(self.discriminator.parameters()), "rate": self.settings.rate}],
        }

    def prepare(self, batch: Batch) -> dict[str, Tensor]:
        return self._reconstruction[0].prepare(batch)

    def turns(self, batch: dict[str, Tensor], step: int) -> Iterator[OptimiserStep]:
        low, high, upscaled = batch["low"], batch["high"], self._upscaled(batch["low"])
        if self.losses.ping_pong:
            low, high, upscaled = ping_pong(low), ping_pong(high), ping_pong(upscaled)
        result = self.network.clip(low)
        if self.losses.ping_pong:
            flows = ping_pong_flows(result.output_flow)
        else:
            flows = forward_flows(self.network, low, result.output_flow)

        self.discriminator.requires_grad_(True)
        real = self.discriminator(high, upscaled, flows).logits
        fake = self.discriminator(result.output.detach(), upscaled, flows).logits
        seen = {"real": real.detach().mean(), "fake": fake.detach().mean(), "lead": lead(real, fake)}
        if self.settings.threshold is None or float(seen["lead"]) < self.settings.threshold:
            terms = {"discriminator_real": judged(real, real=True), "discriminator_fake": judged(fake, real=False)}
            yield OptimiserStep("discriminator", terms)

        self.discriminator.requires_grad_(False)
        terms = self._generator_terms(result, high)
        fooled = self.discriminator(result.output, upscaled, flows).logits
        terms["adversarial"] = self.losses.adversarial * judged(fooled, real=True)
        yield OptimiserStep("network", terms, seen)

    def _generator_terms(self, result: ClipResult, high: Tensor) -> dict[str, Tensor]:
        """The weighted terms that need no discriminator."""
        terms = self._reconstruction[0].terms(result, high)
        if self.features is not None:
            terms["feature"] = self.losses.feature * feature_loss(self.features, result.output, high)
        if self.losses.ping_pong:
            terms["ping_pong"] = self.losses.ping_pong * ping_pong_loss(result.output)
        return terms

    def _upscaled(self, low: Tensor) -> Tensor:
        """(n, t, 3, h, w) -> (n, t, 3, s*h, s*w), as the generator does."""
        large = interpolate(low.flatten(0, 1), self.network.scale, self.network.degradation)
        return large.view(*low.shape[:2], *large.shape[1:])

    def upscale(self, network: Network, low: dict[str, Tensor]) -> Tensor:
        return self._reconstruction[0].upscale(network, low)


class TecoGANRecipe(Recipe):
    """TecoGAN: an FRVSR with adversarial training."""

    waits: ClassVar[bool] = True  # the discriminator

    system: Literal["tecogan"]
    model: FRVSRModel
    discriminator: DiscriminatorSettings = DiscriminatorSettings()
    data: ClipOrVideo
    losses: TecoGANLosses = TecoGANLosses()

    @model_validator(mode="after")
    def _is_whole(self) -> TecoGANRecipe:
        check_features(self.losses, "vgg19", "vgg19-dcbb9e9d.pth")
        check_frames(self.data, single=False)
        if self.data.crop % 16:
            raise ValueError(f"the discriminator needs data.crop to be a multiple of 16, not {self.data.crop}")
        if self.run.accumulate > 1:
            raise ValueError(
                "run.accumulate: TecoGAN's discriminator normalises over the whole batch, which cannot be taken in parts: "
                "use more devices, or a smaller batch"
            )
        return self

    @property
    def scale(self) -> int:
        return self.model.scale

    def objective(self) -> Objective:
        generator, settings = first_network(self.model, self.data.degradation), self.discriminator
        judge = SpatioTemporalDiscriminator(self.data.crop, channels=settings.channels, crop_ratio=settings.crop_ratio)
        return TecoGANObjective(generator, judge, self.losses, settings)
