"""How one column of a source becomes a value of the history: SQL expressions, and what they refuse.

In: a column's name and DuckDB type. Out: a :class:`Cast`, or a :class:`~lapse.errors.Problem` where the type
cannot mean what the config says. Nothing is guessed: text becomes a time or a number only where the source
has no types of its own (CSV; times in SQLite), and then only in the declared format or ISO 8601.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lapse.config.sections import CsvFormat
from lapse.errors import DataError, Problem
from lapse.history.sources import Source, literal, quote

_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
_SIGNED = "an integer from -2^63 to 2^63 - 1"
_WIDE = ("UBIGINT", "HUGEINT", "UHUGEINT")
_DATE = r"\d{4}-\d{2}-\d{2}"
_CLOCK = r"[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?"
_ZONE = r" ?(Z|[+-]\d{2}(:?\d{2})?)"
_OF_THE_DAY = re.compile(r"%-?[HIcXs]")
_OF_A_ZONE = re.compile(r"%[zZ]")
MOST = "3.4e38"
"""The largest number that a feature, 32 bits wide, can hold."""

FIRST_YEAR = 1000
"""Text that gives an earlier year is not in the declared format: ``%Y`` also reads '24' as a year."""


@dataclass(frozen=True)
class Cast:
    """One column as SQL.

    Attributes
    ----------
    value : str
        The expression; null where the value is missing or could not be read.
    raw : str
        The source's own value.
    failed : str
        Condition under which a value that is there could not be read; empty where that cannot be.
    expected : str
        What such a value should have been.
    """

    value: str
    raw: str
    failed: str = ""
    expected: str = ""


@dataclass(frozen=True)
class Zones:
    """Where wall-clock times without a zone were written, and where they are to be read (IANA names)."""

    table: str
    business: str

    def shift(self, naive: str) -> str:
        """Return a naive time of the table as wall-clock time of the business."""
        if self.table == self.business:
            return naive
        return self.local(f"timezone({literal(self.table)}, {naive})")

    def local(self, instant: str) -> str:
        """Return a time with a zone as wall-clock time of the business."""
        return f"timezone({literal(self.business)}, {instant})"


def time_cast(source: Source, column: str, key: str, form: CsvFormat, zones: Zones) -> Cast:
    """Return a column as wall-clock time in the business's zone; a date is the midnight that begins it.

    Raises
    ------
    DataError
        If the column holds neither times nor dates.
    """
    kind, raw = source.types[column], quote(column)
    if kind == "NULL":
        return Cast("CAST(NULL AS TIMESTAMP)", raw)
    if kind == "DATE":
        return Cast(f"CAST({raw} AS TIMESTAMP)", raw)
    if kind.startswith("TIMESTAMP") and ("TIME ZONE" in kind or "TZ" in kind):
        return Cast(zones.local(f"CAST({raw} AS TIMESTAMPTZ)"), raw)
    if kind.startswith("TIMESTAMP"):
        return Cast(zones.shift(f"CAST({raw} AS TIMESTAMP)"), raw)
    if kind == "VARCHAR" and source.has_text_times:
        return _text_time(raw, form.time if source.is_text else None, zones)
    hint = "store it as a timestamp or a date" if kind == "VARCHAR" else "nothing says what the number counts"
    raise _wrong_type(source, column, key, "a timestamp or a date", hint)


def _text_time(raw: str, form: str | None, zones: Zones) -> Cast:
    if form is None:
        value = (
            f"CASE WHEN regexp_full_match({raw}, '{_DATE}') THEN TRY_CAST({raw} AS TIMESTAMP)"
            f" WHEN regexp_full_match({raw}, '{_DATE}{_CLOCK}')"
            f" THEN {zones.shift(f'TRY_CAST({raw} AS TIMESTAMP)')}"
            f" WHEN regexp_full_match({raw}, '{_DATE}{_CLOCK}{_ZONE}')"
            f" THEN {zones.local(f'TRY_CAST({raw} AS TIMESTAMPTZ)')} END"
        )
        return _checked(value, raw, "ISO 8601 (2024-03-31, 2024-03-31 14:05, 2024-03-31T14:05:00+01:00)")
    parsed = f"try_strptime({raw}, {literal(form)})"
    if _OF_A_ZONE.search(form):
        value = zones.local(parsed)
    else:
        value = zones.shift(parsed) if _OF_THE_DAY.search(form) else parsed
    value = f"CASE WHEN year({value}) >= {FIRST_YEAR} THEN {value} END"
    return _checked(value, raw, f"the declared format {form!r} (csv.time)")


def number_cast(source: Source, column: str, key: str, form: CsvFormat) -> Cast:
    """Return a column as a double; negative zero becomes zero, so that equal values have equal bytes.

    Raises
    ------
    DataError
        If the column does not hold numbers.
    """
    kind, raw = source.types[column], quote(column)
    if kind == "NULL":
        return Cast("CAST(NULL AS DOUBLE)", raw)
    if _is_number(kind):
        return Cast(_positive_zero(f"CAST({raw} AS DOUBLE)"), raw)
    if source.is_text:
        point = re.escape(form.decimal)
        pattern = rf"[+-]?(\d+({point}\d*)?|{point}\d+)([eE][+-]?\d+)?"
        number = raw if form.decimal == "." else f"replace({raw}, '{form.decimal}', '.')"
        value = f"CASE WHEN regexp_full_match({raw}, '{pattern}') THEN TRY_CAST({number} AS DOUBLE) END"
        return _checked(_positive_zero(value), raw, f"a number with the decimal sign '{form.decimal}'")
    raise _wrong_type(source, column, key, "a number", "store it as a number")


def identity_of(source: Source, column: str, key: str) -> str:
    """Return what the ids of a table are: ``integer``, ``text``, or ``untyped`` (CSV, or nothing but nulls).

    Raises
    ------
    DataError
        If the type cannot name a customer.
    """
    kind = source.types[column]
    if source.is_text or kind == "NULL":
        return "untyped"
    if kind in _WHOLE or kind in _WIDE or re.fullmatch(r"DECIMAL\(\d+,\s*0\)", kind):
        return "integer"
    if kind in ("VARCHAR", "UUID") or kind.startswith("ENUM"):
        return "text"
    is_float = kind in ("FLOAT", "DOUBLE")
    hint = "a float cannot hold every id exactly: store integers or text" if is_float else ""
    raise _wrong_type(source, column, key, "integers, text or UUIDs", hint)


def identity_cast(source: Source, column: str, key: str, identity: str) -> Cast:
    """Return a column of customer ids, as 64-bit integers or as text.

    Raises
    ------
    DataError
        If the type cannot name a customer.
    """
    identity_of(source, column, key)
    kind, raw = source.types[column], quote(column)
    if identity == "text":
        return Cast(f"CAST({raw} AS VARCHAR)", raw)
    if source.is_text:
        value = f"CASE WHEN regexp_full_match({raw}, '0|-?[1-9]\\d*') THEN TRY_CAST({raw} AS BIGINT) END"
        return _checked(value, raw, f"{_SIGNED}, since the other tables have integers")
    if kind in _WHOLE or kind == "NULL":
        return Cast(f"CAST({raw} AS BIGINT)", raw)
    return _checked(f"TRY_CAST({raw} AS BIGINT)", raw, f"{_SIGNED} (store larger ids as text, in all tables)")


def number_attribute(cast: Cast) -> Cast:
    """Return a number as an attribute: missing where it is no number; refused where features cannot hold it.

    ``isfinite`` is asked first, since DuckDB believes the statistics of Parquet files, which leave NaN out.
    """
    value = f"CASE WHEN isfinite({cast.value}) THEN {cast.value} END"
    large = f"isinf({cast.value}) OR (isfinite({cast.value}) AND abs({cast.value}) > {MOST})"
    failed = f"({cast.failed}) OR {large}" if cast.failed else large
    return Cast(value, cast.raw, failed, f"{cast.expected or 'a finite number'}, up to {MOST} in size")


def attribute_cast(source: Source, column: str, key: str, is_category: bool) -> Cast:
    """Return an attribute: text (always, if it is a category), a truth value, an integer or a double.

    Raises
    ------
    DataError
        If the column holds something else, such as lists or times.
    """
    kind, raw = source.types[column], quote(column)
    if is_category and (kind == "BOOLEAN" or _is_number(kind)):
        return Cast(f"CAST({raw} AS VARCHAR)", raw)
    if kind in ("VARCHAR", "UUID", "NULL") or kind.startswith("ENUM"):
        return Cast(f"CAST({raw} AS VARCHAR)", raw)
    if kind == "BOOLEAN":
        return Cast(raw, raw)
    if kind in _WHOLE:
        return Cast(f"CAST({raw} AS BIGINT)", raw)
    if _is_number(kind):
        return number_attribute(Cast(_positive_zero(f"CAST({raw} AS DOUBLE)"), raw))
    raise _wrong_type(source, column, key, "text, numbers or truth values", "")


_FLOATS = ("FLOAT", "DOUBLE")


def _is_number(kind: str) -> bool:
    return kind in (*_WHOLE, *_WIDE, *_FLOATS) or kind.startswith("DECIMAL")


def _positive_zero(value: str) -> str:
    return f"CASE WHEN {value} = 0 THEN 0.0 ELSE {value} END"


def _checked(value: str, raw: str, expected: str) -> Cast:
    return Cast(value, raw, f"{raw} IS NOT NULL AND ({value}) IS NULL", expected)


def _wrong_type(source: Source, column: str, key: str, expected: str, hint: str) -> DataError:
    got = source.types[column].lower()
    return DataError(Problem(source.where, f"column '{column}' ({key})", expected, got, hint))
