"""Tell whoever follows the changes of a person of each one, soon after its commit (docs/decisions/0051-live.md).

    Caller.perform ─> Hub.changed ──────────────┐            Announcer ─ NOTIFY ─> Listening of every process
                                                v                                     │
    Follower <─ View <─ one read for each person and kind of reader <─ Hub <──────────┘

Nothing is handed on but the word that there is something: what it is, followers read in the record of changes, from
where they stand. So a word that is lost costs time, and never a change.
"""
