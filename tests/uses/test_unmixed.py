"""Scores of normal samples, told from a mixture with anomalies."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hourglass import Autoencoder
from hourglass.uses.unmixed import unmixed


@pytest.mark.parametrize("share", [0.02, 0.05, 0.1])
@pytest.mark.parametrize("power", [0.2, 0.3])
def test_a_threshold_from_a_mixture_is_nearer_to_that_of_normal_scores_than_one_from_all_or_from_a_cut(share: float, power: float) -> None:
    """Anomalies that lie as high as a fair detector puts them, also where it is not as good as is taken for granted."""
    generator, count = torch.Generator().manual_seed(0), 200_000
    normal = torch.rand(count, generator=generator)
    odd = 1 - torch.rand(round(count * share / (1 - share)), generator=generator) ** (1 / power)
    mixed = torch.cat([normal, odd])
    cut = mixed.sort().values[: round(len(mixed) * (1 - share))]
    for rate in (0.1, 0.05, 0.01):
        alarms = [
            float((normal > torch.from_numpy(np.quantile(part.numpy(), [1 - rate]))).float().mean())
            for part in (unmixed(mixed, share), mixed, cut)
        ]
        apart = [abs(np.log(found / rate)) for found in alarms]
        assert apart[0] < min(apart[1:]), (rate, alarms)
        assert apart[0] < 0.8


def test_nothing_is_invented_and_few_scores_are_taken() -> None:
    scores = torch.tensor([3.0, 1.0, 2.0])
    assert unmixed(scores, 0.4).tolist() == sorted(set(unmixed(scores, 0.4).tolist()) & {1.0, 2.0, 3.0})
    assert len(unmixed(torch.ones(1), 0.5)) == 1
    assert len(unmixed(torch.arange(1000.0), 0.05)) == 950


def mixed(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of six columns near a curved line, 5 % of them wild in two columns, and which these are."""
    random = np.random.default_rng(seed)
    angle = random.uniform(0, 3, 1000)
    x = np.stack([np.sin((k + 1) * angle) for k in range(6)], 1) + 0.1 * random.normal(size=(1000, 6))
    x[:50, :2] *= random.uniform(5, 50, (50, 1))
    return x.astype("float32"), np.arange(1000) < 50


def test_columns_that_wild_rows_stretched_count_again() -> None:
    x, _ = mixed(0)
    told = Autoencoder(purpose="detect", anomalies=0.05, epochs=3, random_state=0).fit(x)
    scale = told.model_.arrays["detect.scale"]
    assert scale[:2].min() > 2
    assert scale[2:].max() < 1.3
    plain = Autoencoder(purpose="detect", epochs=3, random_state=0).fit(x)
    assert "detect.scale" not in plain.model_.arrays
    fresh = mixed(1)[0][50:]
    swapped = fresh.copy()
    swapped[:, 0] = np.random.default_rng(2).permutation(fresh[:, 0])  # wrong in a column that the wild rows stretched
    found = [(-model.score_samples(swapped)).mean() / (-model.score_samples(fresh)).mean() for model in (told, plain)]
    assert found[0] > found[1]
