from __future__ import annotations

import numpy as np
from hypothesis import given, settings

from lapse.evaluation import ties
from tests.evaluation.cases import outcomes_and_probabilities


@settings(deadline=None, max_examples=100)
@given(outcomes_and_probabilities())
def test_ties_are_never_split_between_bins(case) -> None:
    _, p, weight = case
    distinct, mass = ties.sum_ties(p, weight)
    place = ties.assign_bins(mass, ties.N_BINS)
    assert len(place) == len(distinct)
    assert (np.diff(place) >= 0).all()
    assert place.min() >= 0
    assert place.max() < ties.N_BINS
