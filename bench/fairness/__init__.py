"""Fairness: what one account at its worst, within the limits as they are by default, does to another (OW6).

    python -m bench.fairness                     # every kind for 30 s, and as many honest requests after it
    python -m bench.fairness --only did-you-mean --seconds 10
    python -m bench.fairness --code ../other     # the server of another checkout, to compare

Another person asks for the overview again and again. The 95th percentile of its time is at most 250 ms, and at most
twice what it is while the same account sends as many honest requests.
"""
