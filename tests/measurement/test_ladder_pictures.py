"""The picture of the ladder can be drawn with any number of rungs, each in a colour of its own."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest
from matplotlib.colors import to_hex

from lapse.cohort.ladder import RUNGS
from lapse.measurement.ladder_pictures import draw_ladder


@pytest.mark.parametrize("n", range(1, len(RUNGS) + 1))
def test_any_number_of_rungs_is_drawn(n: int) -> None:
    days = [date(2024, 1, 31), date(2024, 2, 29)]
    frame = pd.DataFrame([{"as_of": day, "rung": rung, "customers": 3} for day in days for rung in RUNGS[:n]])
    layers = draw_ladder(frame, RUNGS).axes[0].collections
    assert len({to_hex(layer.get_facecolor()[0]) for layer in layers}) == n
