"""The command line: each verb with one positional argument, the config.

Standard output holds results (tables for people, paths, or with ``--json`` one JSON document); progress and
errors go to standard error. Exit codes: 0 done, 2 config, 3 data, 4 a gate refused, 1 anything else. Nothing
heavy is imported before a verb needs it.
"""

from __future__ import annotations

import json
import signal
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from lapse import __version__
from lapse.errors import LapseError

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
AsJson = Annotated[bool, typer.Option("--json", help="print one JSON document for machines")]


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
    try:
        app()
    except LapseError as error:
        sys.stderr.write(f"{type(error).__name__}:\n" + "\n".join(f"  {p}" for p in error.problems) + "\n")
        sys.exit(error.exit_code)


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


def _out(as_json: bool, document: dict[str, Any], text: str) -> None:
    typer.echo(json.dumps(document, indent=1, default=str) if as_json else text)


@app.command()
def demo(
    name: Annotated[DemoName, typer.Argument(help="real groceries, or a simulated gym or shop")],
    folder: Annotated[Path, typer.Argument(help="where to write tables and config", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Write a business to try lapse on: its tables and its config."""
    from lapse.demo import write_demo

    config = write_demo(name.value, folder)
    _out(as_json, {"config": config}, str(config))


@app.command()
def check(config: Config, as_json: AsJson = False) -> None:
    """Read everything, count what is wrong, show gaps, cohorts and base rates, and look for leaks."""
    from lapse.config import load
    from lapse.history import read
    from lapse.jobs.check import STAGES, check_business
    from lapse.jobs.progress import reporting

    business = load(config)
    with reporting(f"check {business.business}", STAGES) as advance:
        advance("reading tables")
        with read(business) as history:
            report = check_business(history, advance)
    _out(as_json, report.document(), str(report))
    report.refuse()


@app.command()
def train(config: Config, as_json: AsJson = False) -> None:
    """Fit and evaluate the models out of time, log them to MLflow and register them."""
    from lapse.config import load
    from lapse.history import read
    from lapse.jobs.progress import reporting
    from lapse.jobs.run import STAGES, train_and_register

    business = load(config)
    with reporting(f"train {business.business}", STAGES) as advance:
        advance("reading tables")
        with read(business) as history:
            model, registered = train_and_register(history, advance)
    document = {"evaluation": model.evaluation.to_json(), "registered": vars(registered)}
    _out(as_json, document, f"{model.evaluation}\n\n{registered}")


@app.command()
def score(config: Config, as_of: AsOf, model: Which = "champion", as_json: AsJson = False) -> None:
    """Write the score table of one date, atomically; every known customer is accounted for."""
    from lapse.config import load
    from lapse.history import read
    from lapse.jobs.partition import summary
    from lapse.jobs.progress import reporting
    from lapse.jobs.score import score as write_scores
    from lapse.jobs.tracking import fetch

    business = load(config)
    chosen = fetch(business, model)
    with read(business) as history, reporting(f"score {as_of}", history.n_buckets) as advance:
        file = write_scores(history, chosen, as_of, advance=advance)
    document, text = summary(file)
    sys.stderr.writelines(f"warning: {warning}\n" for warning in document["warnings"])
    _out(as_json, document, text)


@app.command()
def explain(
    config: Config,
    customer: Annotated[
        str | None, typer.Argument(help="default: the most money at risk", show_default=False)
    ] = None,
    as_of: MaybeAsOf = None,
    model: Which = "champion",
    as_json: AsJson = False,
) -> None:
    """Say why one customer may leave: the reasons, their size, and what they rest on."""
    from lapse.config import load
    from lapse.history import read
    from lapse.jobs.customer import explain_customer
    from lapse.jobs.tracking import fetch

    business = load(config)
    chosen = fetch(business, model)
    with read(business) as history:
        record = explain_customer(history, chosen, customer, as_of)
    sys.stderr.writelines(f"warning: {warning}\n" for warning in record.notes.warnings)
    _out(as_json, record.document(), str(record))
