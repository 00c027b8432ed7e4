"""Writes the sample data beside it, and what a definition has to find in them, worked out here by itself.

    python3 make.py

The same data every time. What is wrong with them is told in README.md.
"""
import bz2, collections, datetime as dt, gzip, json, os, random
from zoneinfo import ZoneInfo

random.seed(7)
here = os.path.dirname(os.path.abspath(__file__))
data = os.path.join(here, "data")
os.makedirs(data, exist_ok=True)
start = dt.datetime(2025, 3, 1, tzinfo=dt.timezone.utc)
first = ["Zoë", "José", "Mara", "Ali", "Ida", "Jörg", "Chloé", "Bo"]
last = ["Müller", "Okafor", "Lindgren", "Rossi", "Dvořák", "Sato"]

workspaces = []
for number in range(24):
    name = f"{random.choice(['Café', 'Studio', 'Büro', 'Atelier'])} {number}"
    workspaces.append((f"W{number:03}", name, random.choice(["DE", "FR", "US"])))
with open(os.path.join(data, "workspaces.csv"), "wb") as file:
    text = "# exported by hand\r\nid;name;country\r\n"
    for at, row in enumerate(workspaces):
        text += ";".join(row) + "\r\n"
        if at == 10:
            text += "# more below\r\n"
    file.write(text.encode("windows-1252"))

users = []
for number in range(90):
    name = f"{random.choice(first)} {random.choice(last)}"
    mail = f"user{number}@{random.choice(['firm', 'team', 'shop'])}.example"
    users.append((f"U{number:04}", name, mail, random.choice(workspaces)[0], f"ck_{number:05}"))

links, facts = [], collections.defaultdict(lambda: collections.Counter())
countries = collections.defaultdict(set)
country = {row[0]: row[2] for row in workspaces}
seen = set()

def link(*identifiers):
    links.append([of for of in identifiers if of])
    return links[-1][0]

def norm(mail):
    return ("email", mail.strip().lower()) if mail else None

# Sign-ups and visits: newline-delimited JSON, compressed with gzip, seconds since 1970, some rows twice.
rows = []
for number in range(420):
    user = random.choice(users)
    at = start + dt.timedelta(minutes=37 * number)
    known = random.random() < 0.5
    mail = user[2].upper() if random.random() < 0.3 else user[2]
    row = {"event_id": f"e{number}", "ts": int(at.timestamp()), "cookie": user[4],
           "event": "signed_in" if known else "visited", "workspace": user[3],
           "user": {"id": user[0], "email": mail} if known else None}
    rows.append(row)
for row in random.sample(rows, 20):
    rows.append(row)
for row in rows:
    if row["event_id"] in seen:
        continue
    seen.add(row["event_id"])
    user = row["user"]
    of = link(("user_id", user["id"]) if user else None, norm(user["email"]) if user else None, ("cookie", row["cookie"]))
    facts[of]["visits"] += 1
    countries[of].add(country[row["workspace"]])
text = "".join(json.dumps(row) + "\n" for row in rows) + '{"event_id": "broken", "ts": "soon"}\nnot json\n'
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
        lines = [{"sku": random.choice(["seat", "storage", "support"]), "quantity": random.randint(1, 9),
                  "amount": f"{random.randint(100, 99999) / 100:.2f}"} for _ in range(random.randint(0, 4))]
        row = {"invoice": f"I{number:04}", "issued": at.astimezone(ZoneInfo(zone)).strftime("%d.%m.%Y %H:%M"), "zone": zone,
               "updated_at": at.isoformat().replace("+00:00", "Z"),
               "bill_to": {"user_id": user[0] if random.random() < 0.8 else None, "email": user[2]},
               "currency": random.choice(["EUR", "USD", "JPY"]), "state": "void" if random.random() < 0.06 else "open",
               "lines": lines or None}
        versions.append(row)
        newest[row["invoice"]] = row
random.shuffle(versions)
with bz2.open(os.path.join(data, "invoices.json.bz2"), "wb") as file:
    file.write(json.dumps(versions, indent=1, ensure_ascii=False).encode())
for row in newest.values():
    if row["state"] == "void" or not row["lines"]:
        continue
    user = row["bill_to"]["user_id"]
    of = link(("user_id", user) if user else None, norm(row["bill_to"]["email"]))
    facts[of]["lines"] += len(row["lines"])
    facts[of]["seats"] += sum(line["quantity"] for line in row["lines"] if line["sku"] == "seat")
    facts[of][row["currency"]] += sum(round(float(line["amount"]) * 100) for line in row["lines"])

# Tickets: UTF-16, tabs, no header, local times of Berlin.
text = "\ufeff"
for number in range(110):
    user = random.choice(users)
    at = (start + dt.timedelta(hours=7 * number)).astimezone(ZoneInfo("Europe/Berlin"))
    mail = f" {user[2]} " if random.random() < 0.2 else user[2]
    text += f"T{number}\t{at:%Y-%m-%d %H:%M:%S}\t{mail}\tÄrger mit \"{random.choice(first)}\"\n"
    of = link(norm(mail))
    facts[of]["tickets"] += 1
text += "T900\t31.02.2025\tuser1@firm.example\tno such day\n"
with open(os.path.join(data, "tickets.tsv"), "wb") as file:
    file.write(text.encode("utf-16-le"))

# Who is the same: whatever a row has in common with another.
parent = {}
def find(of):
    parent.setdefault(of, of)
    while parent[of] != of:
        of = parent[of]
    return of
for row in links:
    for other in row[1:]:
        parent[find(row[0])] = find(other)
    find(row[0])
groups = collections.defaultdict(lambda: {"identifiers": [], "facts": collections.Counter(), "countries": set()})
for of in parent:
    groups[find(of)]["identifiers"].append(":".join(of))
for of, counted in facts.items():
    groups[find(of)]["facts"].update(counted)
for of, found in countries.items():
    groups[find(of)]["countries"] |= found
people = sorted(({"identifiers": sorted(group["identifiers"]), "countries": sorted(group["countries"]),
                  **{name: group["facts"][name] for name in ["visits", "lines", "seats", "EUR", "USD", "JPY", "tickets"]}}
                 for group in groups.values()), key=lambda of: of["identifiers"])
with open(os.path.join(here, "expected.json"), "w") as file:
    json.dump({"people": people}, file, indent=0)
    file.write("\n")
