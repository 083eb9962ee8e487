"""Amounts in other currencies than the business's, which must not be added to those in its own.

In: a :class:`~lapse.history.sources.Source` and its section of the config. Out: the conditions in SQL under
which a row's currency is another one, for :mod:`lapse.history.normalise`. A column that is mapped to the role
``currency`` says the business's in every row, to the letter. One that is merely called so
(:mod:`lapse.config.currency`) may leave it open, but says no other. Refused: one that cannot be told from
another column, since their names differ by nothing but case.
"""

from __future__ import annotations

from collections.abc import Iterator

from lapse.config import Business, Table
from lapse.config.currency import says_currency
from lapse.config.sections import mapped_columns
from lapse.errors import Problem
from lapse.history.sources import Source, literal, quote


def other_currencies(
    source: Source, business: Business, table: Table, key: str
) -> Iterator[tuple[str, str, str, str, str]]:
    """Yield name, condition, expected, raw value and hint of each column that says the amounts' currency.

    Parameters
    ----------
    source : Source
    business : Business
    table : Table
        The table's section of the config.
    key : str
        Where that stands in the config.
    """
    mend = "convert the amounts, or leave these rows out of the table"
    for column in source.types:
        if not says_currency(table, column):
            continue
        raw = quote(column)
        said = f"CAST({raw} AS VARCHAR)"
        if "currency" in table.columns:
            other, what = f"{said} IS DISTINCT FROM", f"column '{column}' ({key}.columns.currency)"
            expected, hint = f"{business.currency} in every row, as amounts are added up", mend
        else:
            other, what = f"{said} <>", f"column '{column}' ({key})"
            expected = f"no other currency than {business.currency}, as amounts are added up"
            hint = (
                f"{mend}, and map it (columns: {{currency: {column}}}); where it says nothing of the amounts,"
                f" list it under {key}.categories with all its values under {key}.allowed"
            )
        yield what, f"{other} {literal(business.currency)}", expected, raw, hint


def not_told_apart(source: Source, table: Table, key: str) -> list[Problem]:
    """Return a problem for each column of currencies, not mapped, whose name another has but for case."""
    names = [column.lower() for column in source.types]
    return [
        Problem(
            source.where,
            f"column '{column}' ({key})",
            "a currency column whose name differs from others by more than case",
            ", ".join(f"'{other}'" for other in source.types if other.lower() == column.lower()),
            f"rename one of them in the table, or map the amounts' own (columns: {{currency: {column}}})",
        )
        for column in source.types
        if says_currency(table, column)
        and column not in mapped_columns(table)
        and names.count(column.lower()) > 1
    ]
