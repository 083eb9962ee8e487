"""Words of many rows at once are the words of each row by itself."""

from __future__ import annotations

from random import Random

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from lapse.explain.speaker import Speaker

DAYS = st.sampled_from([np.nan, 0.0, 3.0, 40.0, 400.0])
COLUMNS = {
    "basket__days_since_last": DAYS,
    "basket__gap_mean": DAYS,
    "basket__count__30d": st.sampled_from([np.nan, 0.0, 1.0, 2.0]),
    "basket__count__90d": st.sampled_from([0.0, 2.0, 5.0]),
    "basket__sum__30d": st.sampled_from([0.0, 12.5]),
    "customer__region": st.sampled_from(["north", "south", None]),
    "score_of_my_own": st.sampled_from([np.nan, 0.5]),
}


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(*COLUMNS.values()), min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_many_rows_are_told_as_each_by_itself(values: list[tuple[object, ...]], random: Random) -> None:
    """What is read of a row differs from row to row; rows come in any order, some left out."""
    frame = pd.DataFrame(values, columns=list(COLUMNS))
    rows = np.array(random.sample(range(len(frame)), random.randint(1, len(frame))))
    together = Speaker(frame, "EUR")
    for name in COLUMNS:
        alone = [Speaker(frame, "EUR").tell(name, row) for row in rows.tolist()]
        assert together.tell_rows(name, rows).tolist() == alone
