"""Which beta, and which code size, help a classifier most? A grid search over an autoencoder inside a pipeline."""

from __future__ import annotations

from sklearn.datasets import load_digits
from sklearn.feature_selection import VarianceThreshold
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from hourglass import Autoencoder


def main() -> None:
    """Search, and print every setting with its accuracy. Pixels that never change are left out first: they would only cause warnings."""
    pixels, digits = load_digits(return_X_y=True)
    encoder = Autoencoder(bottleneck="gaussian", epochs=10, random_state=0)
    pipeline = Pipeline([("varying", VarianceThreshold()), ("autoencoder", encoder), ("classifier", LogisticRegression(max_iter=300))])
    grid = {"autoencoder__bottleneck__beta": [0.1, 1.0], "autoencoder__code_size": [4, 16]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(pixels, digits)
    for setting, accuracy in zip(search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True):
        print(f"{accuracy:.1%}  {setting}")
    print(f"best: {search.best_params_}")


if __name__ == "__main__":
    main()
