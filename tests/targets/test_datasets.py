"""The packaged tables against what is published about them."""

import numpy as np
import pytest

from gmmvi_jax.targets.datasets import load_table


def test_breast_cancer() -> None:
    features, labels = load_table("breast_cancer")
    assert features.shape == (569, 30)
    assert features.dtype == np.float64
    assert np.sum(labels == 0) == 212
    assert np.sum(labels == 1) == 357
    # UCI's first record, 842302: malignant, radius 17.99, texture 10.38, ..., 0.1189.
    np.testing.assert_array_equal(
        features[0, [0, 1, 2, 3, 29]], [17.99, 10.38, 122.8, 1001, 0.1189]
    )
    assert labels[0] == 0
    # From UCI's description: the extremes of radius and area.
    assert (features[:, 0].min(), features[:, 0].max()) == (6.981, 28.11)
    assert (features[:, 3].min(), features[:, 3].max()) == (143.5, 2501.0)


def test_breast_cancer_is_scikit_learns() -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    expected_features, expected_labels = datasets.load_breast_cancer(return_X_y=True)
    features, labels = load_table("breast_cancer")
    np.testing.assert_array_equal(features, expected_features)
    np.testing.assert_array_equal(labels, expected_labels)


def test_german_credit() -> None:
    features, labels = load_table("german_credit")
    assert features.shape == (1000, 24)
    assert np.sum(labels == 1) == 700
    assert np.sum(labels == 2) == 300
    np.testing.assert_array_equal(features, np.round(features))
    # The first rows of UCI's german.data-numeric.
    first = "1 6 4 12 5 5 3 4 1 67 3 2 1 2 1 0 0 1 0 0 1 0 0 1 1"
    second = "2 48 2 60 1 3 2 2 1 22 3 1 1 1 1 0 0 1 0 0 1 0 0 1 2"
    for i, row in enumerate((first, second)):
        np.testing.assert_array_equal([*features[i], labels[i]], [int(e) for e in row.split()])
    # Duration in months, amount in hundreds of marks, age in years: extremes and known means.
    for column, low, high, mean in ((1, 4, 72, 20.903), (3, 2, 184, 32.711), (9, 19, 75, 35.546)):
        assert (features[:, column].min(), features[:, column].max()) == (low, high)
        np.testing.assert_allclose(features[:, column].mean(), mean, rtol=1e-12)


def test_german_credit_codes() -> None:
    features, _ = load_table("german_credit")
    counts = {  # column -> how many rows have each code, from UCI's attribute table
        0: {1: 274, 2: 269, 3: 63, 4: 394},  # checking account
        2: {0: 40, 1: 49, 2: 530, 3: 88, 4: 293},  # credit history
        4: {1: 603, 2: 103, 3: 63, 4: 48, 5: 183},  # savings account
        14: {1: 963, 2: 37},  # foreign worker: yes, no
        15: {0: 766, 1: 234},  # purpose: new car
        16: {0: 897, 1: 103},  # purpose: used car
        20: {0: 287, 1: 713},  # housing: own
        21: {0: 978, 1: 22},  # job: unskilled, not resident
    }
    for column, expected in counts.items():
        codes, found = np.unique(features[:, column], return_counts=True)
        assert dict(zip(codes.astype(int).tolist(), found.tolist(), strict=True)) == expected


def test_wine() -> None:
    features, labels = load_table("wine")
    assert features.shape == (4898, 11)
    # Cortez et al. 2009: wines per quality, from 3 to 9.
    found, counts = np.unique(labels, return_counts=True)
    assert found.tolist() == [3, 4, 5, 6, 7, 8, 9]
    assert counts.tolist() == [20, 163, 1457, 2198, 880, 175, 5]
    # Their table 1: minimum, maximum and mean, here by column in alphabetical order.
    published = {
        0: (8.0, 14.2, 10.5),  # alcohol
        4: (3.8, 14.2, 6.9),  # fixed acidity
        5: (2, 289, 35),  # free sulfur dioxide
        7: (0.6, 65.8, 6.4),  # residual sugar
        9: (9, 440, 138),  # total sulfur dioxide
    }
    for column, (low, high, mean) in published.items():
        assert (features[:, column].min(), features[:, column].max()) == (low, high)
        assert abs(features[:, column].mean() - mean) < (0.5 if mean > 20 else 0.05)
    # No dust of arithmetic: as many digits as were published.
    assert features[1, 3] == 0.994


def test_digits_are_scikit_learns() -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    expected_features, expected_labels = datasets.load_digits(return_X_y=True)
    features, labels = load_table("digits")
    assert features.shape == (1797, 64)
    np.testing.assert_array_equal(features, expected_features)
    np.testing.assert_array_equal(labels, expected_labels)


def test_tables_are_read_only_and_unknown_ones_missing() -> None:
    features, _ = load_table("german_credit")
    with pytest.raises(ValueError, match="read-only"):
        features[0, 0] = 1
    with pytest.raises(FileNotFoundError):
        load_table("iris")


def test_ionosphere() -> None:
    features, labels = load_table("ionosphere")
    assert features.shape == (351, 34)
    assert (np.sum(labels == 1), np.sum(labels == 0)) == (225, 126)  # UCI: good, bad
    assert np.min(features) == -1
    assert np.max(features) == 1
    np.testing.assert_array_equal(features[:, 1], 0)
    assert set(features[:, 0]) == {0, 1}
    # UCI's first record, a good one.
    np.testing.assert_array_equal(features[0, [0, 2, 3, 33]], [1, 0.99539, -0.05889, -0.453])
    assert labels[0] == 1


def test_sonar() -> None:
    features, labels = load_table("sonar")
    assert features.shape == (208, 60)
    assert (np.sum(labels == 1), np.sum(labels == 0)) == (111, 97)  # UCI: mines, rocks
    assert np.min(features) >= 0
    assert np.max(features) <= 1
    # UCI's first record, a rock; all rocks come first.
    np.testing.assert_array_equal(features[0, [0, 1, 2, 59]], [0.02, 0.0371, 0.0428, 0.0032])
    np.testing.assert_array_equal(labels, np.repeat([0, 1], [97, 111]))
