"""A user's own row in SQL."""

from __future__ import annotations

from sqlalchemy import BigInteger, Text, any_, case, func, literal, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import ARRAY

from todo_core.database import Statement, json_object, parameter
from todo_core.models.users import PATCHABLE, ProfileRead, User

_table = User.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_mine = _table.c.id == parameter("user_id", BigInteger())

ONE = Statement(select(json_object(ProfileRead, _table.c).label("row")).where(_mine))

_old = select(_table).where(_mine).with_for_update().cte("old")
_given = parameter("given", ARRAY(Text))
_new = {name: case((literal(name) == any_(_given), parameter(name, Text())), else_=_old.c[name]) for name in PATCHABLE}
_revised = (
    update(_table)
    .values(
        **_new,
        is_name_chosen=or_(_old.c.is_name_chosen, literal("display_name") == any_(_given)),
        updated_at=func.statement_timestamp(),
        version=_old.c.version + 1,
    )
    .where(
        _table.c.id == _old.c.id,
        tuple_(*_new.values()).is_distinct_from(tuple_(*(_old.c[name] for name in PATCHABLE))),
    )
    .returning(_table)
    .cte("revised")
)
REVISE = Statement(
    select(
        _old.c.id,
        json_object(ProfileRead, _old.c).label("before"),
        case((_revised.c.id.is_not(None), json_object(ProfileRead, _revised.c))).label("after"),
    ).select_from(_old.outerjoin(_revised, _revised.c.id == _old.c.id))
)
