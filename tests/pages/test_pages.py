"""Pages are escaped, complete, and the same for the same values."""

from __future__ import annotations

from base64 import b64decode

import jinja2
import pytest
from matplotlib.figure import Figure

from lapse.pages import embedded, render


def drawing() -> Figure:
    figure = Figure(figsize=(2, 1))
    figure.subplots().plot([0, 1], [1, 0])
    return figure


def test_a_picture_is_embedded_and_the_same_for_the_same_figure() -> None:
    address = embedded(drawing(), "one")
    assert address == embedded(drawing(), "one")
    head, _, data = address.partition(",")
    assert head == "data:image/svg+xml;base64"
    assert b"</svg>" in b64decode(data)


def test_a_value_that_nobody_gives_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError):
        render("customer.html")
