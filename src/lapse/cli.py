"""The command line: each verb with one positional argument, the config.

Standard output holds results (tables for people, paths, or with ``--json`` one JSON document, of errors too);
progress and errors go to standard error. Exit codes: 0 done, 2 config or command line, 3 data, 4 a gate
refused, 130 interrupted, 1 anything else. Nothing heavy is imported before a verb needs it.
"""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lapse import __version__
from lapse.console import all_of, day_of, fail, say, stoppable, to_json, warn
from lapse.errors import LapseError, Problem

if TYPE_CHECKING:
    from lapse.config import Business
    from lapse.jobs.model import Model

app = typer.Typer(
    help="Which customers will leave, how long each will stay, why, and what each is worth.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Config = Annotated[Path, typer.Argument(help="the business YAML", show_default=False)]
AsOf = Annotated[str, typer.Option("--as-of", help="the date, such as 2025-06-30", show_default=False)]
MaybeAsOf = Annotated[
    str | None, typer.Option("--as-of", help="the date; default the end of the data", show_default=False)
]
Which = Annotated[str, typer.Option("--model", help="a registered model's alias or version")]
AsJson = Annotated[bool, typer.Option("--json", help="print one JSON document for machines, of errors too")]
Memory = Annotated[
    str, typer.Option("--memory", help="budget, such as 8GB: buckets are cut to fit, and shared among cores")
]
MaybePage = Annotated[
    Path | None, typer.Option("--page", help="also write the record as an HTML page", show_default=False)
]
Customer = Annotated[
    str | None,
    typer.Argument(help="its id, which may begin with one minus; default: the most money at risk"),
]

_MISUSED: type[Exception] = typer.BadParameter.__mro__[1]
"""What typer raises for a command line that it cannot read."""


class DemoName(StrEnum):
    """The businesses that lapse can write for you."""

    groceries = "groceries"
    gym = "gym"
    shop = "shop"


def main() -> None:
    """Run the command line; every known error is one clear text and its own exit code.

    A polite kill ends the program as an error does, so that temporary folders are removed.
    """
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    arguments = ids_last(sys.argv[1:])
    try:
        sys.exit(app(arguments, standalone_mode=False))
    except LapseError as error:
        fail(error, "--json" in arguments)
    except _MISUSED as error:
        error.show()  # type: ignore[attr-defined]  # typer keeps the type to itself
        got = error.format_message()  # type: ignore[attr-defined]
        told = Problem("command line", "arguments", "what 'lapse --help' says", got)
        if "--json" in arguments:
            typer.echo(to_json({"error": "UsageError", "exit_code": 2, "problems": [asdict(told)]}))
        sys.exit(2)
    except OSError as error:
        where, what = str(error.filename or "system"), type(error).__name__
        got = str(error.strerror or error)
        fail(LapseError(Problem(where, what, "a system that does what is asked", got)), "--json" in arguments)


def ids_last(arguments: Sequence[str]) -> list[str]:
    """Return the arguments of ``explain``, an id that begins with one minus behind the options.

    Examples
    --------
    >>> ids_last(["explain", "shop.yaml", "-17", "--json"])
    ['explain', 'shop.yaml', '--json', '--', '-17']
    >>> ids_last(["score", "shop.yaml", "-17"])
    ['score', 'shop.yaml', '-17']
    """
    given = list(arguments)
    ids = [one for one in given if re.fullmatch(r"-[^-].*", one)]
    if given[:1] != ["explain"] or "--" in given or not ids:
        return given
    return [*(one for one in given if one not in ids), "--", *ids]


def _asked(config: Path, which: str, writes: bool) -> tuple[Business, Model]:
    """Return the business and its model, if it can be scored."""
    from lapse.config import load
    from lapse.jobs.reach import require_scores
    from lapse.jobs.tracking import fetch

    business = load(config)
    places = [lambda: require_scores(business)] if writes else []
    return business, all_of(lambda: fetch(business, which), *places)[0]


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"lapse {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="print the version")
    ] = False,
) -> None: ...


@app.command()
def demo(
    name: Annotated[DemoName, typer.Argument(help="real groceries, or a simulated gym or shop")],
    folder: Annotated[Path, typer.Argument(help="where to write tables and config", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Write a business to try lapse on: its tables and its config."""
    with stoppable(f"{folder} is not complete; the same command completes it", as_json):
        from lapse.demo import stages, write_demo
        from lapse.jobs.progress import reporting

        with reporting(f"demo {name.value}", stages(name.value)) as advance:
            config = write_demo(name.value, folder, advance=advance)
    say(as_json, {"config": config}, str(config))


@app.command()
def check(config: Config, as_json: AsJson = False) -> None:
    """Read everything, count what is wrong, show gaps, cohorts and base rates, and look for leaks."""
    with stoppable("nothing written", as_json):
        from lapse.config import load
        from lapse.history import read
        from lapse.jobs.check import STAGES, check_business
        from lapse.jobs.progress import reporting
        from lapse.jobs.reach import require_scores
        from lapse.jobs.tracking import require_keeping

        business = load(config)
        all_of(lambda: require_scores(business), lambda: require_keeping(business))
        with reporting(f"check {business.business}", STAGES) as advance:
            advance("reading tables")
            with read(business) as history:
                report = check_business(history, advance)
    try:
        report.refuse()
    except LapseError as error:
        if not as_json:
            typer.echo(str(report))
        fail(error, as_json, report.document())
    say(as_json, report.document(), str(report))


@app.command()
def train(config: Config, as_json: AsJson = False) -> None:
    """Fit and evaluate the models out of time, log them to MLflow and register them."""
    with stoppable("no model registered", as_json):
        from lapse.config import load
        from lapse.history import read
        from lapse.jobs.progress import reporting
        from lapse.jobs.run import STAGES, train_and_register
        from lapse.jobs.tracking import require_keeping

        business = load(config)
        require_keeping(business)
        with reporting(f"train {business.business}", STAGES) as advance:
            advance("reading tables")
            with read(business) as history:
                model, registered = train_and_register(history, advance)
    warnings = list(model.evaluation.warnings)
    warn(warnings)
    document = {
        "evaluation": model.evaluation.to_json(),
        "registered": vars(registered),
        "warnings": warnings,
    }
    say(as_json, document, f"{model.evaluation}\n\n{registered}")


@app.command()
def score(
    config: Config,
    as_of: AsOf,
    model: Which = "champion",
    memory: Memory = "4GB",
    as_json: AsJson = False,
) -> None:
    """Write the score table of one date, atomically; every known customer is accounted for."""
    with stoppable("no scores written; run the same command again", as_json):
        from lapse.history import read
        from lapse.history.room import room_of
        from lapse.jobs.partition import summary
        from lapse.jobs.progress import reporting
        from lapse.jobs.score import score as write_scores

        day, _, (business, chosen) = all_of(
            lambda: day_of(as_of), lambda: room_of(memory), lambda: _asked(config, model, writes=True)
        )
        with (
            read(business, memory=memory) as history,
            reporting(f"score {as_of}", history.n_buckets) as advance,
        ):
            file = write_scores(history, chosen, day, advance=advance)
    with stoppable(f"the scores are written: {file}", as_json):
        document, text = summary(file)
        warn(document["warnings"])
        say(as_json, document, text)


@app.command()
def measure(
    config: Config,
    as_of: MaybeAsOf = None,
    memory: Memory = "4GB",
    as_json: AsJson = False,
) -> None:
    """Measure retention: rates, groups, cohorts and lifetimes as tables and one page."""
    with stoppable("no measurement written; run the same command again", as_json):
        from lapse.config import load
        from lapse.history import read
        from lapse.history.room import room_of
        from lapse.jobs.measure import measure as measured
        from lapse.jobs.measure import stages
        from lapse.jobs.own_folder import require_folder
        from lapse.jobs.progress import reporting
        from lapse.measurement.given import read_given
        from lapse.schema import to_date

        day, _, business = all_of(lambda: day_of(as_of), lambda: room_of(memory), lambda: load(config))
        _, given = all_of(lambda: require_folder(business, as_of=day), lambda: read_given(business))
        with (
            read(business, memory=memory) as history,
            reporting(f"measure {business.business}", stages(history)) as advance,
        ):
            require_folder(business, as_of=day or to_date(history.data_end))
            found = measured(history, day, advance, given=given)
        files = found.write()
    warn(found.warnings)
    document = {
        "as_of": found.as_of,
        "folder": files[-1].parent,
        "page": files[-1],
        "files": list(map(str, files)),
        "warnings": list(found.warnings),
    }
    say(as_json, document, "\n".join(map(str, files)))


@app.command()
def explain(
    config: Config,
    customer: Customer = None,
    as_of: MaybeAsOf = None,
    model: Which = "champion",
    page: MaybePage = None,
    as_json: AsJson = False,
) -> None:
    """Tell what is needed before a call: why a customer may leave, its standing, history and open cases."""
    with stoppable("nothing written", as_json):
        from lapse.history import read
        from lapse.jobs.customer import explain_customer, require_page, write_page

        day, (business, chosen), _ = all_of(
            lambda: day_of(as_of),
            lambda: _asked(config, model, writes=False),
            lambda: None if page is None else require_page(page),
        )
        with read(business) as history:
            record = explain_customer(history, chosen, customer, day)
        written = {} if page is None else {"page": write_page(record, page)}
    warn(record.notes.warnings)
    text = "\n\n".join([str(record), *map(str, written.values())])
    say(as_json, {**record.document(), **written}, text)
