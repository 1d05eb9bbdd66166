"""The programs that hourglass is compared with, each behind the same two functions: fit rows, and rebuild rows."""

from __future__ import annotations

import warnings
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Array = NDArray[Any]


def pyod(X: Array, widths: list[int], epochs: int, **options: Any) -> Any:
    """PyOD's AutoEncoder with batch norm and dropout off (its fastest form); `widths` end with the code."""
    from pyod.models.auto_encoder import AutoEncoder

    plain = {"batch_norm": False, "dropout_rate": 0, "verbose": 0, "batch_size": 256} | options
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = AutoEncoder(hidden_neuron_list=widths, epoch_num=epochs, **plain)
        model.fit(X)
    return model


def pyod_rebuilt(model: Any, X: Array) -> Array:
    """What PyOD's network makes of rows, in their own units."""
    mean, scale = (model.X_mean, model.X_std) if model.preprocessing else (0.0, 1.0)
    with torch.no_grad():
        output = model.model(torch.from_numpy(((X - mean) / scale).astype("f4"))).numpy()
    return np.asarray(output * scale + mean)


def plain_network(columns: int, widths: list[int]) -> nn.Sequential:
    """columns -> widths -> columns, ReLU between, none behind the code."""
    sizes = [columns, *widths]
    layers: list[nn.Module] = []
    for ends in (sizes, sizes[::-1]):
        for a, b in pairwise(ends):
            layers += [nn.Linear(a, b), nn.ReLU()]
        layers.pop()
    return nn.Sequential(*layers)


def loader_loop(X: Array, widths: list[int], epochs: int) -> nn.Module:
    """The loop of every tutorial: a DataLoader, Adam, mean squared error."""
    torch.manual_seed(0)
    network = plain_network(X.shape[1], widths)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.from_numpy(X)), 256, shuffle=True)
    for _ in range(epochs):
        for (batch,) in loader:
            optimizer.zero_grad()
            nn.functional.mse_loss(network(batch), batch).backward()
            optimizer.step()
    return network


def loader_rebuilt(network: nn.Module, X: Array) -> Array:
    """What the network makes of rows."""
    with torch.no_grad():
        rebuilt: Tensor = network(torch.from_numpy(X))
    return np.asarray(rebuilt.numpy())


def sklearn_loop(X: Array, widths: list[int], epochs: int) -> Any:
    """scikit-learn's MLPRegressor as an autoencoder."""
    from sklearn.neural_network import MLPRegressor

    hidden = (*widths, *widths[-2::-1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return MLPRegressor(hidden_layer_sizes=hidden, batch_size=256, max_iter=epochs, random_state=0).fit(X, X)
