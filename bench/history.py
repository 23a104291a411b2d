"""How a profile opens for a customer with 10,000 interactions, against one with ten (I5).

    python -m bench.history [--rounds 200]

Asks the page of both and the panel of its history in turn, in one process, and prints the ratio of the medians. The
panel of the one shows ten entries, that of the other twenty, its first page.
"""

import argparse
import datetime as dt
import os
import statistics
import time

from bench import server
from bench.events import call, prepare


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--rounds", type=int, default=200)
    options = given.parse_args()
    # Without collected static files.
    os.environ["CIM_DEBUG"] = "true"
    with server.running():
        _key, numbers = prepare(20_000)
        from django.conf import settings  # noqa: PLC0415 - the server must run first
        from django.contrib.auth.models import Group, User  # noqa: PLC0415
        from django.db import connection  # noqa: PLC0415
        from django.test import Client  # noqa: PLC0415

        from customers.models import Phone  # noqa: PLC0415
        from interactions.recording import record  # noqa: PLC0415

        settings.ALLOWED_HOSTS = ["*"]
        owners = []
        for number, calls in ((numbers[0], 10), (numbers[1], 10_000)):
            for start in range(0, calls, 100):
                names = [f"history-{calls}-{start + place}" for place in range(min(100, calls))]
                record([event for name in names for event in call([number], name)], dt.datetime.now(dt.UTC))
            owners.append(Phone.objects.get(number=number, valid_to=None).customer_id)
        with connection.cursor() as cursor:
            cursor.execute("analyze")
        agent, _made = User.objects.get_or_create(username="bench-agent")
        agent.groups.set([Group.objects.get(name="Agent")])
        client = Client()
        client.force_login(agent, backend="cim.access.backends.ScopedBackend")
        pages = {"page": "/customers/{}/", "panel": "/customers/{}/interactions/"}
        times: dict[tuple[str, object], list[float]] = {(page, it): [] for page in pages for it in owners}
        for _round in range(options.rounds):
            for (page, owner), measured in times.items():
                begin = time.perf_counter()
                answer = client.get(pages[page].format(owner), secure=True)
                measured.append(time.perf_counter() - begin)
                if answer.status_code != 200:
                    raise RuntimeError(answer.content.decode())
        medians = {key: statistics.median(measured) * 1000 for key, measured in times.items()}
        few, many = (sum(medians[page, owner] for page in pages) for owner in owners)
        for page in pages:
            print(f"{page:5} {medians[page, owners[0]]:6.1f} ms and {medians[page, owners[1]]:6.1f} ms")
        print(
            f"10 interactions {few:.1f} ms, 10,000 interactions {many:.1f} ms: {many / few:.2f} (goal: 1.3)"
        )


if __name__ == "__main__":
    main()
