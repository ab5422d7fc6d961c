"""metrics: the figures for Prometheus, printed."""

from __future__ import annotations

from typing import Annotated

import typer

from holdshelf_core.alerts.metrics_types import ReadMetrics
from holdshelf_tui.cli.options import Data, Json, client
from holdshelf_tui.cli.service import echo_json

root = typer.Typer()


@root.command(short_help="Figures for Prometheus.", epilog="Example: holdshelf metrics | promtool check metrics")
def metrics(
    data: Data = None,
    openmetrics: Annotated[bool, typer.Option("--openmetrics", help="In the OpenMetrics format, with units.")] = False,
    json: Json = False,
) -> None:
    """Print the metrics for Prometheus, as `serve --metrics-file` writes them and `--metrics-port` answers; for the admin."""
    found = client(data).read(ReadMetrics(openmetrics))
    if json:
        echo_json(found)
    else:
        typer.echo(found.text, nl=False)
