"""What belongs to the installation, in SQL."""

from __future__ import annotations

from sqlalchemy import Boolean, ColumnElement, Text, cast, column, func, literal_column, or_, select, table, update

from todo_core.models.installation import Installation, WriteProbe
from todo_core.storage.statements import Statement

_installation = Installation.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_write_probe = WriteProbe.__table__  # type: ignore[attr-defined]

STATE = Statement(
    select(
        select(column("version_num", Text)).select_from(table("alembic_version")).scalar_subquery().label("revision"),
        or_(func.pg_is_in_recovery(), cast(func.current_setting("default_transaction_read_only"), Boolean)).label(
            "is_read_only"
        ),
    )
)
"""Read the number of the migration that the database is at, and whether it is a standby or refuses writes."""

SMALL_MEMORY = Statement(select(func.set_config("work_mem", "64kB", True)))
"""Have the rest of the transaction use temporary files for what does not fit into 64 kB."""

SPILL = Statement(select(func.count().label("rows")).select_from(func.generate_series(1, 100_000).table_valued("n")))
"""Write 1.4 MB into a temporary file, which is gone afterwards: a full disk refuses it (after `SMALL_MEMORY`)."""

WRITE = Statement(update(_write_probe).values(written_at=func.now()).returning(_write_probe.c.id))
"""Write the row that is there to be written."""

CURSOR_KEY = Statement(select(_installation.c.cursor_key))
"""Read the key that signs cursors."""


def account_hash(issuer: ColumnElement[str], subject: ColumnElement[str]) -> ColumnElement[bytes]:
    """Return the keyed hash by which an account that was deleted for good is known, 32 bytes.

    SHA-256 over the key of the installation and the SHA-256 of issuer and subject: its length is fixed, so nothing can
    be appended. Without the key, nobody can try names.
    """
    key = select(_installation.c.cursor_key).scalar_subquery()
    nul = func.decode(literal_column("'00'"), literal_column("'hex'"))
    name = [func.convert_to(part, literal_column("'UTF8'")) for part in (issuer, subject)]
    hashed: ColumnElement[bytes] = func.sha256(key.op("||")(func.sha256(name[0].op("||")(nul).op("||")(name[1]))))
    return hashed
