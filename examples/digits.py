"""Handwritten digits without their labels: codes of eight numbers, and how much of the digits is in them."""

from __future__ import annotations

from sklearn.datasets import load_digits
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from hourglass import Autoencoder


def main() -> None:
    """Train on the pictures, save, and use the one file for several things."""
    data = load_digits()
    model = Autoencoder(kind="image", code_size=8, epochs=40, random_state=0).fit(data.images)
    model.save("digits.hourglass")
    codes = model.transform(data.images)  # (1797, 8)
    for name, features in (("64 pixels", data.data), ("8 numbers", codes)):
        accuracy = cross_val_score(KNeighborsClassifier(), features, data.target).mean()
        print(f"nearest neighbours on {name}: {accuracy:.1%} of digits are named right")
    model.sample(25, to="new-digits.png")
    report = model.report(data.images)
    report.write("digits.html")
    print(report)
    print("wrote digits.hourglass, new-digits.png (digits that nobody wrote) and digits.html (the report)")


if __name__ == "__main__":
    main()
