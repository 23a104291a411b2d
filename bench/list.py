"""The list at a million customers: every column both ways, or the matrix of Q11, or quick searches.

    .venv/bin/python -m bench.list --customers 1000000 --cases columns
    .venv/bin/python -m bench.list --customers 1000000 --cases matrix --explain 10

Each case is asked of the API (the whole answer, through all of Django), of SQL written by hand for just this case,
and of plain Django (filter, order_by, count, slice), in turns, so that what else the machine does weighs on all alike.
"""

import argparse
import logging

import django

from bench import server


def main() -> None:
    arguments = _arguments()
    with server.running():
        django.setup()
        logging.disable(logging.CRITICAL)
        # Only now is there a database to import models for.
        from bench import list_run  # noqa: PLC0415

        list_run.run(arguments)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--cases", choices=["columns", "matrix", "search"], default="columns")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--without-django", action="store_true", help="leave plain Django out")
    parser.add_argument("--only", default="", help="cases whose address contains this")
    parser.add_argument("--explain", type=int, default=0, help="show the plans of so many worst cases")
    return parser.parse_args()


if __name__ == "__main__":
    main()
