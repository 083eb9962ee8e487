"""Which columns of a table say in what currency its amounts are.

In: a table's section of the config and the name of one of its columns. Out: whether its values are held
against the business's currency: the column mapped to the role ``currency`` or, where none is, each that is
called so.
"""

from __future__ import annotations

from lapse.config.sections import Event, Table, attributes

_CALLED = frozenset({"currency", "currency_code", "ccy"})
"""What such columns are called, in lower case."""


def says_currency(table: Table, column: str) -> bool:
    """Return whether a column says in what currency the amounts of a table are.

    Parameters
    ----------
    table : Table
        One without amounts has no such column.
    column : str
        One that is called so but listed as an attribute whose values ``allowed`` names does not say it:
        whoever wrote that knows what it holds.

    Examples
    --------
    >>> order = Event(path="orders.parquet", columns={"customer_id": "id", "time": "at", "amount": "paid"})
    >>> says_currency(order, "Currency"), says_currency(order, "country")
    (True, False)
    """
    if not isinstance(table, Event) or not table.has_amount:
        return False
    if "currency" in table.columns:
        return column == table.columns["currency"]
    listed = {name for name, source in attributes(table).items() if source == column}
    return column.lower() in _CALLED and not listed & table.allowed.keys()
