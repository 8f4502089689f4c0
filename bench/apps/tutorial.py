"""The tutorial: FastAPI, PyJWT, a SQLModel session and row-level security, as the guides write it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated

import jwt
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import BigInteger, Column, DateTime, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.sql.base import Executable
from sqlmodel import Field, SQLModel, col, func, select
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


class TodoBase(SQLModel):
    title: str = Field(min_length=1, max_length=200)
    description: str | None = Field(default=None, max_length=1000)
    priority: int = Field(default=2, ge=1, le=4)


class Todo(TodoBase, table=True):
    __tablename__ = "todos"

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    user_id: int = Field(sa_type=BigInteger)
    completed_at: datetime | None = Field(default=None, sa_column=instant(nullable=True))
    deleted_at: datetime | None = Field(default=None, sa_column=instant(nullable=True))
    created_at: datetime = Field(default_factory=utc_now, sa_column=instant())
    updated_at: datetime = Field(default_factory=utc_now, sa_column=instant())
    version: int = 1


class TodoRead(TodoBase):
    id: int
    completed_at: datetime | None
    deleted_at: datetime | None
    created_at: datetime
    updated_at: datetime
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
    todo = Todo(user_id=user, **new.model_dump())
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
    await session.commit()
    return todo
