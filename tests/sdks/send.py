"""What the SDKs of Python send, each call once: `segment` or `rudder`."""

import datetime
import os
import sys

if sys.argv[1] == "segment":
    import segment.analytics as analytics

    analytics.host = os.environ["HOST"]
else:
    import rudderstack.analytics as analytics

    analytics.dataPlaneUrl = os.environ["HOST"]
analytics.write_key = "web"
analytics.max_retries = 0
failed = []
analytics.on_error = lambda error, _items: failed.append(error)

analytics.track(anonymous_id="a1", event="Viewed", properties={"total": "1.25"})
analytics.identify(user_id="ada", anonymous_id="a1", traits={"email": "Ada@Example.com"})
analytics.track(user_id="ada", event="Order", properties={"total": "12.50"})
analytics.page(user_id="ada", name="Home")
analytics.screen(user_id="ada", name="Cart")
analytics.group(user_id="ada", group_id="g", traits={})
analytics.alias(user_id="ada", previous_id="a0")
yesterday = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1)
analytics.track(user_id="ada", event="Order", timestamp=yesterday)
analytics.flush()
analytics.shutdown() if hasattr(analytics, "shutdown") else None
if failed:
    sys.exit(str(failed))
