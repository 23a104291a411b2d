"""The list at a million customers against its limits (Q11): every column both ways, the matrix, quick searches.

    .venv/bin/python -m bench.list --customers 10000 100000 1000000 --seconds 600 --explain 10
    .venv/bin/python -m bench.list --customers 1000000 --cases columns

Each case is asked of the API (the whole answer, through all of Django), of SQL written by hand for just this case,
and of plain Django (filter, order_by, count, slice), in turns, so that what else the machine does weighs on all alike.
Beside the time on the clock stands the time on the processor, of Python and its backend: what the clock would show on
a machine that has nothing else to do. With `--seconds` each class of cases gets its part of the time, and is sampled.
"""

import argparse
import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import django

from bench import server


def main() -> None:
    arguments = _arguments()
    if len(arguments.customers) > 1:
        _grow(arguments.customers)
        return
    with server.running():
        django.setup()
        logging.disable(logging.CRITICAL)
        # Only now is there a database to import models for.
        from bench import list_run  # noqa: PLC0415

        list_run.run(arguments)


def _grow(sizes: list[int]) -> None:
    """Run once for each size, in a database of its own, and tell how the classes grow."""
    rest = sys.argv[1:]
    place = rest.index("--customers")
    rest[place : place + 1 + len(sizes)] = []
    medians = []
    for size in sizes:
        home = Path(os.environ.get("CIM_BENCH_DIR", "var/bench")).absolute() / str(size)
        results = home / "medians.json"
        command = [
            sys.executable,
            "-m",
            "bench.list",
            "--customers",
            str(size),
            "--results",
            str(results),
            *rest,
        ]
        subprocess.run(command, env={**os.environ, "CIM_BENCH_DIR": str(home)}, check=True)
        medians.append(json.loads(results.read_text()))
    print(f"\n{'median, ms, with customers:':34}" + "".join(f"{size:>11,}" for size in sizes))
    for group in sorted({group for found in medians for group in found}):
        figures = [found.get(group) for found in medians]
        print(f"{group:34}" + "".join("          –" if one is None else f"{one:11.1f}" for one in figures))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--customers", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--cases", choices=["all", "columns", "matrix", "search"], default="all")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--without-django", action="store_true", help="leave plain Django out")
    parser.add_argument("--only", default="", help="cases whose address contains this")
    parser.add_argument("--explain", type=int, default=0, help="show the plans of so many worst cases")
    parser.add_argument("--seconds", type=float, default=0, help="stop after so long; each class is sampled")
    parser.add_argument("--results", type=Path, help="write the medians of the classes into this file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
