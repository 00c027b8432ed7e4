"""Writes the sample data beside it, and what a definition has to find in them, worked out here by itself.

    python3 make.py

The same data every time. What is wrong with them is told in README.md. The programs `zstd` and `lz4` compress two of the
files; all else is Python's own.
"""
import bz2, collections, datetime as dt, gzip, hashlib, json, os, random, subprocess, unicodedata
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

random.seed(7)
here = os.path.dirname(os.path.abspath(__file__))
data = os.path.join(here, "data")
os.makedirs(data, exist_ok=True)
berlin = ZoneInfo("Europe/Berlin")
start = dt.datetime(2025, 3, 1, tzinfo=dt.timezone.utc)


def write(name, given):
    with open(os.path.join(data, name), "wb") as file:
        file.write(given)


def compressed_by(command, given):
    return subprocess.run(command, input=given, stdout=subprocess.PIPE, check=True).stdout


def snappy(given):
    """A stream in snappy's frame format: chunks of at most 64 KiB, each with the checksum of what it holds."""
    table = []
    for number in range(256):
        for _ in range(8):
            number = (number >> 1) ^ (0x82F63B78 if number & 1 else 0)
        table.append(number)

    def checksum(part):
        crc = 0xFFFFFFFF
        for byte in part:
            crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
        crc ^= 0xFFFFFFFF
        return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF

    def block(part):
        """What was not seen before stands as it is; of what was, is said how far back and how long it is."""
        out, length = bytearray(), len(part)
        while length >= 0x80:
            out.append(length & 0x7F | 0x80)
            length >>= 7
        out.append(length)

        def literal(text):
            for at in range(0, len(text), 60):
                out.append((len(text[at:at + 60]) - 1) << 2)
                out.extend(text[at:at + 60])

        seen, at, told = {}, 0, 0
        while at + 4 <= len(part):
            before = seen.get(part[at:at + 4])
            seen[part[at:at + 4]] = at
            if before is None:
                at += 1
                continue
            same = 4
            while same < 64 and at + same < len(part) and part[before + same] == part[at + same]:
                same += 1
            literal(part[told:at])
            out.append((same - 1) << 2 | 2)
            out.extend((at - before).to_bytes(2, "little"))
            at = told = at + same
        literal(part[told:])
        return bytes(out)

    stream = b"\xff\x06\x00\x00sNaPpY"
    for at in range(0, len(given), 65535):
        part = given[at:at + 65535]
        chunk = checksum(part).to_bytes(4, "little") + block(part)
        stream += b"\x00" + len(chunk).to_bytes(3, "little") + chunk
    return stream


def lines(rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def minute(at):
    return at.replace(second=0, microsecond=0)


# Who is the same: whatever a row has in common with another; and the rows of each, by source.
parent, rows_of = {}, collections.defaultdict(lambda: collections.defaultdict(list))
times = []


def found(of):
    parent.setdefault(of, of)
    while parent[of] != of:
        of = parent[of]
    return of


def says(source, at, facts, **identifiers):
    """A row that counts: when it happened, what it says, and whose it is."""
    given = [(kind, value) for kind, value in identifiers.items() if value]
    for other in given[1:]:
        parent[found(given[0])] = found(other)
    found(given[0])
    rows_of[given[0]][source].append((at, facts))
    times.append(at)


def mail_of(text):
    """An address without spaces and what has no width, in small letters."""
    return " ".join(text.replace("\u200b", "").replace("\ufeff", "").split()).lower() if text else None


def hash_of(text):
    return hashlib.sha256(mail_of(text).encode()).hexdigest() if text else None


CODES = {"DE": "49", "FR": "33", "US": "1"}


def dialled(text, country):
    """A number as all the world dials it; without a country only those are known that begin with a plus."""
    if not text:
        return None
    text = text.split("ext")[0].strip()
    digits = "".join(of for of in text if of.isdigit())
    if text.startswith("+"):
        return "+" + digits
    if country is None:
        return None
    if digits.startswith("00") and country != "US":
        return "+" + digits[2:]
    return "+" + CODES[country] + digits.removeprefix("0")


# Workspaces: semicolons, Windows-1252, comments between the rows.
workspaces = []
for number in range(24):
    name = f"{random.choice(['Café', 'Studio', 'Büro', 'Atelier'])} {number}"
    workspaces.append((f"W{number:03}", name, random.choice(["DE", "FR", "US"])))
text = "# exported by hand\r\nid;name;country\r\n"
for at, row in enumerate(workspaces):
    text += ";".join(row) + "\r\n"
    if at == 10:
        text += "# more below\r\n"
write("workspaces.csv", text.encode("windows-1252"))
country_of = {row[0]: row[2] for row in workspaces}

first = ["Zoë", "José", "Mara", "Ali", "Ida", "Jörg", "Chloé", "Bo"]
last = ["Müller", "Okafor", "Lindgren", "Rossi", "Dvořák", "Sato"]
User = collections.namedtuple("User", "id name mail workspace cookie country phone")
users = []
for number in range(90):
    country = random.choice(["DE", "FR", "US"])
    # Numbers that are nobody's, as films have them.
    phone = {"DE": f"3023125{number:03}", "FR": f"19900{number:04}", "US": f"21255501{number:02}"}[country]
    users.append(User(f"U{number:04}", f"{random.choice(first)} {random.choice(last)}",
                      f"user{number}@{random.choice(['firm', 'team', 'shop'])}.example",
                      random.choice(workspaces)[0], f"ck_{number:05}", country, phone))


def spelled_phone(user):
    """One of the ways in which people write their number."""
    if user.country == "DE":
        return random.choice([f"0{user.phone[:2]} {user.phone[2:7]} {user.phone[7:]}", f"+49 {user.phone[:2]} {user.phone[2:]}",
                              f"0049 {user.phone[:2]} {user.phone[2:7]}-{user.phone[7:]}", f"0{user.phone[:2]}/{user.phone[2:]}"])
    if user.country == "FR":
        pairs = ["0" + user.phone[0]] + [user.phone[at:at + 2] for at in range(1, 9, 2)]
        return random.choice([" ".join(pairs), ".".join(pairs), "+33 " + " ".join(pairs)[1:]])
    parts = (user.phone[:3], user.phone[3:6], user.phone[6:])
    return random.choice(["(%s) %s-%s" % parts, "+1 %s %s %s" % parts, "%s-%s-%s ext. 7" % parts])


def spelled_mail(user):
    """As it is, in capitals, or with what nobody sees around it."""
    return random.choice([user.mail, user.mail, user.mail.upper(), f"\ufeff{user.mail}", f"{user.mail}\u200b "])


# Sign-ups: newline-delimited JSON, compressed with zstd. The form was written anew twice, and each time it told the time
# in another way. Names are typed by hand, some with their accents as characters of their own.
CODED = {"DE": ["DE", "D", "GER"], "FR": ["FR", "F"], "US": ["US", "USA"]}
PLANS = {"s": "starter", "t": "team", "e": "enterprise"}
rows = []
for number, user in enumerate(random.sample(users, 70) + random.sample(users, 8)):
    at = start + dt.timedelta(hours=6 * number, minutes=random.randint(0, 300), seconds=random.randint(0, 59))
    shown = at.astimezone(berlin)
    way = number * 3 // 78
    told = [int(at.timestamp()) * 1000, f"{shown:%d/%m/%Y %H:%M}", f"{shown:%Y-%m-%d %H:%M}"][way]
    at = at if way == 0 else minute(at)
    name = unicodedata.normalize("NFD", user.name) if random.random() < 0.4 else user.name
    name = random.choice([name, name, f"  {name}", name.replace(" ", "\u00a0"), f"{name}\t"])
    code = random.choice(CODED[user.country] + ["?"])
    phones = [{"kind": "work", "number": spelled_phone(user)}, {"kind": "home", "number": "-"}][:random.choice([0, 1, 1, 2])]
    plan = random.choice("sste")
    source = random.choice(["search", "friends", "advert", None])
    size = random.choice([random.randint(1, 40), "many"])
    goals = random.sample(["invoicing", "reports", "archive"], random.randint(0, 2))
    row = {"signup": f"S{number:03}", "at": told, "cookie": user.cookie,
           "user": {"id": user.id, "email": spelled_mail(user), "name": name, "country": code, "phones": phones},
           "plan": plan, "utm.source": source, "answers": {"team": {"size": size}, "goals": goals}}
    rows.append(row)
    country = None if code == "?" else user.country
    facts = {"name": unicodedata.normalize("NFC", " ".join(name.split())), "plan": PLANS[plan], "source": source,
             "team": size if isinstance(size, int) else None, "goal": goals[0] if goals else None}
    says("signups", at, facts, user_id=user.id, email=mail_of(row["user"]["email"]), email_hash=hash_of(row["user"]["email"]),
         phone=dialled(phones[0]["number"] if phones else None, country), cookie=user.cookie)
rows += random.sample(rows, 6)
rows.append({"signup": "S900", "at": "31/04/2025 10:00", "cookie": "ck_90000", "plan": "s"})
rows.append({"signup": "S901", "at": "30/03/2025 10:00", "cookie": "ck_90001", "plan": "free"})
write("signups.ndjson.zst", compressed_by(["zstd", "-19", "-q", "-c"], lines(rows).encode()))

# Leads as an advertising platform tells them: CSV, compressed with snappy, microseconds since 1970; addresses are hashed,
# some in capitals, and some came as they are.
text = "lead,clicked,cookie,sha256_email,campaign\n"
for number in range(120):
    user = random.choice(users)
    at = start + dt.timedelta(hours=4 * number, microseconds=random.randint(0, 10**9))
    told = random.choice([hash_of(user.mail), hash_of(user.mail), hash_of(user.mail).upper(), f" {user.mail.upper()}", ""])
    cookie = user.cookie if random.random() < 0.3 else f"ad_{number:04}"
    campaign = random.choice(["spring", "spring", "brand", "retarget"])
    micros = (at - dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)) // dt.timedelta(microseconds=1)
    text += f"L{number:03},{micros},{cookie},{told},{campaign}\n"
    says("leads", at, {"campaign": campaign}, email_hash=hash_of(user.mail) if told else None, cookie=cookie)
text += "L900,yesterday,ad_9000,,brand\n"
write("leads.csv.sz", snappy(text.encode()))

# Visits and what was done: newline-delimited JSON, compressed with gzip, seconds since 1970, some rows twice.
rows, seen = [], set()
for number in range(420):
    user = random.choice(users)
    at = start + dt.timedelta(minutes=37 * number)
    event = random.choice(["visited", "visited", "signed_in", "signed_in", "exported"])
    known = event != "visited"
    mail = user.mail.upper() if random.random() < 0.3 else user.mail
    rows.append({"event_id": f"e{number}", "ts": int(at.timestamp()), "cookie": user.cookie, "event": event,
                 "workspace": user.workspace, "user": {"id": user.id, "email": mail} if known else None})
rows += random.sample(rows, 20)
for row in rows:
    if row["event_id"] in seen:
        continue
    seen.add(row["event_id"])
    user = row["user"] or {"id": None, "email": None}
    at = dt.datetime.fromtimestamp(row["ts"], dt.timezone.utc)
    says("events", at, {"event": row["event"], "country": country_of[row["workspace"]]}, user_id=user["id"],
         email=mail_of(user["email"]), email_hash=hash_of(user["email"]), cookie=row["cookie"])
text = lines(rows) + '{"event_id": "broken", "ts": "soon"}\nnot json\n'
with gzip.GzipFile(os.path.join(data, "events.ndjson.gz"), "wb", mtime=0) as file:
    file.write(text.encode())

# Invoices: one list of JSON on many lines, compressed with bzip2, with lines in several currencies; local times with
# the zone beside them. Some are written anew, with other lines, and some are void.
versions, newest = [], {}
for number in range(140):
    user = random.choice(users)
    zone = random.choice(["Europe/Berlin", "America/New_York"])
    for version in range(random.choice([1, 1, 1, 2, 3])):
        at = start + dt.timedelta(hours=5 * number, minutes=version)
        items = [{"sku": random.choice(["seat", "storage", "support"]), "quantity": random.randint(1, 9),
                  "amount": f"{random.randint(100, 99999) / 100:.2f}"} for _ in range(random.randint(0, 4))]
        row = {"invoice": f"I{number:04}", "issued": at.astimezone(ZoneInfo(zone)).strftime("%d.%m.%Y %H:%M"), "zone": zone,
               "updated_at": at.isoformat().replace("+00:00", "Z"),
               "bill_to": {"user_id": user.id if random.random() < 0.8 else None, "email": user.mail},
               "currency": random.choice(["EUR", "USD", "JPY"]), "state": "void" if random.random() < 0.06 else "open",
               "lines": items or None}
        versions.append(row)
        newest[row["invoice"]] = (at, row)
# Somebody of whom nothing is known but that they were to pay, for nothing yet.
versions.append({**versions[0], "invoice": "I0900", "bill_to": {"user_id": "U0900", "email": "nothing.yet@firm.example"},
                 "state": "open", "lines": None})
random.shuffle(versions)
write("invoices.json.bz2", bz2.compress(json.dumps(versions, indent=1, ensure_ascii=False).encode()))
for at, row in newest.values():
    if row["state"] == "void":
        continue
    mail = row["bill_to"]["email"]
    for line in row["lines"] or []:
        says("invoices", at, {**line, "currency": row["currency"], "issued": minute(at)}, user_id=row["bill_to"]["user_id"],
             email=mail_of(mail), email_hash=hash_of(mail))

# Tickets: UTF-16, tabs, no header, compressed with lz4; local times of Berlin, and the hours until somebody answered.
text = "\ufeff"
for number in range(110):
    user = random.choice(users)
    at = start + dt.timedelta(hours=7 * number)
    called = random.random() < 0.2
    mail = f" {user.mail} " if random.random() < 0.2 else user.mail
    mail, phone = ("", "+" + CODES[user.country] + " " + user.phone) if called else (mail, "")
    hours = random.choice([f"{random.randint(1, 900) / 10:.1f}", f"{random.randint(1, 900) / 10:.1f}", "-", "never"])
    text += f"T{number}\t{at.astimezone(berlin):%Y-%m-%d %H:%M:%S}\t{mail}\t{phone}\t{hours}\tÄrger mit \"{random.choice(first)}\"\n"
    says("tickets", at, {"hours": Decimal(hours) if hours[0].isdigit() else None},
         email=mail_of(mail), phone=dialled(phone, "DE"))
text += "T900\t31.02.2025\tuser1@firm.example\t\t1.0\tno such day\n"
text += "T901\t2025-03-04 10:00:00\t\tunknown\t-\tnobody\n"
write("tickets.tsv.lz4", compressed_by(["lz4", "-9", "-q", "-c"], text.encode("utf-16-le")))

# What is known of each person when the newest row came.
now = max(times)


def within(rows, days):
    return [facts for at, facts in rows if at > now - dt.timedelta(days=days)]


def all_of(rows, name):
    return [facts[name] for _, facts in rows if facts[name] is not None]


def newest_of(rows, name, which=max):
    told = [(at, facts[name]) for at, facts in rows if facts[name] is not None]
    return which(told)[1] if told else None


def counts(values):
    return dict(collections.Counter(values)) or None


def percentile(values, share):
    """Between the two values around that place, by how near each is; five digits, the last rounded half away from zero."""
    if not values:
        return None
    values = sorted(map(Fraction, values))
    place = share * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    exact = values[low] + (values[high] - values[low]) * (place - low)
    return float(Fraction(int(exact * 10**5 + Fraction(1, 2)), 10**5))


def sums(rows, key, value):
    summed = collections.defaultdict(lambda: 0)
    for _, facts in rows:
        summed[facts[key]] += value(facts)
    return summed


def attributes(of):
    signups, leads, events, invoices, tickets = (of[name] for name in ["signups", "leads", "events", "invoices", "tickets"])
    recent = [facts["event"] for facts in within(events, 30)]
    bought = sorted(sums(invoices, "sku", lambda facts: facts["quantity"]).items(), key=lambda sku: (-sku[1], sku[0]))
    spent = sums(invoices, "currency", lambda facts: Decimal(facts["amount"]))
    issued = max(all_of(invoices, "issued"), default=None)
    seats = [facts["quantity"] for _, facts in invoices if facts["sku"] == "seat"]
    return {
        "name": newest_of(signups, "name"),
        "plan": newest_of(signups, "plan"),
        "came_by": newest_of(signups, "source", min),
        "goal": newest_of(signups, "goal"),
        "team": max(all_of(signups, "team"), default=None),
        "leads": counts(all_of(leads, "campaign")),
        "visits": len(events),
        "actions": counts(recent),
        "export_rate": recent.count("exported") / recent.count("signed_in") if recent.count("signed_in") else None,
        "countries": sorted(set(all_of(events, "country"))) or None,
        "lines": len(invoices),
        "seats": sum(seats) if seats else None,
        "spent": {currency: float(amount) for currency, amount in spent.items()} or None,
        "favourite": bought[0][0] if bought else None,
        "most_bought": [{"value": sku, "sum": quantity} for sku, quantity in bought[:2]] or None,
        "last_invoice": f"{issued:%Y-%m-%dT%H:%M:%S.000Z}" if issued else None,
        "tickets": len(tickets),
        "slowest_answer": percentile(all_of(tickets, "hours"), Fraction(9, 10)),
    }


def segments(known):
    paying = known["lines"] > 0
    members = {
        "paying": paying,
        "trying": known["plan"] == "starter" and not paying,
        "pays_in_yen": (known["spent"] or {}).get("JPY", 0) >= 1000,
        "exporting": known["export_rate"] is not None and known["export_rate"] >= 0.5,
        "at_risk": paying and (known["tickets"] > 2 or (known["slowest_answer"] or 0) > 72),
    }
    return sorted(name for name, is_in in members.items() if is_in)


groups = collections.defaultdict(lambda: (collections.defaultdict(list), collections.defaultdict(list)))
for kind, value in parent:
    groups[found((kind, value))][0][kind].append(value)
for of, rows in rows_of.items():
    for source, told in rows.items():
        groups[found(of)][1][source] += told
people = []
for identifiers, rows in groups.values():
    known = attributes(rows)
    people.append({"identifiers": {kind: sorted(values) for kind, values in sorted(identifiers.items())},
                   "attributes": known, "segments": segments(known)})
people.sort(key=lambda of: json.dumps(of["identifiers"]))
with open(os.path.join(here, "expected.json"), "w") as file:
    file.write("[\n" + ",\n".join(json.dumps(of, ensure_ascii=False) for of in people) + "\n]\n")
