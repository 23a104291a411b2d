"""Rows for imports that are to be disturbed: some share numbers, in a chunk and across chunks, and some are wrong."""

import random

HEADERS = ["first_name", "last_name", "phone", "phone_2", "email", "postal_code"]


def linked_rows(count: int, seed: int) -> list[list[str]]:
    chance = random.Random(seed)
    rows = []
    for number in range(count):
        phone = (
            f"+4930{20_000_000 + (chance.randrange(number) if number and chance.random() < 0.2 else number)}"
        )
        second = f"+4930{30_000_000 + chance.randrange(count)}" if chance.random() < 0.1 else ""
        if chance.random() < 0.01:
            phone = "4.41E+11"
        rows.append([f"Name {number}", f"N{number % 97}", phone, second, f"n{number}@example.org", "50667"])
    return rows
