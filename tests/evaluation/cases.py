"""Outcomes, probabilities and weights with many ties, for tests of the measures."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st


@st.composite
def outcomes_and_probabilities(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Both classes, many ties, multiplicities as the bootstrap draws them, at least one of each class."""
    n = draw(st.integers(4, 60))
    p = draw(st.lists(st.sampled_from([0.0, 0.03, 0.1, 0.1, 0.25, 0.5, 0.77, 1.0]), min_size=n, max_size=n))
    y = [*draw(st.lists(st.integers(0, 1), min_size=n - 2, max_size=n - 2)), 0, 1]
    weight = [*draw(st.lists(st.integers(0, 4), min_size=n - 2, max_size=n - 2)), 1, 1]
    return np.array(y, float), np.array(p), np.array(weight, float)
