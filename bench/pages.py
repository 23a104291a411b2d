"""How long the list takes to appear and to answer the hand: fifty columns and fifty rows (Q16).

    .venv/bin/python -m bench.pages http://localhost:8000 PASSWORD

PASSWORD is that of the demo users. Attributes are added until the list has fifty columns, so take a CIM of its own. The
longest task is told twice: by the clock, and in processor time, which other work on the machine does not stretch.
"""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import CDPSession, Page, sync_playwright

COLUMNS = 50
ROUNDS = 5


def main(address: str, password: str) -> None:
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_context(viewport={"width": 1440, "height": 900}, base_url=address).new_page()
        sign_in(page, password)
        fill_columns(page)
        paints = []
        for _round in range(ROUNDS):
            page.goto("/customers/?page_size=50")
            page.locator(".tabulator-row").nth(10).wait_for()
            paints.append(
                page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
            )
        columns = page.locator(".tabulator-col[tabulator-field]").count()
        print(f"columns {columns}, rows {page.locator('.tabulator-row').count()} in the document")
        print(f"first contentful paint, ms: {', '.join(f'{paint:.0f}' for paint in paints)}")
        for name, act in (
            ("scroll down", down),
            ("scroll across", across),
            ("drag a column", drag),
            ("resize", resize),
        ):
            clock, processor = longest(page, act)
            print(f"longest task, {name}: {clock:.0f} ms, {processor:.0f} ms of processor time")
        browser.close()


def sign_in(page: Page, password: str) -> None:
    page.goto("/login/?next=/customers/")
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password", exact=True).fill(password)
    page.keyboard.press("Enter")
    page.locator("[data-customer-list][data-ready=true]").wait_for()


def fill_columns(page: Page) -> None:
    """Add attributes until there are fifty columns with that of the labels."""
    page.evaluate(
        """async (wanted) => {
            const token = document.querySelector('meta[name=csrf]')?.content
                || document.cookie.split('; ').find((part) => part.includes('csrf'))?.split('=')[1];
            const all = (await (await fetch('/api/v1/attributes/')).json()).filter((one) => !one.archived);
            for (let number = all.length + 1; number < wanted; number += 1) {
                await fetch('/api/v1/attributes/', {
                    method: 'POST', headers: { 'Content-Type': 'application/json', 'X-CSRFToken': token },
                    body: JSON.stringify({ label: `Column ${number}`, type: number % 2 ? 'text' : 'number' }),
                });
            }
        }""",
        COLUMNS,
    )


def down(page: Page) -> None:
    page.mouse.move(700, 500)
    for step in range(24):
        page.mouse.wheel(0, 200 if step < 12 else -200)
        page.wait_for_timeout(30)


def across(page: Page) -> None:
    page.mouse.move(700, 500)
    for step in range(60):
        page.mouse.wheel(400 if step < 30 else -400, 0)
        page.wait_for_timeout(30)


def drag(page: Page) -> None:
    box = page.locator(".tabulator-col[tabulator-field=emails] .tabulator-col-title").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 10, box["y"] + 8)
    page.mouse.down()
    page.wait_for_timeout(400)
    for step in range(40):
        page.mouse.move(box["x"] + 10 + step * 12, box["y"] + 8)
        page.wait_for_timeout(16)
    page.mouse.up()
    page.wait_for_timeout(500)


def resize(page: Page) -> None:
    box = page.locator(".tabulator-col[tabulator-field=phones]").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"], box["y"] + 12
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(40):
        page.mouse.move(x + step * 3, y)
        page.wait_for_timeout(16)
    page.mouse.up()
    page.wait_for_timeout(500)


def longest(page: Page, act: Any) -> tuple[float, float]:
    """Return the longest task of the page's main thread while ``act`` goes on: by the clock, and of the processor."""
    session = page.context.new_cdp_session(page)
    events: list[dict[str, Any]] = []
    session.on("Tracing.dataCollected", lambda data: events.extend(data["value"]))
    done = {"yes": False}
    session.on("Tracing.tracingComplete", lambda _data: done.update(yes=True))
    categories = ["toplevel", "devtools.timeline", "disabled-by-default-devtools.timeline"]
    session.send(
        "Tracing.start",
        {"transferMode": "ReportEvents", "traceConfig": {"includedCategories": categories}},
    )
    act(page)
    finish(session, page, done)
    threads = {
        (event["pid"], event["tid"])
        for event in events
        if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
    }
    tasks = [
        event
        for event in events
        if event.get("ph") == "X"
        and event["name"].endswith("RunTask")
        and (event["pid"], event["tid"]) in threads
    ]
    if os.environ.get("TRACE"):
        Path(os.environ["TRACE"]).write_text(json.dumps(events))
    return max(task["dur"] for task in tasks) / 1000, max(task.get("tdur", 0) for task in tasks) / 1000


def finish(session: CDPSession, page: Page, done: dict[str, bool]) -> None:
    session.send("Tracing.end")
    while not done["yes"]:
        page.wait_for_timeout(50)
    session.detach()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
