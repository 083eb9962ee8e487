"""Pictures show the numbers, and leave the user's plotting alone."""

from __future__ import annotations

import io

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.container import BarContainer

from lapse.errors import GateError
from lapse.explain import group_effects, summary_picture
from tests.explain.model import explained


def test_the_summary_shows_the_mean_size_of_each_group():
    model = explained()
    figure = summary_picture(model.features, model.contributions, model.raw_score)
    bars, swarm = figure.axes[:2]
    found = group_effects(list(model.features), model.contributions, model.raw_score)
    expected = pd.Series(np.abs(found.effects).mean(axis=0), index=found.groups).sort_values()
    (container,) = (one for one in bars.containers if isinstance(one, BarContainer))
    assert [label.get_text() for label in bars.get_yticklabels()] == list(expected.index)
    np.testing.assert_allclose([patch.get_width() for patch in container], expected)
    assert "basket · days since last" in [label.get_text() for label in swarm.get_yticklabels()]


def test_pictures_leave_figures_and_chance_of_the_user_alone():
    model = explained()
    np.random.seed(7)  # noqa: NPY002 - the generator that must not be disturbed
    expected = np.random.rand()  # noqa: NPY002
    np.random.seed(7)  # noqa: NPY002
    before = plt.get_fignums()
    first, second = (summary_picture(model.features, model.contributions, model.raw_score) for _ in range(2))
    assert plt.get_fignums() == before
    assert np.random.rand() == expected  # noqa: NPY002
    images = [io.BytesIO(), io.BytesIO()]
    for figure, image in zip((first, second), images, strict=True):
        figure.savefig(image, format="png", dpi=40, metadata={"Software": None})
    assert images[0].getvalue() == images[1].getvalue()


def test_attributions_that_do_not_add_up_are_not_drawn():
    model = explained().rows([0])
    with pytest.raises(GateError):
        summary_picture(model.features, model.contributions, model.raw_score + 0.1)
