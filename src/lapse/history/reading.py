"""From a business to its history: every table read, checked, and stored in buckets of customers.

In: a :class:`~lapse.config.Business`. Out: a :class:`History`, whose buckets are all that later layers see.
Refused, all tables and all reasons at once: what cannot be read (:mod:`lapse.history.sources`), columns and
types that cannot mean what the config says (:mod:`lapse.history.normalise`), rows that a rule of the config
refuses (:mod:`lapse.history.quality`), an end of the data that the churn table does not reach
(:mod:`lapse.history.ending`). On failure nothing is left behind.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

import duckdb

from lapse.config import Business, Table
from lapse.config.sections import mapped_columns
from lapse.errors import DataError, Problem
from lapse.history.dealing import Dealt, deal_out
from lapse.history.ending import News, data_end, end_problems, news_of, told_on
from lapse.history.held import History, TableSummary
from lapse.history.normalise import Plan, common_identity, identity, plan
from lapse.history.place import Place
from lapse.history.quality import Finding, Tally, balance, duplicates, odd, tally
from lapse.history.room import DEFAULT, Room, buckets_of, room_of
from lapse.history.rules import rules_of
from lapse.history.sources import Source, open_source, saying_where
from lapse.history.store import Stored, connect, read_stored, store


def read(
    business: Business,
    folder: Path | None = None,
    *,
    memory: str = DEFAULT,
    rows_per_bucket: int | None = None,
    today: date | None = None,
) -> History:
    """Read, check and store all tables of a business.

    Parameters
    ----------
    business : Business
    folder : Path, optional
        Where the temporary folder is made; default the system's. It needs room for about twice the rows.
    memory : str
        Budget for reading, and for what is then done bucket by bucket, such as scoring: ``"1500MB"``,
        ``"8GB"``; at least 1 GB. The smaller, the more buckets.
    rows_per_bucket : int, optional
        Rows that are worked on at once, on average at most; at least 1. Default what the budget allows: more
        than that may not keep it.
    today : date, optional
        Nothing can be known after this day, and ``observed_until`` cannot lie after it; default the current
        date in the business's time zone.

    Returns
    -------
    History

    Raises
    ------
    DataError
        With everything that is wrong with any table.
    ConfigError
        If an environment variable that a URL names is not set, or the budget cannot be kept.
    """
    room = room_of(memory)
    if rows_per_bucket is None:
        rows_per_bucket = room.rows_per_bucket
    if rows_per_bucket < 1:
        raise ValueError("rows_per_bucket must be at least 1")
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    place = Place(folder)
    try:
        with closing(connect(place.folder, room.engine)) as connection:
            today = today or datetime.now(business.zone).date()
            reading = _Reading(business, connection, place, room, today)
            return reading.run(rows_per_bucket)
    except BaseException:
        place.remove()
        raise


@dataclass
class _Reading:
    """One run through all tables, which goes on after a problem to find those of the other tables."""

    business: Business
    connection: duckdb.DuckDBPyConnection
    place: Place
    room: Room
    today: date
    start: float = field(default_factory=time.monotonic)
    problems: list[Problem] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def tables(self) -> dict[str, Table]:
        customers = self.business.customers
        return {**({} if customers is None else {"customers": customers}), **self.business.events}

    def run(self, rows_per_bucket: int) -> History:
        plans = self._plans(self._sources())
        n_buckets = buckets_of(sum(planned.source.rows for planned in plans.values()), rows_per_bucket)
        checked = self._checked(plans, n_buckets)
        stored = {name: self._store(plans[name], *found, n_buckets) for name, found in checked.items()}
        churn, news = self.business.churn.event, None
        if churn in stored and stored[churn].rows and not checked[churn][1].problems:
            news = self._news(churn, n_buckets)
            self.problems += end_problems(self.business, news, self.today)
        if self.problems:
            raise DataError(self.problems)
        assert news is not None  # an event without rows is a problem
        return History(
            business=self.business,
            findings=tuple(self.findings),
            summaries=tuple(self._summary(name, held) for name, held in stored.items()),
            data_end=data_end(self.business, news),
            fingerprint=f"{sum(held.hash for held in stored.values()) % 2**64:016x}",
            n_buckets=n_buckets,
            place=self.place,
            room=self.room,
            seconds=time.monotonic() - self.start,
        )

    def _sources(self) -> dict[str, Source]:
        sources = {}
        for name, table in self.tables.items():
            try:
                sources[name] = open_source(self.connection, self.business, name, table, self.place.folder)
            except DataError as error:
                self.problems += error.problems
        return sources

    def _plans(self, sources: Mapping[str, Source]) -> dict[str, Plan]:
        kinds: dict[str, str] = {}
        for name, source in sources.items():
            try:
                kinds[name] = identity(source, self.business, self.tables[name])
            except DataError:
                continue  # the plan says so, with all else that is wrong with the table
        try:
            kind = common_identity(kinds, {name: source.where for name, source in sources.items()})
        except DataError as error:
            self.problems += error.problems
            kind = "text"
        plans = {}
        for name, source in sources.items():
            try:
                plans[name] = plan(source, self.business, self.tables[name], kind)
            except DataError as error:
                self.problems += error.problems
        return plans

    def _checked(self, plans: Mapping[str, Plan], n_buckets: int) -> dict[str, tuple[Dealt, Tally]]:
        """Deal out every table, and count what cannot be right in it."""
        checked = {}
        for name, planned in plans.items():
            try:
                with saying_where(planned.source.where):
                    checked[name] = self._check(planned, n_buckets)
            except DataError as error:
                self.problems += error.problems
                continue
            _, found = checked[name]
            self.problems += found.problems
            self.findings += found.findings
        return checked

    def _check(self, planned: Plan, n_buckets: int) -> tuple[Dealt, Tally]:
        """Deal out one table. Only where a rule speaks of some of its rows are these counted and asked about,
        and then dealt out where some of them may stay.
        """
        name = planned.source.name
        place = self.place.folder / name
        place.mkdir()
        rules = list(rules_of(planned, self.business, self.tables[name], self.today))
        some = odd(rules)
        dealt, n_odd = deal_out(self.connection, planned, some, place, n_buckets)
        if not n_odd:
            return dealt, Tally()
        found = tally(self.connection, planned, rules)
        if n_odd == found.dropped:
            return dealt, found
        staying = f"({some}) AND {found.kept}"
        rest, _ = deal_out(self.connection, planned, "false", place, n_buckets, staying)
        return dealt.and_then(rest), found

    def _store(self, planned: Plan, dealt: Dealt, found: Tally, n_buckets: int) -> Stored:
        """Store one table, and check what only shows when its rows are sorted."""
        policy, source = self.business.quality.duplicates, planned.source
        with saying_where(source.where):
            held = store(
                self.connection,
                planned,
                dealt,
                self.place.folder,
                n_buckets,
                keep_copies=policy == "keep",
                workers=self.room.workers(n_buckets),
            )
        problem, finding = duplicates(source, policy, held.copies, held.copied_example)
        self.findings += [finding] if finding is not None else []
        self.problems += [problem] if problem is not None else []
        dropped = found.dropped + (0 if policy == "keep" else held.copies)
        unbalanced = balance(source.where, source.rows, held.rows, dropped)
        if unbalanced is not None and not found.problems:  # what is refused is neither stored nor dropped
            self.problems.append(unbalanced)
        if held.repeated:
            self.problems.append(_repeated(source, held))
        return held

    def _news(self, churn: str, n_buckets: int) -> News:
        has_end = self.business.events[churn].has_end

        def told(number: int) -> set[date]:
            return told_on(read_stored(self.place.folder, churn, number), has_end=has_end)

        with ThreadPoolExecutor(self.room.workers(n_buckets)) as threads:
            return news_of(threads.map(told, range(n_buckets)), self.today)

    def _summary(self, name: str, held: Stored) -> TableSummary:
        first = held.first.date() if held.first is not None else None
        last = held.last.date() if held.last is not None else None
        return TableSummary(name, held.rows, held.customers, first, last, mapped_columns(self.tables[name]))


def _repeated(source: Source, held: Stored) -> Problem:
    return Problem(
        source.where,
        "customer_id",
        "one row a customer",
        f"{held.repeated:,} with more",
        "what changes over time is an event with a 'time', not a row of the customers table",
        example=held.repeated_example,
    )
