"""Every built-in feature again, slowly and plainly: SQL over the join of all events with all snapshots."""

from __future__ import annotations

from collections.abc import Callable

import duckdb
import numpy as np
import pyarrow as pa

from lapse.features import Recipe, parse
from lapse.schema import NEVER, Bucket, Events, Snapshots
from tests.features.histories import LAST

FEW = (21, 200)
WINDOWS = {
    "gym": {"term": FEW, "visit": FEW, "complaint": FEW},
    "shop": {"order": (7, 21, 60, 200), "coupon": FEW},
}
"""The windows that each kind should get: all for orders, every second one for the rest."""

# Over "seen": one row per snapshot and visible event (columns null where there is none), grouped by snapshot.
PLAIN: dict[str, str] = {
    "count": "{scale} * count(pos) FILTER (day > t - {w})",
    "days": "{scale} * count(DISTINCT day) FILTER (day > t - {w})",
    "sum": "{scale} * coalesce(sum(amount) FILTER (day > t - {w}), 0)",
    "mean": "avg(amount) FILTER (day > t - {w})",
    "max": "max(amount) FILTER (day > t - {w})",
    "last_amount": "last(amount ORDER BY pos) FILTER (pos IS NOT NULL)",
    "days_since_last": "t - max(day)",
    "days_since_first": "t - min(day)",
    "trend": """(count(pos) FILTER (day > t - {w}) / least({w}, greatest(t - {begin} + 1, 1)))
                / (nullif(count(pos) FILTER (day > t - {larger}), 0)
                   / least({larger}, greatest(t - {begin} + 1, 1)))""",
    "open": "count(pos) FILTER (end_seen IS NULL OR end_seen > t)",
    "open_days": "t - min(day) FILTER (end_seen IS NULL OR end_seen > t)",
    "days_to_end": "CASE WHEN count(pos) = count(end_seen) THEN max(end_seen) - t END",
    "terms": "count(pos)",
    "term_days": "last(end_seen - day ORDER BY pos) FILTER (pos IS NOT NULL)",
}

BEGIN = f"(SELECT min(day) FROM raw_{{kind}} WHERE day <= {LAST} AND known_day <= {LAST})"
SCALE = f"({{w}} / least({{w}}, greatest(t - {BEGIN} + 1, 1)))"

# Over "gaps": one row per snapshot and distinct visible day, newest first, with the next newer day. The
# row of the newest day has no newer one; its time up to as_of is the open gap.
RECENT = "pow(0.5, (t - newer) / (3.0 * {grace}))"
CADENCE: dict[str, str] = {
    "gap_mean": "avg(newer - day)",
    "gap_sd": "stddev_samp(newer - day)",
    "gap_max": "max(newer - day)",
    "gap_median": "median(newer - day)",
    "gap_q90": "quantile_cont(newer - day, 0.9)",
    "gap_recent": f"sum((newer - day) * {RECENT}) / sum(CASE WHEN newer IS NOT NULL THEN {RECENT} END)",
    "last_gap": "max(newer - day) FILTER (place = 2)",
    "since_vs_gap": "(t - max(day)) / avg(newer - day)",
    "since_vs_max": "(t - max(day)) / max(newer - day)",
    "since_vs_median": "(t - max(day)) / median(newer - day)",
    "since_vs_q90": "(t - max(day)) / quantile_cont(newer - day, 0.9)",
    "since_vs_recent": f"""(t - max(day)) * sum(CASE WHEN newer IS NOT NULL THEN {RECENT} END)
                           / sum((newer - day) * {RECENT})""",
    "longer_gaps": """CASE WHEN count(newer) > 0
                      THEN (count(*) FILTER (newer - day > since) + 0.5) / (count(newer) + 1) END""",
    "quiet": "sum(greatest(coalesce(newer, t + 1) - day - {w}, 0)) / sum(coalesce(newer, t + 1) - day)",
    "quiet_recent": f"""sum(greatest(coalesce(newer, t + 1) - day - {{w}}, 0) * coalesce({RECENT}, 1))
                        / sum((coalesce(newer, t + 1) - day) * coalesce({RECENT}, 1))""",
    "silence": """CASE WHEN count(newer) > 0
                  THEN (count(*) FILTER (newer - day > since + {w}) + 2 * exp(-{w} / avg(newer - day)))
                       / (count(*) FILTER (newer - day > since) + 2) END""",
}

# Over "gaps" too, by half-life; the days observed are weighted alike.
ACTIVE = "coalesce(sum(pow(0.5, (t - day) / {w}.0)), 0)"
OBSERVED = "((1 - pow(0.5, any_value(observed) / {w}.0)) / (1 - pow(0.5, 1 / {w}.0)))"
PACE: dict[str, str] = {
    "rate": f"coalesce({ACTIVE} / nullif({OBSERVED}, 0), 0)",
    "silence_chance": f"""pow(({OBSERVED} + 0.5 * {{grace}}) / ({OBSERVED} + 0.5 * {{grace}} + {{horizon}}),
                             {ACTIVE} + 0.5)""",
}


def expected(recipe: Recipe, bucket: Bucket, snapshots: Snapshots) -> dict[str, list[object]]:
    """Return every built-in feature of the recipe as a list in the order of the snapshots."""
    with duckdb.connect() as db:
        db.execute("SET threads = 1")
        _load(db, bucket, snapshots)
        return {
            name: [row[0] for row in db.execute(_query(recipe, name)).fetchall()]
            for name in recipe.names
            if name not in recipe.business.features.custom
        }


def _load(db: duckdb.DuckDBPyConnection, bucket: Bucket, snapshots: Snapshots) -> None:
    db.register(
        "asked", pa.table({"n": np.arange(len(snapshots)), "c": snapshots.customer, "t": snapshots.day})
    )
    for kind, events in bucket.events.items():
        db.register(f"raw_{kind}", _table(events))
    seen = " UNION ALL ".join(f"SELECT c, day, known_day FROM raw_{kind}" for kind in bucket.events)
    db.execute(f"""
        CREATE TABLE snaps AS SELECT n, asked.c, t, coalesce(t - min(e.day) + 1, 0) AS observed
        FROM asked LEFT JOIN ({seen}) e ON e.c = asked.c AND e.day <= t AND e.known_day <= t
        GROUP BY n, asked.c, t""")
    for kind in bucket.events:
        db.execute(f"""
            CREATE TABLE seen_{kind} AS
            SELECT n, t, observed, e.* EXCLUDE (c),
                   CASE WHEN e.end_known_day <= t THEN nullif(e.end_day, {NEVER}) END AS end_seen
            FROM snaps LEFT JOIN raw_{kind} e ON e.c = snaps.c AND e.day <= t AND e.known_day <= t""")
        db.execute(f"""
            CREATE TABLE gaps_{kind} AS
            SELECT n, t, observed, day, lead(day) OVER (PARTITION BY n ORDER BY day) AS newer,
                   row_number() OVER (PARTITION BY n ORDER BY day DESC) AS place,
                   t - max(day) OVER (PARTITION BY n) AS since
            FROM (SELECT DISTINCT n, t, observed, day FROM seen_{kind})""")
    profile = {"c": np.arange(len(bucket)), "profile_known_day": bucket.profile_known_day}
    db.register(
        "profile", pa.table(profile | {c: bucket.profile.column(c) for c in bucket.profile.column_names})
    )


def _table(events: Events) -> pa.Table:
    customer = np.repeat(np.arange(len(events.offsets) - 1), np.diff(events.offsets))
    columns = {"c": customer, "pos": np.arange(len(events))}
    for name in ("day", "known_day", "end_day", "end_known_day", "amount"):
        columns[name] = getattr(events, name)
    return pa.table(columns | dict(events.attributes))


def _query(recipe: Recipe, name: str) -> str:
    feature = parse(name)
    if feature.event == "customer":
        return _customer(recipe, feature.stat, feature.window)
    if feature.event == "calendar":
        turn = "2 * pi() * (dayofyear(d) - 1) / dayofyear(make_date(year(d), 12, 31))"
        function = feature.stat.removeprefix("year_")
        return f"SELECT {function}({turn}) FROM (SELECT n, DATE '1970-01-01' + t AS d FROM asked) ORDER BY n"
    windows = WINDOWS[recipe.business.business][feature.event]
    larger = min((w for w in windows if feature.window and w > feature.window), default=0)
    if feature.stat in PLAIN:
        expression, table = PLAIN[feature.stat].replace("{scale}", SCALE).replace("{begin}", BEGIN), "seen"
    elif feature.stat in CADENCE or feature.stat in PACE:
        expression, table = {**CADENCE, **PACE}[feature.stat], "gaps"
    else:
        return _special(recipe, feature.event, feature.stat, feature.window)
    expression = expression.format(
        w=feature.window,
        larger=larger,
        grace=recipe.business.churn.grace,
        horizon=recipe.business.snapshots.horizon,
        kind=feature.event,
    )
    return f"SELECT {expression} FROM {table}_{feature.event} GROUP BY n, t ORDER BY n"


def _customer(recipe: Recipe, stat: str, window: int | None) -> str:
    if stat == "tenure_days":
        return "SELECT nullif(observed, 0) - 1 FROM snaps ORDER BY n"
    if stat == "kinds":
        seen = [
            f"(SELECT count(*) > 0 FROM seen_{kind} e WHERE e.n = snaps.n AND day > e.t - {window})::INT"
            for kind in recipe.business.events
        ]
        return f"SELECT {' + '.join(seen)} FROM snaps ORDER BY n"
    return f"""SELECT CASE WHEN profile_known_day <= t THEN {stat} END
               FROM asked JOIN profile USING (c) ORDER BY n"""


def _special(recipe: Recipe, kind: str, stat: str, window: int | None) -> str:
    makers: dict[str, Callable[[], str]] = {
        "renewals": lambda: (
            f"""
            SELECT count(*) FILTER (day > day_before AND day - cover <= {recipe.business.churn.grace}) FROM (
                SELECT n, day, lag(day) OVER (PARTITION BY n ORDER BY pos) AS day_before,
                       max(coalesce(end_seen, {NEVER})) OVER
                       (PARTITION BY n ORDER BY pos ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS cover
                FROM seen_{kind}) GROUP BY n ORDER BY n"""
        ),
        "price_change": lambda: (
            f"""
            SELECT CASE WHEN before > 0 THEN amount / before - 1 END FROM (
                SELECT n, pos, amount, lag(amount) OVER (PARTITION BY n ORDER BY pos) AS before
                FROM seen_{kind})
            QUALIFY row_number() OVER (PARTITION BY n ORDER BY pos DESC) = 1 ORDER BY n"""
        ),
        "next_known": lambda: (
            f"""
            SELECT (count(e.c) > 0)::INT FROM asked LEFT JOIN raw_{kind} e
            ON e.c = asked.c AND e.day > t AND e.known_day <= t GROUP BY n ORDER BY n"""
        ),
    }
    if stat in makers:
        return makers[stat]()
    grouped = f"FROM seen_{kind} GROUP BY n ORDER BY n"
    if stat.startswith("latest_"):
        return f"SELECT last({stat.removeprefix('latest_')} ORDER BY pos) {grouped}"
    if stat.startswith("changes_"):
        column = stat.removeprefix("changes_")
        return f"""SELECT count(*) FILTER (value <> before) FROM (
                SELECT n, NULL AS value, NULL AS before FROM snaps UNION ALL
                SELECT n, {column}, lag({column}) OVER (PARTITION BY n ORDER BY pos)
                FROM seen_{kind} WHERE {column} IS NOT NULL) GROUP BY n ORDER BY n"""
    if stat.startswith("distinct_"):
        return (
            f"SELECT count(DISTINCT {stat.removeprefix('distinct_')}) FILTER (day > t - {window}) {grouped}"
        )
    prefixes = ("share", "spend_share", "count")
    [share] = [
        s for s in recipe.shares if s.event == kind and stat in [f"{prefix}_{s.slug}" for prefix in prefixes]
    ]
    quantity = "greatest(amount, 0)" if stat.startswith("spend_") else "1"
    value = share.value.replace("'", "''")
    if stat.startswith("count_"):
        scale = SCALE.format(w=window, kind=kind)
        return f"""SELECT {scale} * count(*) FILTER (day > t - {window} AND {share.column} = '{value}')
                   FROM seen_{kind} GROUP BY n, t ORDER BY n"""
    return f"""SELECT coalesce(sum({quantity}) FILTER (day > t - {window} AND {share.column} = '{value}'), 0)
               / nullif(sum({quantity}) FILTER (day > t - {window}), 0) {grouped}"""
