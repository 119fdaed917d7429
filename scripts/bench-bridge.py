#!/usr/bin/env python3
"""Tables of `scripts/bench.sh bridge`: each load beside the relay's at the same number of calls."""

import glob
import json
import sys

folder = sys.argv[1]
loads = {}
for path in glob.glob(f"{folder}/result-*-*.json"):
    calls, subject = path.split("result-")[1].removesuffix(".json").split("-", 1)
    loads[int(calls), subject] = json.load(open(path))


def ms(spread):
    if not spread["count"]:
        return "-"
    return "/".join(f"{spread[name] / 1000:.2f}" for name in ["p50_us", "p99_us", "max_us"])


print("| calls | what | CPU µs a call and second | of the relay's | one core, % | KiB a call | up, ms p50/p99/max"
      " | down, ms p50/p99/max | frames lost up/down | later than 20 ms up/down |")
print("|" + " --- |" * 10)
for (calls, subject), load in sorted(loads.items(), key=lambda item: (item[0][0], item[0][1] != "relay")):
    machine, losses = load["machine"], load["losses"]
    relay = loads.get((calls, "relay"))
    ratio = machine["cpu_us_per_call_second"] / max(relay["machine"]["cpu_us_per_call_second"], 1) if relay else 0
    up = "" if load["up"] == calls else f" ({load['up']} up)"
    print(f"| {calls}{up} | {subject} | {machine['cpu_us_per_call_second']:,.0f} | {ratio:.2f} "
          f"| {machine['cpu_percent']:.0f} | {machine['kib_per_call']:.0f} | {ms(load['latency_up'])} "
          f"| {ms(load['latency_down'])} | {losses['up']} of {load['frames_up']:,} / {losses['down']} of {load['frames_down']:,} "
          f"| {losses['late_up']} / {losses['late_down']} |")
print("\n| calls | what | inbound to TwiML, ms p50/p99/max | refused | failed | turns without an answer"
      " | generator late, ms p50/p99/max | its CPU, % | MiB before, full, after |")
print("|" + " --- |" * 9)
for (calls, subject), load in sorted(loads.items(), key=lambda item: (item[0][0], item[0][1] != "relay")):
    machine, tally = load["machine"], load["tally"]
    memory = ", ".join(f"{machine[name] / 1024:.0f}" for name in ["rss_before_kib", "rss_full_kib", "rss_after_kib"])
    print(f"| {calls} | {subject} | {ms(load['twiml'])} | {tally['refused']} | {tally['failed']} | {load['unanswered']} "
          f"| {ms(load['own_lateness'])} | {machine['own_cpu_percent']:.0f} | {memory} |")
    for what, count in {**tally["refusals"], **tally["failures"]}.items():
        print(f"    {count} x {what}", file=sys.stderr)
try:
    idle = json.load(open(f"{folder}/result-idle.json"))
    print(f"\nidle sockets: {idle['open']:,} open of {idle['sockets']:,}; {idle['before']['rss_kib'] / 1024:.0f} MiB before, "
          f"{idle['full']['rss_kib'] / 1024:.0f} MiB with them, {idle['kib_per_socket']:.1f} KiB each")
except FileNotFoundError:
    pass
