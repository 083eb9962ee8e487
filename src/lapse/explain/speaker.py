"""Features of many rows in words, each phrase made once.

In: a frame of features, and which feature of which row is to be told. Out: words from
:func:`lapse.features.words`; a column whose name does not follow the grammar, as in a user's own table, is
told by its name and value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from lapse.features import group_of, words
from lapse.features.names import silence_told
from lapse.schema import Int64


def group_or_name(name: str) -> str:
    """Return the part of the history that a feature comes from, or the name itself outside the grammar."""
    try:
        return group_of(name)
    except ValueError:
        return name


class _RowView(Mapping[str, object]):
    """One row of a frame as a mapping of the names of the grammar; it remembers which values were read."""

    def __init__(
        self, columns: Mapping[str, npt.NDArray[np.generic]], names: tuple[str, ...], row: int
    ) -> None:
        self._columns = columns
        self._names = names
        self._row = row
        self.read: list[str] = []

    def __getitem__(self, name: str) -> object:
        value: object = self._columns[name].item(self._row)
        self.read.append(name)
        return value

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


@dataclass(frozen=True)
class Sentence:
    """One feature of one row in words.

    Attributes
    ----------
    text : str
    news : str
        What a reader learns: equal for two sentences of a row that say the same of one silence, otherwise the
        text.
    """

    text: str
    news: str


class Speaker:
    """Tells features of rows in words.

    Words are made once for all rows that agree in the values that they read, which are few: the feature and
    its companions.

    Parameters
    ----------
    features : pandas.DataFrame
    currency : str
        Put behind amounts.
    """

    def __init__(self, features: pd.DataFrame, currency: str) -> None:
        self._columns = {str(name): _plain(features[name]) for name in features.columns}
        self._names = tuple(name for name in self._columns if group_or_name(name) != name)
        self._known = frozenset(self._names)
        self._currency = currency
        self._reads: dict[str, tuple[str, ...]] = {}
        self._told: dict[tuple[object, ...], Sentence] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """All columns, in their order."""
        return tuple(self._columns)

    def tell(self, name: str, row: int) -> Sentence:
        """Return the words of one feature of one row; a name outside the grammar is told with its value."""
        key = self._key(name, row)
        if key not in self._told:
            view = _RowView(self._columns, self._names, row)
            sentence = self._say(name, view)
            self._reads[name] = tuple(dict.fromkeys((*self._reads.get(name, ()), *view.read)))
            key = self._key(name, row)
            self._told[key] = sentence
        return self._told[key]

    def tell_rows(self, name: str, rows: Int64) -> npt.NDArray[np.object_]:
        """Return the words of one feature of many rows: a :class:`Sentence` each, shape (n,)."""
        while True:
            reads = self._reads.get(name, ())
            first, alike = self._alike(reads, rows)
            sentences = np.empty(len(first), dtype=object)
            sentences[:] = [self.tell(name, row) for row in rows[first].tolist()]
            if self._reads.get(name, ()) == reads:  # no row read more than they are known to agree in
                told: npt.NDArray[np.object_] = sentences[alike]
                return told

    def _alike(self, reads: Sequence[str], rows: Int64) -> tuple[Int64, Int64]:
        """Return the first of each kind of rows that agree in what is read, and the kind of each row."""
        kind = np.zeros(len(rows), np.int64)
        for read in reads:
            number, values = pd.factorize(self._columns[read][rows])  # -1 where missing
            _, kind = np.unique(kind * (len(values) + 1) + number + 1, return_inverse=True)
        _, first, kind = np.unique(kind, return_index=True, return_inverse=True)
        return first, kind

    def _say(self, name: str, view: _RowView) -> Sentence:
        if name not in self._known:
            text = _told_plainly(name, view)
            return Sentence(text, text)
        text = words(name, view, currency=self._currency)
        return Sentence(text, silence_told(name, view) or text)

    def _key(self, name: str, row: int) -> tuple[object, ...]:
        values = (self._columns[read].item(row) for read in self._reads.get(name, ()))
        return (name, *(value if value == value else None for value in values))


def _told_plainly(name: str, row: Mapping[str, object]) -> str:
    value = row[name]
    if value is None or value != value:
        return f"{name} not known"
    return f"{name} is {value:g}" if isinstance(value, float) else f"{name} is {value}"


def _plain(column: pd.Series) -> npt.NDArray[np.generic]:
    """Return a column's values as Python has them: numbers as they are, the rest as objects with None."""
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_extension_array_dtype(column):
        return column.to_numpy()
    return column.astype(object).where(column.notna(), None).to_numpy(dtype=object)
