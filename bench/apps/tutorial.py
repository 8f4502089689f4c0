"""The tutorial: FastAPI, PyJWT, a SQLModel session and row-level security, as the guides write it."""

import os
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time
from typing import Annotated, Any

import jwt
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import BigInteger, Column, DateTime, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import aliased, column_property
from sqlalchemy.sql.base import Executable
from sqlmodel import Field, Relationship, SQLModel, col, func, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from bench.plan import AUDIENCE, ISSUER, JWT_SECRET, PAGE_SIZE, POOL_SIZE

engine = create_async_engine(
    os.environ["BENCH_URL"].replace("postgresql://", "postgresql+asyncpg://"), pool_size=POOL_SIZE, max_overflow=0
)
app = FastAPI()
bearer = HTTPBearer()


def utc_now() -> datetime:
    return datetime.now(UTC)


def instant(*, nullable: bool = False) -> Column[datetime]:
    return Column(DateTime(timezone=True), nullable=nullable)


class TodoList(SQLModel, table=True):
    __tablename__ = "lists"

    id: int = Field(primary_key=True, sa_type=BigInteger)
    user_id: int = Field(sa_type=BigInteger)
    name: str
    is_inbox: bool


class TodoTag(SQLModel, table=True):
    __tablename__ = "todo_tags"

    user_id: int = Field(primary_key=True, sa_type=BigInteger)
    todo_id: int = Field(primary_key=True, foreign_key="todos.id", sa_type=BigInteger)
    tag_id: int = Field(primary_key=True, foreign_key="tags.id", sa_type=BigInteger)


class Tag(SQLModel, table=True):
    __tablename__ = "tags"

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    user_id: int = Field(sa_type=BigInteger)
    name: str
    deleted_at: datetime | None = Field(default=None, sa_column=instant(nullable=True))


class TodoBase(SQLModel):
    title: str = Field(min_length=1, max_length=200)
    description: str | None = Field(default=None, max_length=1000)
    priority: int = Field(default=2, ge=1, le=4)


class Todo(TodoBase, table=True):
    __tablename__ = "todos"

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    user_id: int = Field(sa_type=BigInteger)
    list_id: int = Field(foreign_key="lists.id", sa_type=BigInteger)
    parent_id: int | None = Field(default=None, foreign_key="todos.id", sa_type=BigInteger)
    start: date | None = None
    due_date: date | None = None
    due_time: time | None = None
    due_at: datetime | None = Field(default=None, sa_column=instant(nullable=True))
    repeat: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB(none_as_null=True)))
    key: str | None = None
    source: str | None = None
    note_count: int = 0
    completed_at: datetime | None = Field(default=None, sa_column=instant(nullable=True))
    deleted_at: datetime | None = Field(default=None, sa_column=instant(nullable=True))
    created_at: datetime = Field(default_factory=utc_now, sa_column=instant())
    updated_at: datetime = Field(default_factory=utc_now, sa_column=instant())
    version: int = 1

    labels: list[Tag] = Relationship(
        link_model=TodoTag, sa_relationship_kwargs={"lazy": "selectin", "order_by": "Tag.name", "viewonly": True}
    )

    @property
    def tags(self) -> list[str]:
        return [tag.name for tag in self.labels if tag.deleted_at is None]

    @property
    def done_subtasks(self) -> int:
        return self.all_subtasks - self.open_subtasks


child = aliased(Todo)
below = (
    select(func.count(col(child.id)))
    .where(child.parent_id == Todo.id, col(child.deleted_at).is_(None))
    .correlate_except(child)
)
Todo.all_subtasks = column_property(below.scalar_subquery())
Todo.open_subtasks = column_property(below.where(col(child.completed_at).is_(None)).scalar_subquery())


class TodoRead(TodoBase):
    id: int
    list_id: int
    parent_id: int | None
    tags: list[str]
    start: date | None
    due_date: date | None
    due_time: time | None
    due_at: datetime | None
    repeat: dict[str, Any] | None
    completed_at: datetime | None
    deleted_at: datetime | None
    created_at: datetime
    updated_at: datetime
    all_subtasks: int
    open_subtasks: int
    done_subtasks: int
    key: str | None
    source: str | None
    note_count: int
    version: int


class TodoPage(SQLModel):
    items: list[TodoRead]
    total: int
    page_size: int


class Completion(SQLModel):
    is_completed: bool = True


async def current_user(credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)]) -> int:
    try:
        claims = jwt.decode(credentials.credentials, JWT_SECRET, algorithms=["HS256"], audience=AUDIENCE, issuer=ISSUER)
        return int(claims["sub"])
    except (jwt.PyJWTError, ValueError):
        raise HTTPException(401) from None


User = Annotated[int, Depends(current_user)]


async def get_session(user: User) -> AsyncIterator[AsyncSession]:
    async with AsyncSession(engine, expire_on_commit=False) as session:
        await _execute(session, text("SET LOCAL ROLE todo_app"))
        await _execute(session, text("SELECT set_config('app.user_id', :user, true)").bindparams(user=str(user)))
        yield session


async def _execute(session: AsyncSession, statement: Executable) -> None:
    await (await session.connection()).execute(statement)


Session = Annotated[AsyncSession, Depends(get_session)]


async def find(session: AsyncSession, user: int, todo_id: int) -> Todo:
    statement = select(Todo).where(Todo.user_id == user, Todo.id == todo_id, col(Todo.deleted_at).is_(None))
    todo = (await session.exec(statement)).first()
    if todo is None:
        raise HTTPException(404)
    return todo


@app.get("/api/v1/todos", response_model=TodoPage)
async def list_todos(user: User, session: Session, limit: int = PAGE_SIZE) -> object:
    wanted = (Todo.user_id == user, col(Todo.deleted_at).is_(None), col(Todo.completed_at).is_(None))
    page = select(Todo).where(*wanted).order_by(col(Todo.created_at).desc(), col(Todo.id).desc()).limit(limit)
    items = (await session.exec(page)).all()
    total = (await session.exec(select(func.count()).select_from(Todo).where(*wanted))).one()
    return {"items": items, "total": total, "page_size": limit}


@app.get("/api/v1/todos/{todo_id}", response_model=TodoRead)
async def get_todo(user: User, session: Session, todo_id: int) -> object:
    return await find(session, user, todo_id)


@app.post("/api/v1/todos", response_model=TodoRead, status_code=201)
async def add_todo(user: User, session: Session, new: TodoBase) -> object:
    inbox = (await session.exec(select(TodoList).where(TodoList.user_id == user, TodoList.is_inbox))).one()
    todo = Todo(user_id=user, list_id=inbox.id, **new.model_dump())
    session.add(todo)
    await session.flush()
    await session.refresh(todo)
    await session.commit()
    return todo


@app.patch("/api/v1/todos/{todo_id}/complete", response_model=TodoRead)
async def complete_todo(user: User, session: Session, todo_id: int, body: Completion) -> object:
    todo = await find(session, user, todo_id)
    todo.completed_at = utc_now() if body.is_completed else None
    todo.updated_at = utc_now()
    todo.version += 1
    session.add(todo)
    if body.is_completed:
        below = update(Todo).where(
            col(Todo.user_id) == user,
            col(Todo.parent_id) == todo_id,
            col(Todo.deleted_at).is_(None),
            col(Todo.completed_at).is_(None),
        )
        await _execute(
            session, below.values(completed_at=utc_now(), updated_at=utc_now(), version=col(Todo.version) + 1)
        )
    await session.flush()
    await session.refresh(todo)
    await session.commit()
    return todo
