"""Pages that need nothing from outside themselves: HTML with its style and pictures in it.

In: the name of a template of this folder and the values that it shows. Out: the page's text, the same for the
same values. A template extends ``base.html``, which holds the one style of all pages, ``style.css``. Every
value is escaped; a value that a template names and nobody gives is an error. No script, and no address of
anything outside.
"""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from importlib.resources import files
from io import BytesIO
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FunctionLoader, StrictUndefined

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def render(template: str, **values: Any) -> str:
    """Return a page.

    Parameters
    ----------
    template : str
        File of this folder, such as ``customer.html``.
    **values
        What it shows; every page needs ``version``, that of lapse.

    Raises
    ------
    jinja2.UndefinedError
        If the template names a value that is not given.
    """
    return _environment().get_template(template).render(**values)


def embedded(figure: Figure, salt: str) -> str:
    """Return a picture as the address of an image element: an SVG in Base64, the same for the same figure.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    salt : str
        What the ids within the drawing are made from.
    """
    import matplotlib as mpl

    drawn = BytesIO()
    with mpl.rc_context({"svg.hashsalt": salt}):
        figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None})
    return f"data:image/svg+xml;base64,{b64encode(drawn.getvalue()).decode()}"


@cache
def _environment() -> Environment:
    return Environment(
        loader=FunctionLoader(_source),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _source(name: str) -> str:
    return files("lapse.pages").joinpath(name).read_text(encoding="utf-8")
