"""What agents feel of a CRM that does not answer: the pop of a call and the page of a profile, with it and without.

    CIM_DEBUG=true make run       # with the demo CRM
    .venv/bin/python -m bench.hanging_crm http://localhost:8000 PASSWORD EVENTS_KEY DESK_KEY CRM_PORT

PASSWORD is that of the demo users; the keys are made by `manage.py create_api_key integration` and `… agent`; the port
of the stand-in for a CRM is in its process's command line. Phases alternate in one run, so that the machine is the same
for both. A pop is measured from the POST of the offer to the bytes on the stream of the desk.
"""

import asyncio
import http.cookiejar
import json
import re
import sys
import time
import urllib.parse
import urllib.request
from typing import Any

from bench.load import Sender, event, listen, percentiles

PHASES = 4
CALLS = 50


def main(address: str, password: str, events_key: str, desk_key: str, crm_port: str) -> None:
    port = urllib.parse.urlsplit(address).port or 80
    browser = signed_in(address, password)
    found = json.load(browser.open(f"{address}/api/v1/customers/?page_size=200"))
    customers = [it for it in found["results"] if it["phones"] and "•" not in it["phones"][0]]
    pops: dict[str, list[float]] = {"answers": [], "hangs": []}
    pages: dict[str, list[float]] = {"answers": [], "hangs": []}
    for phase in range(PHASES):
        state = ("answers", "hangs")[phase % 2]
        faults = [{"kind": "hang", "seconds": 30}] if state == "hangs" else []
        order(crm_port, "faults", {"faults": faults})
        mine = customers[phase::PHASES][:CALLS]
        pops[state] += asyncio.run(pop(port, events_key, desk_key, [it["phones"][0] for it in mine], phase))
        for it in mine:
            began = time.perf_counter()
            browser.open(f"{address}/customers/{it['id']}/").read()
            pages[state].append(time.perf_counter() - began)
    order(crm_port, "faults", {"faults": []})
    for name, times in (("pop", pops), ("profile", pages)):
        for state, measured in times.items():
            print(f"{name:7} CRM {state:7} ({len(measured)}): {percentiles(measured)}")


def signed_in(address: str, password: str) -> urllib.request.OpenerDirector:
    jar = http.cookiejar.CookieJar()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    page = browser.open(f"{address}/login/").read().decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    form = {"login": "supervisor", "username": "supervisor", "password": password}
    form["csrfmiddlewaretoken"] = token[1] if token else ""
    browser.addheaders = [("Referer", f"{address}/login/")]
    browser.open(f"{address}/login/", urllib.parse.urlencode(form).encode())
    return browser


def order(port: str, what: str, body: Any) -> None:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/_double/{what}", json.dumps(body).encode())
    urllib.request.urlopen(request).read()


async def pop(port: int, events_key: str, desk_key: str, numbers: list[str], phase: int) -> list[float]:
    """Offer a call from each number to the demo agent, one after the other, and time its way to the desk."""
    arrived: asyncio.Queue[float] = asyncio.Queue()
    opened = asyncio.Event()
    run = f"hanging-{phase}-{time.time_ns()}"

    agent = ""

    def hear(block: bytes, at: float) -> None:
        nonlocal agent
        if b"event: hello" in block:
            agent = json.loads(block.partition(b"data: ")[2])["agent"]
            opened.set()
        if b"event: pop" in block:
            arrived.put_nowait(at)

    desk = asyncio.create_task(listen(port, "/desk/stream/", desk_key, hear, lambda: None))
    await opened.wait()
    sender = Sender(port, events_key, 1)
    times = []
    for place, number in enumerate(numbers):
        offer = {"channel": "voice", "direction": "inbound", "address": number, "agent": {"id": agent}}
        for kind, said in (("offered", offer), ("ended", {})):
            while not arrived.empty():
                arrived.get_nowait()
            began = time.perf_counter()
            status, answer = await sender.post(
                "/api/v1/interactions/events/", event(kind, f"{run}-{place}", kind, **said)
            )
            if status != 200:
                raise RuntimeError(answer.decode())
            if kind == "offered":
                times.append(await asyncio.wait_for(arrived.get(), 30) - began)
    desk.cancel()
    await asyncio.gather(desk, return_exceptions=True)
    return times


if __name__ == "__main__":
    main(*sys.argv[1:])
