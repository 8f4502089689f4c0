"""What PostgreSQL's own catalogue says about tables, roles, policies and functions."""

from __future__ import annotations

import asyncpg
import pytest

from todo_core.models import METADATA

ROLES = [
    *("todo_admin", "todo_agent", "todo_app", "todo_calendar", "todo_janitor", "todo_leaving", "todo_probe"),
    *("todo_search", "todo_sign_in", "todo_tagger"),
]
PROFILE = (
    "time_zone",
    "display_name",
    "is_name_chosen",
    "locale",
    "week_start",
    "updated_at",
    "version",
    "default_list_id",
    "new_todos",
    "reviewed_through",
)
"""What a request may write of its own user, in the order of the table.

Not among it: `suspended_at`, which only an admin sets, `issuer` and `subject`, which stay what they were, and what a
token says, which only signing in writes.
"""
SIGNED_IN = ("role", "email", "display_name", "updated_at", "version", "role_until", "role_issued_at")
"""What signing in may write of its user, in the same order."""
IN_CALENDARS = (
    *("id", "user_id", "title", "description", "priority", "completed_at", "deleted_at", "created_at", "updated_at"),
    *("list_id", "due_at", "repeat", "follows_id", "due_date", "due_time", "start"),
)
"""What a calendar address may show of a todo, in the order of the table."""
OWNED = sorted(name for name, table in METADATA.tables.items() if "user_id" in table.c)


@pytest.mark.requirement("OW2")
async def test_row_level_security_is_forced_on_every_table(admin: asyncpg.Connection) -> None:
    forced = await admin.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
        " AND relrowsecurity AND relforcerowsecurity"
    )

    assert {row["relname"] for row in forced} == METADATA.tables.keys()


@pytest.mark.requirement("OW2")
async def test_there_is_no_table_view_or_foreign_table_beside_the_models(admin: asyncpg.Connection) -> None:
    found = await admin.fetch(
        "SELECT relname FROM pg_class"
        " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f')"
    )

    assert {row["relname"] for row in found} == METADATA.tables.keys() | {"alembic_version"}


@pytest.mark.requirement("OW2")
async def test_our_roles_have_no_powers_and_no_tables(admin: asyncpg.Connection) -> None:
    roles = await admin.fetch(
        """
        SELECT rolname,
               rolcanlogin OR rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication AS powerful,
               EXISTS (SELECT FROM pg_class WHERE relowner = r.oid) AS owns,
               (SELECT string_agg(roleid::regrole::text, ' ') FROM pg_auth_members WHERE member = r.oid) AS member_of
        FROM pg_roles r WHERE rolname LIKE 'todo\\_%' AND NOT rolcanlogin ORDER BY rolname
        """
    )

    assert [tuple(role) for role in roles] == [
        (name, False, False, "todo_app" if name == "todo_agent" else None) for name in ROLES
    ]


@pytest.mark.requirement("OW2", "SA2")
async def test_our_roles_are_granted_what_they_need_and_no_more(admin: asyncpg.Connection) -> None:
    tables = await admin.fetch(
        """
        SELECT g.rolname, c.relname, string_agg(a.privilege_type, ' ' ORDER BY a.privilege_type) AS granted
        FROM pg_class c, aclexplode(c.relacl) a JOIN pg_roles g ON g.oid = a.grantee
        WHERE c.relnamespace = 'public'::regnamespace AND g.rolname = ANY ($1) GROUP BY 1, 2 ORDER BY 1, 2
        """,
        ROLES,
    )
    columns = await admin.fetch(
        """
        SELECT g.rolname, c.relname,
               string_agg(t.attname || ' ' || a.privilege_type, ', ' ORDER BY a.privilege_type, attnum) AS granted
        FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid, aclexplode(t.attacl) a
        JOIN pg_roles g ON g.oid = a.grantee
        WHERE c.relnamespace = 'public'::regnamespace AND NOT t.attisdropped GROUP BY 1, 2 ORDER BY 1, 2
        """
    )

    assert [tuple(row) for row in tables] == [
        ("todo_admin", "agents", "SELECT"),
        ("todo_admin", "change_entries", "INSERT SELECT"),
        ("todo_admin", "changes", "INSERT SELECT"),
        ("todo_admin", "idempotency_keys", "INSERT SELECT UPDATE"),
        ("todo_admin", "users", "DELETE SELECT"),
        ("todo_app", "activity_days", "INSERT SELECT"),
        ("todo_app", "agents", "INSERT SELECT UPDATE"),
        ("todo_app", "alembic_version", "SELECT"),
        ("todo_app", "api_tokens", "INSERT SELECT UPDATE"),
        ("todo_app", "calendars", "INSERT SELECT UPDATE"),
        ("todo_app", "change_entries", "INSERT SELECT"),
        ("todo_app", "changes", "INSERT SELECT"),
        ("todo_app", "idempotency_keys", "INSERT SELECT UPDATE"),
        ("todo_app", "installation", "SELECT"),
        ("todo_app", "lists", "INSERT SELECT UPDATE"),
        ("todo_app", "notes", "DELETE INSERT SELECT"),
        ("todo_app", "proposals", "INSERT SELECT"),
        ("todo_app", "tags", "INSERT SELECT UPDATE"),
        ("todo_app", "todo_tags", "DELETE INSERT SELECT"),
        ("todo_app", "todos", "INSERT SELECT UPDATE"),
        ("todo_app", "todos_id_seq", "USAGE"),
        ("todo_app", "undone_changes", "INSERT SELECT"),
        ("todo_app", "users", "SELECT"),
        ("todo_app", "write_probe", "SELECT"),
        ("todo_janitor", "changes", "DELETE"),
        ("todo_janitor", "idempotency_keys", "DELETE"),
        ("todo_janitor", "lists", "DELETE"),
        ("todo_janitor", "proposals", "DELETE"),
        ("todo_janitor", "tags", "DELETE"),
        ("todo_janitor", "todos", "DELETE"),
        ("todo_leaving", "users", "DELETE"),
    ]
    assert [tuple(row) for row in columns] == [
        ("todo_admin", "api_tokens", "id SELECT, user_id SELECT, expires_at SELECT, revoked_at SELECT"),
        ("todo_admin", "deleted_accounts", "hash INSERT"),
        ("todo_admin", "installation", "cursor_key SELECT"),
        ("todo_admin", "todos", "user_id SELECT, completed_at SELECT, deleted_at SELECT"),
        ("todo_admin", "users", "suspended_at UPDATE"),
        (
            "todo_app",
            "proposals",
            ", ".join(f"{name} UPDATE" for name in ("decision", "decided_at", "decided_by", "note", "change_id")),
        ),
        ("todo_app", "todo_tags", "list_id UPDATE"),
        ("todo_app", "users", ", ".join(f"{name} UPDATE" for name in PROFILE)),
        ("todo_app", "write_probe", "written_at UPDATE"),
        (
            "todo_calendar",
            "calendars",
            "id SELECT, user_id SELECT, hash SELECT, list_id SELECT, shows SELECT, last_used_at SELECT,"
            " revoked_at SELECT, last_used_at UPDATE",
        ),
        (
            "todo_calendar",
            "lists",
            "id SELECT, user_id SELECT, name SELECT, deleted_at SELECT, archived_at SELECT",
        ),
        ("todo_calendar", "todos", ", ".join(f"{name} SELECT" for name in IN_CALENDARS)),
        ("todo_calendar", "users", "id SELECT, time_zone SELECT, suspended_at SELECT"),
        ("todo_janitor", "changes", "id SELECT, user_id SELECT, at SELECT"),
        ("todo_janitor", "idempotency_keys", "created_at SELECT"),
        ("todo_janitor", "lists", "id SELECT, deleted_at SELECT"),
        ("todo_janitor", "proposals", "user_id SELECT, id SELECT, expires_at SELECT, decided_at SELECT"),
        ("todo_janitor", "tags", "id SELECT, deleted_at SELECT"),
        ("todo_janitor", "todos", "id SELECT, deleted_at SELECT"),
        ("todo_janitor", "users", "id SELECT, changes_deleted_through SELECT, changes_deleted_through UPDATE"),
        ("todo_leaving", "deleted_accounts", "hash INSERT"),
        ("todo_leaving", "installation", "cursor_key SELECT"),
        ("todo_leaving", "users", "id SELECT, issuer SELECT, subject SELECT"),
        ("todo_probe", "agents", "id SELECT, user_id SELECT"),
        ("todo_probe", "api_tokens", "id SELECT, user_id SELECT"),
        ("todo_probe", "calendars", "id SELECT, user_id SELECT"),
        ("todo_probe", "changes", "id SELECT, user_id SELECT"),
        ("todo_probe", "lists", "id SELECT, user_id SELECT"),
        ("todo_probe", "proposals", "user_id SELECT, id SELECT"),
        ("todo_probe", "tags", "id SELECT, user_id SELECT"),
        ("todo_probe", "todos", "id SELECT, user_id SELECT"),
        ("todo_search", "notes", "user_id SELECT, todo_id SELECT, words SELECT"),
        ("todo_search", "todos", "id SELECT, user_id SELECT, list_id SELECT, words SELECT, note_count SELECT"),
        ("todo_sign_in", "deleted_accounts", "hash SELECT"),
        ("todo_sign_in", "installation", "cursor_key SELECT"),
        (
            "todo_sign_in",
            "lists",
            ", ".join(f"{name} INSERT" for name in ("user_id", "name", "name_key", "position", "is_inbox")),
        ),
        (
            "todo_sign_in",
            "users",
            ", ".join(
                [
                    f"{name} INSERT"
                    for name in ("issuer", "subject", "time_zone", "role", "email", "display_name", *SIGNED_IN[-2:])
                ]
                + [
                    f"{name} SELECT"
                    for name in ("id", "issuer", "subject", *SIGNED_IN[:3], "is_name_chosen", *SIGNED_IN[3:])
                ]
                + [f"{name} UPDATE" for name in SIGNED_IN]
            ),
        ),
        ("todo_tagger", "change_entries", "user_id SELECT, change_id SELECT, entity SELECT, before SELECT"),
        (
            "todo_tagger",
            "tags",
            "user_id INSERT, name INSERT, name_key INSERT,"
            " id SELECT, user_id SELECT, name_key SELECT, deleted_at SELECT",
        ),
        ("todo_tagger", "todo_tags", "user_id SELECT, tag_id SELECT, list_id SELECT"),
    ]


@pytest.mark.requirement("OW2")
async def test_nothing_in_the_schema_is_granted_to_everybody(admin: asyncpg.Connection) -> None:
    tables = await admin.fetchval(
        "SELECT count(*) FROM pg_class c, aclexplode(c.relacl) a"
        " WHERE c.relnamespace = 'public'::regnamespace AND a.grantee = 0"
    )
    creating = await admin.fetchval(
        "SELECT array_agg(rolname) FROM pg_roles WHERE rolname = ANY ($1)"
        " AND has_schema_privilege(oid, 'public', 'CREATE')",
        ROLES,
    )

    assert tables == 0
    assert creating is None


@pytest.mark.requirement("OW2")
@pytest.mark.parametrize("table", OWNED)
async def test_requests_see_the_rows_of_one_user(table: str, admin: asyncpg.Connection) -> None:
    policies = await admin.fetch(
        "SELECT policyname, permissive, cmd, qual, with_check FROM pg_policies"
        " WHERE tablename = $1 AND (roles @> '{todo_app}' OR roles @> '{public}')",
        table,
    )

    by_name = {row["policyname"]: row for row in policies}
    assert {name for name, row in by_name.items() if row["permissive"] == "PERMISSIVE"} <= {"own_rows", "presented"}
    own = by_name["own_rows"]
    assert own["cmd"] == "ALL"
    assert own["with_check"] == own["qual"]
    assert own["qual"].startswith("(user_id = ( SELECT (NULLIF(current_setting('app.user_id'")


@pytest.mark.requirement("OW2", "OW5")
async def test_an_admin_acts_as_one_user_where_things_are_written_and_sees_everybody_only_to_count(
    admin: asyncpg.Connection,
) -> None:
    policies = await admin.fetch(
        "SELECT tablename, policyname, permissive, cmd, qual, with_check FROM pg_policies"
        " WHERE roles @> '{todo_admin}' OR roles @> '{public}' ORDER BY tablename"
    )
    own = next(row["qual"] for row in policies if row["policyname"] == "own_rows")

    assert own.startswith("(user_id = ( SELECT (NULLIF(current_setting('app.user_id'")
    assert [tuple(row) for row in policies] == [
        ("agents", "own_rows", "PERMISSIVE", "ALL", own, own),
        ("api_tokens", "counts", "PERMISSIVE", "SELECT", "true", None),
        ("change_entries", "own_rows", "PERMISSIVE", "ALL", own, own),
        ("changes", "own_rows", "PERMISSIVE", "ALL", own, own),
        ("deleted_accounts", "added", "PERMISSIVE", "INSERT", None, "true"),
        ("idempotency_keys", "own_rows", "PERMISSIVE", "ALL", own, own),
        ("installation", "everyone", "PERMISSIVE", "SELECT", "true", None),
        ("todos", "counts", "PERMISSIVE", "SELECT", "true", None),
        ("users", "accounts", "PERMISSIVE", "ALL", "true", "true"),
    ]


@pytest.mark.requirement("OW2", "DB5")
@pytest.mark.parametrize("table", OWNED)
async def test_the_policys_column_leads_an_index(table: str, admin: asyncpg.Connection) -> None:
    leading = await admin.fetch(
        "SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]"
        " WHERE i.indrelid = $1::text::regclass AND i.indpred IS NULL AND i.indisvalid",
        table,
    )

    assert "user_id" in {row["attname"] for row in leading}


@pytest.mark.requirement("OW3")
async def test_no_foreign_key_can_cross_owners(admin: asyncpg.Connection) -> None:
    crossing = await admin.fetch(
        """
        SELECT conname FROM pg_constraint f
        WHERE contype = 'f' AND confrelid <> 'users'::regclass AND NOT EXISTS (
            SELECT FROM unnest(conkey, confkey) AS k (child, parent)
            JOIN pg_attribute c ON c.attrelid = f.conrelid AND c.attnum = k.child
                AND c.attname = CASE WHEN f.conrelid = 'users'::regclass THEN 'id' ELSE 'user_id' END
            JOIN pg_attribute p ON p.attrelid = f.confrelid AND p.attnum = k.parent AND p.attname = 'user_id'
        )
        """
    )
    to_users = await admin.fetch(
        "SELECT conrelid::regclass::text AS child, confdeltype FROM pg_constraint"
        " WHERE contype = 'f' AND confrelid = 'users'::regclass ORDER BY 1"
    )

    assert crossing == []
    assert [(row["child"], row["confdeltype"]) for row in to_users] == [
        (table, b"c")
        for table in OWNED
        if table not in ("change_entries", "undone_changes")  # which go with their change
    ]


@pytest.mark.requirement("OW3")
@pytest.mark.parametrize("table", [name for name in OWNED if "id" in METADATA.tables[name].c])
async def test_children_can_point_at_a_row_together_with_its_owner(table: str, admin: asyncpg.Connection) -> None:
    keys = await admin.fetch(
        "SELECT pg_get_constraintdef(oid) AS key FROM pg_constraint"
        " WHERE conrelid = $1::text::regclass AND contype IN ('u', 'p')",
        table,
    )

    assert {"UNIQUE (user_id, id)", "PRIMARY KEY (user_id, id)"} & {row["key"] for row in keys}


OF_LISTS = (
    *("ensure_tags", "fill_link", "link_is_true", "move_links", "own_list", "parent_is_seen", "rows_of_change"),
)
"""Functions that mandates on lists need."""
MAKE_WORDS = (
    "normal_form",
    "without_accents",
    "split_words",
    "word_forms",
    "signs_of",
    "search_lexemes",
    "search_document",
    "search_terms",
    "question_terms",
)
"""Functions that make words of texts and of questions."""


@pytest.mark.requirement("OW2")
async def test_definers_functions_have_a_fixed_search_path_and_none_is_everybodys(admin: asyncpg.Connection) -> None:
    functions = await admin.fetch(
        """
        SELECT p.proname, p.prosecdef, r.rolname AS owner, r.rolsuper OR r.rolbypassrls AS mighty,
               p.proconfig AS settings,
               (SELECT array_agg(coalesce(g.rolname, 'PUBLIC') ORDER BY g.rolname)
                FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
                LEFT JOIN pg_roles g ON g.oid = a.grantee WHERE a.grantee <> p.proowner) AS callers
        FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner
        WHERE p.pronamespace = 'public'::regnamespace ORDER BY 1
        """
    )

    assert {row["proname"]: row["callers"] for row in functions} == {
        "belong_to_another": ["todo_app"],
        **{name: ["todo_app"] for name in OF_LISTS},
        "in_mandate": ["todo_app", "todo_search"],
        "calendars_of_others": ["todo_app"],
        "language_of": ["todo_app"],
        "latest_change": ["todo_app"],
        "make_inbox": ["todo_app"],
        "require_active": ["todo_admin", "todo_app"],
        "index_todo": ["todo_app"],
        "index_note": ["todo_app"],
        **{name: ["todo_app", "todo_search"] for name in MAKE_WORDS},
        "todos_with_words": ["todo_app"],
        "write_at_once": ["todo_app"],
        "telling_words": ["todo_app"],
        "likeness_keys": ["todo_app"],
    }
    assert {row["proname"]: (row["owner"], row["mighty"]) for row in functions if row["prosecdef"]} == {
        "belong_to_another": ("todo_probe", False),
        "calendars_of_others": ("todo_probe", False),
        "ensure_tags": ("todo_tagger", False),
        "rows_of_change": ("todo_tagger", False),
        "todos_with_words": ("todo_search", False),
    }
    assert all("search_path=pg_catalog, pg_temp" in row["settings"] for row in functions if row["prosecdef"])


@pytest.mark.requirement("DB3")
async def test_every_constraint_and_index_has_a_name_of_ours(admin: asyncpg.Connection) -> None:
    names = await admin.fetch(
        "SELECT conname AS name FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 'n'"
        " UNION SELECT indexrelid::regclass::text FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid"
        " WHERE c.relnamespace = 'public'::regnamespace"
    )

    ours = {row["name"] for row in names} - {"alembic_version_pkc"}
    assert all(name.partition("_")[0] in ("pk", "fk", "uq", "ck", "ix") for name in ours)
