from __future__ import annotations

import numpy as np
import pandas as pd

from lapse.models.hazard import ALONE, sampled
from lapse.models.lifetime import Lifetime


def test_a_single_step_says_nothing_of_how_hazards_fall() -> None:
    n = 2_000
    X, event = pd.DataFrame({"a": np.zeros(n)}), (np.arange(n) % 10 == 0).astype(int)
    model = Lifetime(30, n_estimators=40, num_threads=1).fit(X, event, np.full(n, 30), np.full(n, 30))
    assert model.n_steps_observed_ == 1
    assert model.fall_ == ALONE
    hazard = model.predict_hazard(X.head(1), 40)[0]
    np.testing.assert_allclose(1 / hazard[1:] - 1 / hazard[:-1], 1.0, rtol=1e-6)  # the sBG's, of alpha 1


def test_a_sample_is_ascending_seeded_and_whole_where_it_can_be() -> None:
    some = sampled(1_000, 30, 7)
    assert len(np.unique(some)) == 30
    assert (np.diff(some) > 0).all()
    np.testing.assert_array_equal(some, sampled(1_000, 30, 7))
    assert sampled(5, 5, 0).tolist() == [0, 1, 2, 3, 4]
