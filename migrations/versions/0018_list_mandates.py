"""PostgreSQL holds agents to the lists of their mandates: before the deploy.

Such an agent acts as `todo_agent`, a member of `todo_app` with restrictive policies: it sees and writes what is in the
lists of `app.lists`, which `require_active` sets in the round trip that begins anyway. Where that is not set, it sees
nothing. `todo_app` itself has none of these policies, so that everybody else keeps their plans.

The version before knows no such mandate. Whoever has one is refused there: `require_active` calls what that version
knows of the agent outdated, again and again.
"""

from collections.abc import Sequence
from types import ModuleType

from alembic import context, op

from todo_core.schema import steps

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

LOSES = {
    "the lists of agents' mandates (these agents are blocked)": ("agents", "lists IS NOT NULL"),
    "which agents made lists": ("lists", "made_by > 0"),
}

LOCKED = (
    "users, api_tokens, agents, lists, todos, tags, todo_tags, notes, changes, change_entries, proposals, calendars,"
    " activity_days"
)
"""In the order in which requests take them."""

ME = "(SELECT nullif(current_setting('app.user_id', true), '')::bigint)"
AGENT = "(SELECT nullif(current_setting('app.agent', true), '')::bigint)"
MAKER = "(SELECT nullif(current_setting('app.maker', true), '')::bigint)"
"""The agent again, if it may see the lists that it makes."""
CREDENTIAL = "(SELECT nullif(current_setting('app.token', true), '')::bigint)"
LISTS = "((SELECT nullif(current_setting('app.lists', true), ''))::bigint[])"
TAGS = "((SELECT nullif(current_setting('app.tags', true), ''))::bigint[])"
"""Tags that this transaction has named: their links may be newer than what the statement sees."""

POLICIES = {
    ("lists", "ALL"): f"id = ANY ({LISTS}) OR made_by = {MAKER}",
    ("todos", "ALL"): f"list_id = ANY ({LISTS})",
    ("todo_tags", "ALL"): f"list_id = ANY ({LISTS})",
    ("notes", "ALL"): "EXISTS (SELECT FROM todos t WHERE t.user_id = notes.user_id AND t.id = notes.todo_id)",
    ("tags", "SELECT"): f"id = ANY ({TAGS})"
    " OR EXISTS (SELECT FROM todo_tags k WHERE k.user_id = tags.user_id AND k.tag_id = tags.id"
    f" AND k.list_id = ANY ({LISTS}))",
    # They belong to all lists: `ensure_tags` alone makes them, and nothing renames or deletes them.
    ("tags", "INSERT"): "false",
    ("tags", "UPDATE"): "false",
    ("tags", "DELETE"): "false",
    ("change_entries", "SELECT"): f"""
        CASE entity
            WHEN 'todo' THEN list_before = ANY ({LISTS}) OR list_after = ANY ({LISTS})
            WHEN 'list' THEN list_before = ANY ({LISTS}) OR list_after = ANY ({LISTS})
            WHEN 'note' THEN EXISTS (
                SELECT FROM todos t
                WHERE t.user_id = change_entries.user_id AND t.id = (change_entries.after ->> 'todo_id')::bigint
            )
            WHEN 'proposal' THEN EXISTS (
                SELECT FROM proposals p WHERE p.user_id = change_entries.user_id AND p.id = change_entries.entity_id
            )
            ELSE false
        END""",
    # Its own are seen by themselves: one that is being written has no entry yet.
    ("changes", "SELECT"): f"agent_id = {AGENT}"
    " OR EXISTS (SELECT FROM change_entries e WHERE e.user_id = changes.user_id AND e.change_id = changes.id)",
    ("proposals", "ALL"): f"agent_id = {AGENT}",
    ("agents", "ALL"): f"id = {AGENT}",
    ("api_tokens", "ALL"): f"id = {CREDENTIAL}",
    ("calendars", "ALL"): "false",
    ("activity_days", "ALL"): "false",
    ("users", "UPDATE"): "false",
}
"""What `todo_agent` may see and write of what is its person's, by table and command."""

UNBOUND = """
DO $$
BEGIN
    IF NOT pg_has_role('todo_agent', 'todo_app', 'USAGE') THEN
        GRANT todo_app TO todo_agent;
    END IF;
    IF NOT pg_has_role(current_user, 'todo_agent', 'USAGE') THEN
        RETURN;
    ELSIF current_setting('server_version_num')::int >= 160000 THEN
        EXECUTE 'GRANT todo_agent TO CURRENT_USER WITH INHERIT FALSE, SET TRUE';
    ELSIF NOT (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user) THEN
        REVOKE todo_agent FROM CURRENT_USER;
    END IF;
END
$$
"""
"""Policies bind whoever inherits the rights of a role: the owner of the tables, if bound by row-level security, would
see no row where a later step asks for all. Before PostgreSQL 16 a member of a role always inherits; so there an owner
who is no superuser is none, and agents with a mandate on lists need a login that owns nothing."""

IN_MANDATE = """
CREATE OR REPLACE FUNCTION in_mandate(list bigint) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN current_setting('role') <> 'todo_agent' OR list IS NULL
    OR coalesce(list = ANY (nullif(current_setting('app.lists', true), '')::bigint[]), false)
"""
"""Whether a list may be seen; a function that runs as another role asks it, too: the setting `role` stays."""

ENSURE_TAGS = """
CREATE OR REPLACE FUNCTION ensure_tags(names jsonb)
RETURNS TABLE (name_key text, id bigint, is_known boolean, is_new boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    me bigint := nullif(current_setting('app.user_id', true), '')::bigint;
    shown bigint[] := nullif(current_setting('app.lists', true), '')::bigint[];
    made bigint[];
    found jsonb;
    named bigint[];
BEGIN
    WITH new AS (
        INSERT INTO public.tags (user_id, name, name_key)
        SELECT me, n.name, n.name_key FROM jsonb_to_recordset(names) AS n (name text, name_key text)
        ON CONFLICT DO NOTHING RETURNING id
    )
    SELECT coalesce(array_agg(new.id), '{}') INTO made FROM new;
    found := (
        SELECT jsonb_object_agg(t.name_key, t.id) FROM public.tags t
        WHERE t.user_id = me AND t.deleted_at IS NULL
          AND t.name_key IN (SELECT value ->> 'name_key' FROM jsonb_array_elements(names))
    );
    named := coalesce(nullif(current_setting('app.tags', true), ''), '{}')::bigint[]
        || ARRAY(SELECT value::bigint FROM jsonb_each_text(found));
    PERFORM set_config('app.tags', named::text, true);
    RETURN QUERY
    SELECT one.key, one.value::bigint, EXISTS (
        SELECT FROM public.todo_tags k
        WHERE k.user_id = me AND k.tag_id = one.value::bigint AND k.list_id = ANY (shown)
    ), one.value::bigint = ANY (made)
    FROM jsonb_each_text(found) AS one;
END
$$
"""
"""Find tags by their names for an agent that sees some lists only, and make those that are not there.

A name that only other lists use is found without a word of it: `is_known` is whether it is in one of the agent's, and
`is_new`, whether it was made, for the record alone.
"""

ROWS_OF_CHANGE = """
CREATE OR REPLACE FUNCTION rows_of_change(change bigint, with_new_tags boolean) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
RETURN (
    SELECT count(*) FROM public.change_entries e
    WHERE e.user_id = nullif(current_setting('app.user_id', true), '')::bigint AND e.change_id = change
      AND (with_new_tags OR NOT (e.entity = 'tag' AND e.before IS NULL))
)
"""
"""How many rows a change of the user touched, hidden ones too: by that an agent that sees some lists only is kept from
undoing a part of it (tags that it made aside), and from changing more rows a day than it may."""

REQUIRE_ACTIVE = """
CREATE OR REPLACE FUNCTION require_active(acting bigint, token bigint, agent bigint, mandate integer) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
DECLARE
    found record;
    seen bigint[];
    is_bounded boolean := current_user = 'todo_agent';
BEGIN
    IF is_bounded THEN
        -- Nothing is left of an earlier one, and no list is shown before all else is known.
        PERFORM set_config('app.agent', coalesce(agent::text, ''), true),
                set_config('app.token', coalesce(token::text, ''), true),
                set_config('app.lists', '', true), set_config('app.maker', '', true), set_config('app.tags', '', true);
    END IF;
    SELECT u.suspended_at IS NOT NULL AS suspended,
           CASE WHEN (u.role_until > now() OR u.issuer IN ('urn:todo-mcp:local', 'urn:todo-mcp:operator'))
                THEN u.role ELSE 'user' END AS role,
           token IS NULL OR EXISTS (
               SELECT FROM public.api_tokens
               WHERE id = token AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
           ) AS live,
           a.blocked_at IS NOT NULL OR a.until <= now() AS blocked,
           a.version, a.lists, a.own_lists
    INTO found FROM public.users u LEFT JOIN public.agents a ON a.user_id = acting AND a.id = agent WHERE u.id = acting;
    IF found.live IS NOT TRUE THEN
        RAISE EXCEPTION 'the user is gone, or the token was revoked or has expired' USING ERRCODE = 'TD401';
    ELSIF found.suspended THEN
        RAISE EXCEPTION 'the user is suspended' USING ERRCODE = 'TD403';
    ELSIF found.blocked THEN
        RAISE EXCEPTION 'the agent is blocked, or its time is over' USING ERRCODE = 'TD4AG';
    ELSIF found.version IS DISTINCT FROM mandate THEN
        RAISE EXCEPTION 'the agent is known by an earlier mandate' USING ERRCODE = 'TD4MA';
    ELSIF (found.lists IS NOT NULL) <> is_bounded THEN
        RAISE EXCEPTION 'agents with a mandate on lists, and they alone, act as todo_agent' USING ERRCODE = 'TD4MA';
    ELSIF agent IS NULL AND token IS NOT NULL AND EXISTS (
        SELECT FROM public.agents WHERE user_id = acting AND kind = 'token' AND known_as = token::text
    ) THEN
        RAISE EXCEPTION 'an API token is an agent''s' USING ERRCODE = 'TD4MA';
    ELSIF current_user = 'todo_admin' AND found.role <> 'admin' THEN
        RAISE EXCEPTION 'the user is no admin' USING ERRCODE = 'TD4AD';
    END IF;
    IF is_bounded THEN
        seen := found.lists;
        IF found.own_lists THEN
            PERFORM set_config('app.maker', agent::text, true);
            seen := seen || ARRAY(SELECT id FROM public.lists WHERE user_id = acting AND made_by = agent);
        END IF;
        PERFORM set_config('app.lists', seen::text, true);
    END IF;
    RETURN acting;
END
$$
"""

FILL_LINK = """
CREATE OR REPLACE FUNCTION fill_link() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.list_id := (SELECT list_id FROM public.todos WHERE user_id = NEW.user_id AND id = NEW.todo_id);
    RETURN NEW;
END
$$
"""
MOVE_LINKS = """
CREATE OR REPLACE FUNCTION move_links() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE public.todo_tags SET list_id = NEW.list_id
    WHERE user_id = NEW.user_id AND todo_id = NEW.id AND list_id IS DISTINCT FROM NEW.list_id;
    RETURN NULL;
END
$$
"""
OWN_LIST = """
CREATE OR REPLACE FUNCTION own_list() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config(
        'app.lists', array_append(nullif(current_setting('app.lists', true), '')::bigint[], NEW.id)::text, true
    );
    RETURN NULL;
END
$$
"""
"""What an agent makes in a transaction is its own from the next statement on."""
LINK_IS_TRUE = """
CREATE OR REPLACE FUNCTION link_is_true() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM public.todos WHERE user_id = NEW.user_id AND id = NEW.todo_id AND list_id = NEW.list_id
    ) THEN
        RAISE EXCEPTION 'no todo of that list' USING ERRCODE = 'TD4LI';
    END IF;
    RETURN NULL;
END
$$
"""
PARENT_IS_SEEN = """
CREATE OR REPLACE FUNCTION parent_is_seen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM public.todos WHERE user_id = NEW.user_id AND id = NEW.parent_id) THEN
        RAISE EXCEPTION 'no parent within the lists' USING ERRCODE = 'TD4LI';
    END IF;
    RETURN NULL;
END
$$
"""
"""What an agent writes: no link says another list than its todo has, and no parent is one that it does not see, which
foreign keys let pass. At the end of the statement, for one statement makes todos, subtasks and links."""

OF_AGENTS = "current_setting('role') = 'todo_agent'"
TRIGGERS = {
    "fill_link ON todo_tags": "BEFORE INSERT ON todo_tags FOR EACH ROW WHEN (NEW.list_id IS NULL)",
    "move_links ON todos": "AFTER UPDATE ON todos FOR EACH ROW WHEN (OLD.list_id IS DISTINCT FROM NEW.list_id)",
    "own_list ON lists": f"AFTER INSERT ON lists FOR EACH ROW WHEN ({OF_AGENTS})",
    "link_is_true ON todo_tags": f"AFTER INSERT ON todo_tags FOR EACH ROW WHEN ({OF_AGENTS})",
    "parent_is_seen ON todos": "AFTER INSERT OR UPDATE OF parent_id ON todos FOR EACH ROW"
    f" WHEN (NEW.parent_id IS NOT NULL AND {OF_AGENTS})",
}
"""By trigger, when it runs the function of its name."""
FUNCTIONS = {
    "in_mandate(bigint)": "todo_app, todo_search",
    "ensure_tags(jsonb)": "todo_app",
    "rows_of_change(bigint, boolean)": "todo_app",
    **dict.fromkeys(
        (f"{name}()" for name in ("fill_link", "move_links", "own_list", "link_is_true", "parent_is_seen")), "todo_app"
    ),
}
"""By function, the roles that may call it."""
WITHIN = (
    (
        "WHERE user_id + 0 = %s AND words @@ %L'",
        "WHERE user_id + 0 = %s AND words @@ %L AND public.in_mandate(list_id)'",
    ),
    ("(t.words || '') @@ wanted;", "(t.words || '') @@ wanted AND public.in_mandate(t.list_id);"),
    ("WHERE t.user_id = %4$s AND (t.words", "WHERE t.user_id = %4$s AND public.in_mandate(t.list_id) AND (t.words"),
)
"""What of the function that finds todos by words becomes what."""
OF_TAGGER = ("ensure_tags(jsonb)", "rows_of_change(bigint, boolean)")


def upgrade() -> None:
    steps.make_role("todo_agent")
    steps.make_role("todo_tagger")
    op.execute(f"LOCK TABLE {LOCKED} IN ACCESS EXCLUSIVE MODE")
    op.execute(UNBOUND)
    _columns()
    _functions()
    _triggers()
    _policies()
    op.execute("GRANT SELECT (list_id) ON todos TO todo_search")
    search_within_mandates()


def _columns() -> None:
    op.execute(
        "ALTER TABLE agents ADD COLUMN IF NOT EXISTS lists bigint[],"
        " ADD COLUMN IF NOT EXISTS own_lists boolean NOT NULL DEFAULT true"
    )
    op.execute("ALTER TABLE agents DROP CONSTRAINT IF EXISTS ck_agents_own_lists")
    op.execute(
        "ALTER TABLE agents ADD CONSTRAINT ck_agents_own_lists"
        " CHECK (own_lists OR lists IS NOT NULL AND cardinality(lists) > 0)"
    )
    op.execute("ALTER TABLE lists ADD COLUMN IF NOT EXISTS made_by bigint")
    op.execute(
        "ALTER TABLE lists ALTER COLUMN made_by"
        " SET DEFAULT coalesce(nullif(current_setting('app.agent', true), ''), '0')::bigint"
    )
    op.execute("ALTER TABLE todo_tags ADD COLUMN IF NOT EXISTS list_id bigint")
    op.execute("GRANT UPDATE (list_id) ON todo_tags TO todo_app")


def _functions() -> None:
    op.execute("GRANT USAGE ON SCHEMA public TO todo_tagger")
    op.execute(
        "GRANT SELECT (id, user_id, name_key, deleted_at), INSERT (user_id, name, name_key) ON tags TO todo_tagger"
    )
    op.execute("GRANT SELECT (user_id, tag_id, list_id) ON todo_tags TO todo_tagger")
    op.execute("GRANT SELECT (user_id, change_id, entity, before) ON change_entries TO todo_tagger")
    for table in ("tags", "todo_tags", "change_entries"):
        op.execute(f"DROP POLICY IF EXISTS beside ON {table}")
    op.execute(f"CREATE POLICY beside ON tags TO todo_tagger USING (user_id = {ME}) WITH CHECK (user_id = {ME})")
    op.execute(f"CREATE POLICY beside ON todo_tags FOR SELECT TO todo_tagger USING (user_id = {ME})")
    op.execute(f"CREATE POLICY beside ON change_entries FOR SELECT TO todo_tagger USING (user_id = {ME})")
    op.execute("GRANT CREATE ON SCHEMA public TO todo_tagger")  # who takes a function over, or replaces it, needs it
    for function in (
        IN_MANDATE,
        ENSURE_TAGS,
        ROWS_OF_CHANGE,
        REQUIRE_ACTIVE,
        FILL_LINK,
        MOVE_LINKS,
        OWN_LIST,
        LINK_IS_TRUE,
        PARENT_IS_SEEN,
    ):
        op.execute(function)
    for name in OF_TAGGER:
        op.execute(f"ALTER FUNCTION {name} OWNER TO todo_tagger")
    op.execute("REVOKE CREATE ON SCHEMA public FROM todo_tagger")
    for name, roles in FUNCTIONS.items():
        op.execute(f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {name} TO {roles}")


def _triggers() -> None:
    for trigger, when in TRIGGERS.items():
        name = trigger.partition(" ")[0]
        op.execute(f"DROP TRIGGER IF EXISTS {trigger}")
        op.execute(f"CREATE TRIGGER {name} {when} EXECUTE FUNCTION {name}()")
    ask_for_lists()


def ask_for_lists() -> None:
    """Let no link be without its list from now on; those that are there are passed over. It can be repeated."""
    op.execute("ALTER TABLE todo_tags DROP CONSTRAINT IF EXISTS ck_todo_tags_has_list")
    op.execute("ALTER TABLE todo_tags ADD CONSTRAINT ck_todo_tags_has_list CHECK (list_id IS NOT NULL) NOT VALID")


def _policies() -> None:
    for (table, command), condition in POLICIES.items():
        name = "mandate" if command in ("ALL", "SELECT") or table == "users" else f"mandate_{command.lower()}"
        checks = f"WITH CHECK ({condition})" if command == "INSERT" else f"USING ({condition})"
        op.execute(f"DROP POLICY IF EXISTS {name} ON {table}")
        op.execute(f"CREATE POLICY {name} ON {table} AS RESTRICTIVE FOR {command} TO todo_agent {checks}")


def search_within_mandates() -> None:
    """Let a search find what its caller may see alone. It can be repeated."""
    _search(WITHIN)


def _of_0012() -> ModuleType:
    return context.script.get_revision("0012_backfill").module


def _search(changes: Sequence[tuple[str, str]]) -> None:
    """Make the function that finds todos by words, which looks past the policies."""
    function: str = _of_0012().TODOS_WITH_WORDS
    for before, after in changes:
        assert function.count(before) == 1
        function = function.replace(before, after)
    op.execute("GRANT CREATE ON SCHEMA public TO todo_search")  # CREATE OR REPLACE of what it owns asks for it
    op.execute(function)
    op.execute("REVOKE CREATE ON SCHEMA public FROM todo_search")


def downgrade() -> None:
    op.execute(f"LOCK TABLE {LOCKED} IN ACCESS EXCLUSIVE MODE")
    # What such an agent may do, the version before would not hold it to.
    op.execute("ALTER TABLE agents NO FORCE ROW LEVEL SECURITY")
    op.execute(
        "UPDATE agents SET blocked_at = coalesce(blocked_at, now()), version = version + 1 WHERE lists IS NOT NULL"
    )
    op.execute("ALTER TABLE agents FORCE ROW LEVEL SECURITY")
    _search(())
    op.execute("REVOKE SELECT (list_id) ON todos FROM todo_search")
    op.execute(context.script.get_revision("0014").module.REQUIRE_ACTIVE)
    for table, command in POLICIES:
        name = "mandate" if command in ("ALL", "SELECT") or table == "users" else f"mandate_{command.lower()}"
        op.execute(f"DROP POLICY IF EXISTS {name} ON {table}")
    for trigger in TRIGGERS:
        op.execute(f"DROP TRIGGER IF EXISTS {trigger}")
    for name in FUNCTIONS:
        op.execute(f"DROP FUNCTION IF EXISTS {name}")
    for table in ("tags", "todo_tags", "change_entries"):
        op.execute(f"DROP POLICY IF EXISTS beside ON {table}")
        op.execute(f"REVOKE ALL ON {table} FROM todo_tagger")
    op.execute("REVOKE USAGE ON SCHEMA public FROM todo_tagger")
    op.execute("REVOKE UPDATE (list_id) ON todo_tags FROM todo_app")
    op.execute("ALTER TABLE todo_tags DROP COLUMN IF EXISTS list_id")
    op.execute("ALTER TABLE lists DROP COLUMN IF EXISTS made_by")
    op.execute("ALTER TABLE agents DROP COLUMN IF EXISTS lists, DROP COLUMN IF EXISTS own_lists")
