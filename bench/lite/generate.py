"""Makes the lite history: events of people with two devices each, who now and then say who they are.

    generate.py PEOPLE EVENTS FILE

Needs numpy and orjson. The same numbers give the same file.
"""

import sys

import numpy
import orjson

START = 1_740_787_200
DAYS = 150
PROPERTIES = {"category": "shoes", "url": "https://shop.example/c/shoes/p/123456"}
CONTEXT = {"ua": "Mozilla/5.0 (X11; Linux x86_64) Chrome/120", "ip": "10.0.0.1"}


def main():
    people, events, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    random = numpy.random.default_rng(3)
    # Some people do much, most do little. The order of these draws makes the file what it is.
    person = (people * random.random(events) ** 2).astype(numpy.int64)
    device = random.integers(0, 2, events)
    after = numpy.sort(random.random(events) * DAYS * 86_400)
    amount = numpy.round(random.random(events) ** 3 * 300, 2)
    event = random.choice(["view", "view", "view", "cart", "buy"], events)
    # A tenth of the events name the account, a tenth the e-mail.
    says = random.random(events)
    with open(path, "wb") as file:
        for i in range(events):
            row = {
                "id": f"m{i}",
                "ts": int((START + after[i]) * 1000),
                "device": f"d{person[i]}-{device[i]}",
                "event": str(event[i]),
                "properties": {"amount": float(amount[i]), **PROPERTIES},
                "context": CONTEXT,
            }
            if says[i] < 0.1:
                row["account"] = f"A{person[i]}"
            elif says[i] < 0.2:
                row["email"] = f"user{person[i]}@mail.de"
            file.write(orjson.dumps(row) + b"\n")


if __name__ == "__main__":
    main()
