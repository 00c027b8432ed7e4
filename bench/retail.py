"""What a generated retail history comes to, computed without the engine.

A plain reading of the files with Python's own JSON and a union-find: which rows count, who is one
person under the guards, what they bought. Knows the definition `dataflows/retail/retail.yaml` by heart and shares
nothing with the engine.
"""

import json
import re
from datetime import datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from pathlib import Path

BIG = {"DE", "AT", "CH"}
IGNORED = {"", "none", "test@test.com"}
# Most trusted first; what of each may be tied to how many of a more trusted type.
KINDS = ("customer_id", "email", "phone", "anonymous_id")
SHARED_AFTER = (None, 5, 5, 10)


class Rejected(Exception):
    pass


def instant(text):
    try:
        return datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise Rejected("time") from None


def amount(value):
    """decimal(12,2)"""
    if value is None:
        return None
    if not isinstance(value, Decimal | int):
        raise Rejected("amount")
    try:
        cents = value * 100
        if cents != int(cents) or abs(cents) >= 10**12:
            raise Rejected("amount")
        return int(cents)
    except InvalidOperation:
        raise Rejected("amount") from None


def email(value):
    if value is None:
        return None
    value = value.strip(" ").lower()
    return None if value in IGNORED or value.startswith("noreply@") else value


def phone(value):
    return (re.sub(r"[^0-9+]", "", value) or None) if value is not None else None


class Answers:
    def __init__(self, folder):
        self.latest = datetime.now(timezone.utc) + timedelta(days=1)
        self.counts = {}
        self.numbers = {}
        self.names = []
        # By the numbers of both ends, the more trusted first: when it was first seen.
        self.links = {}
        # By most trusted identifier: what its rows come to.
        self.orders = {}
        self.countries = {}
        self.read(Path(folder))
        self.admit()

    def read(self, folder):
        web = sorted((folder / "web").glob("*.ndjson"))
        self.events("web", web, "messageId", "timestamp", self.web)
        self.events("orders", [folder / "orders/orders.ndjson"], "order_id", "ordered_at", self.order)
        self.records(folder / "crm/customers.ndjson")

    def events(self, source, paths, key, time, take):
        seen = set()
        counts = dict.fromkeys(("rows", "accepted", "rejected", "duplicates"), 0)
        for path in paths:
            with open(path, encoding="utf-8") as lines:
                for line in lines:
                    counts["rows"] += 1
                    try:
                        row = json.loads(line, parse_float=Decimal)
                        at = instant(row.get(time))
                        if row.get(key) is None or at > self.latest:
                            raise Rejected(key)
                        identifiers = take(row, row[key] in seen)
                    except (Rejected, ValueError):
                        counts["rejected"] += 1
                        continue
                    if identifiers is None:
                        counts["duplicates"] += 1
                    else:
                        counts["accepted"] += 1
                        seen.add(row[key])
                        self.link(identifiers, at)
        self.counts[source] = counts

    def web(self, row, is_known):
        properties = row.get("properties") or {}
        amount(properties.get("price"))
        if is_known:
            return None
        return [
            ("customer_id", row.get("userId")),
            ("email", email(properties.get("email"))),
            ("anonymous_id", row.get("anonymousId")),
        ]

    def order(self, row, is_known):
        cents = amount(row.get("amount"))
        if is_known:
            return None
        identifiers = [("customer_id", row.get("customer_id")), ("email", email(row.get("email")))]
        carrier = next(pair for pair in identifiers if pair[1] is not None)
        number, total, departments = self.orders.get(carrier, (0, 0, frozenset()))
        departments = departments | {row.get("department")}
        self.orders[carrier] = (number + 1, total + (cents or 0), departments)
        return identifiers

    def records(self, path):
        counts = dict.fromkeys(("rows", "accepted", "rejected", "duplicates"), 0)
        standing = {}
        # When links were first seen that records carried, corrected ones too.
        seen = {}
        with open(path, encoding="utf-8") as lines:
            for place, line in enumerate(lines):
                counts["rows"] += 1
                try:
                    row = json.loads(line)
                    at = instant(row.get("updated_at"))
                except (Rejected, ValueError):
                    counts["rejected"] += 1
                    continue
                counts["accepted"] += 1
                key = row["customer_id"]
                identifiers = None
                if row["status"] != "erased":
                    others = (("email", email(row["email"])), ("phone", phone(row["phone"])))
                    identifiers = [("customer_id", key), *others]
                    for other in others:
                        pair = (key, other)
                        seen[pair] = min(at, seen.get(pair, at))
                if key not in standing or standing[key][0] <= (at, place):
                    standing[key] = ((at, place), identifiers, row["country"])
        for key, ((at, _), identifiers, country) in standing.items():
            if identifiers is None:
                continue
            self.link(identifiers[:1], at)
            for other in identifiers[1:]:
                self.link([identifiers[0], other], seen[key, other])
            self.countries[identifiers[0]] = (at, country)
        self.counts["crm"] = counts

    def number(self, identifier):
        number = self.numbers.get(identifier)
        if number is None:
            number = self.numbers[identifier] = len(self.names)
            kind, text = identifier
            self.names.append((KINDS.index(kind), text))
        return number

    def link(self, identifiers, at):
        """Links a row's most trusted identifier with each of the others."""
        numbers = [self.number(identifier) for identifier in identifiers if identifier[1] is not None]
        for other in numbers[1:]:
            pair = (numbers[0], other)
            self.links[pair] = min(at, self.links.get(pair, at))

    def admit(self):
        """Lets links count one by one, as the guards have it."""
        names = self.names
        tied = {}
        for one, other in self.links:
            if names[one][0] < names[other][0]:
                tied.setdefault(other, {}).setdefault(names[one][0], set()).add(one)
        shared = {
            number
            for number, by_kind in tied.items()
            if any(len(ends) > SHARED_AFTER[names[number][0]] for ends in by_kind.values())
        }
        links = [pair for pair in self.links if not shared.intersection(pair)]
        links.sort(
            key=lambda pair: (
                names[pair[0]][0], names[pair[1]][0], self.links[pair], names[pair[0]][1], names[pair[1]][1]
            )
        )
        self.parents = list(range(len(names)))
        customers = [int(kind == 0) for kind, _ in names]
        for one, other in links:
            one, other = self.root(one), self.root(other)
            if one != other and customers[one] + customers[other] <= 1:
                self.parents[other] = one
                customers[one] += customers[other]

    def root(self, number):
        parents = self.parents
        while parents[number] != number:
            parents[number] = parents[parents[number]]
            number = parents[number]
        return number

    def people(self):
        """By root: orders, cents, departments and the last country of those who have any."""
        people = {}
        for identifier, (number, cents, departments) in self.orders.items():
            root = self.root(self.numbers[identifier])
            known = people.get(root, (0, 0, frozenset(), None))
            people[root] = (known[0] + number, known[1] + cents, known[2] | departments, known[3])
        for identifier, country in self.countries.items():
            root = self.root(self.numbers[identifier])
            known = people.get(root, (0, 0, frozenset(), None))
            people[root] = (*known[:3], max(filter(None, (known[3], country))))
        return people

    def by_identifiers(self):
        """Each person's identifiers, with the number of their orders and what they spent."""
        members = {}
        for (kind, value), number in self.numbers.items():
            members.setdefault(self.root(number), []).append(f"{kind}:{value}")
        people = self.people()
        nothing = (0, 0)
        return {tuple(sorted(names)): people.get(root, nothing)[:2] for root, names in members.items()}

    def summary(self):
        """In the form of the engine's own summary, as far as it can be told here."""
        people = self.people().values()
        return {
            "sources": self.counts,
            "identifiers": len(self.numbers),
            "people": sum(1 for number, parent in enumerate(self.parents) if number == parent),
            "segments": {
                "customers": sum(1 for orders, *_ in people if orders > 0),
                "loyal": sum(1 for orders, _, of, _ in people if orders >= 3 and len(of) >= 2),
                "big_spenders": sum(
                    1 for _, cents, _, last in people if cents > 50_000 and last and last[1] in BIG
                ),
            },
            "orders": sum(orders for orders, *_ in people),
            "spent": sum(cents for _, cents, *_ in people),
        }


def differences(expected, found, path=""):
    """Where `found` differs from what is expected; what is not expected is not looked at."""
    if not isinstance(expected, dict):
        return [] if expected == found else [f"{path}: expected {expected}, found {found}"]
    wrong = []
    for key, value in expected.items():
        there = found.get(key) if isinstance(found, dict) else None
        wrong += differences(value, there, f"{path}.{key}" if path else key)
    return wrong


def folded(lines):
    """A changelog's newest value a key."""
    state = {}
    for key, value in lines:
        if value is None:
            state.pop(key, None)
        else:
            state[key] = value
    return state


def check_profiles(answers, profiles):
    """Compares folded profiles, person by person."""
    expected = answers.by_identifiers()
    found = {}
    for profile in profiles.values():
        names = [f"{kind}:{value}" for kind, of in profile["identifiers"].items() for value in of]
        attributes = profile["attributes"]
        spent = int((attributes["lifetime_value"] or 0) * 100)
        found[tuple(sorted(names))] = (attributes["orders"], spent)
    missing = [(who, what) for who, what in expected.items() if found.get(who) != what]
    extra = [(who, what) for who, what in found.items() if who not in expected]
    assert not missing and not extra, (
        f"{len(missing)} people are not as they should be, such as {missing[:2]}; "
        f"{len(extra)} should not be, such as {extra[:2]}"
    )
    return len(expected)
