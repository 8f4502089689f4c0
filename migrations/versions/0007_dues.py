"""A due is a day, a wall-clock time of a day, or a moment: before the deploy.

`due_date` and `due_time` say which; `due_at` stays the moment by which. The day has a new name, because `due_on` tells
the version before that no time was named, and it would take a day with a time for a whole day.

Until `0007_finish` both forms are kept, by triggers. To the version before, a wall-clock time is a moment, and the
series of a repeat has the hour of its due; what it writes is carried over, also when somebody goes to another zone.
"""

from alembic import op

revision = "0007"
down_revision = "0006_finish"
branch_labels = None
depends_on = None

WALL_MOMENT = """
CREATE OR REPLACE FUNCTION wall_moment(wall timestamp, zone text) RETURNS timestamptz LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
RETURN (
    -- Of a time that the clocks show twice PostgreSQL takes the second, RFC 5545 (3.3.5) the first: the one with the
    -- offset of the day before.
    SELECT CASE WHEN first AT TIME ZONE zone = wall THEN least(first, usual) ELSE usual END
    FROM (SELECT wall AT TIME ZONE zone AS usual) AS a,
         LATERAL (SELECT usual - interval '1 day' AS before) AS b,
         LATERAL (SELECT (before AT TIME ZONE zone) - (before AT TIME ZONE 'UTC') AS ahead) AS c,
         LATERAL (SELECT (wall - ahead) AT TIME ZONE 'UTC' AS first) AS d
)
"""
SERIES_HOUR = """
CREATE OR REPLACE FUNCTION series_hour(repeat jsonb, due_date date, due_time time, zone text) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
RETURN (
    -- A due that only a clock change moved (02:30 to 03:30) leaves the series its hour.
    SELECT CASE
        WHEN due_date + due_time IN (
            (scheduled AT TIME ZONE zone) AT TIME ZONE zone,
            ((due_date + scheduled::time) AT TIME ZONE zone) AT TIME ZONE zone
        ) AND repeat ->> 'scheduled' LIKE '%T%' THEN repeat
        ELSE jsonb_set(
            repeat, '{scheduled}', to_jsonb(scheduled::date::text || coalesce('T' || due_time::text, ''))
        )
    END
    FROM (SELECT (repeat ->> 'scheduled')::timestamp AS scheduled) AS a
)
"""
CARRY_OVER = """
CREATE OR REPLACE FUNCTION carry_over_due() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    zone text;
BEGIN
    IF TG_OP = 'INSERT' AND NEW.due_on = 'infinity' THEN
        -- This version names no `due_on`, so that the column has its default.
        NEW.due_on := CASE WHEN NEW.due_time IS NULL THEN NEW.due_date END;
        RETURN NEW;
    ELSIF TG_OP = 'UPDATE' AND (NEW.due_on, NEW.due_at) IS NOT DISTINCT FROM (OLD.due_on, OLD.due_at) THEN
        RETURN NEW;
    END IF;
    zone := (SELECT time_zone FROM public.users WHERE id = NEW.user_id);
    NEW.due_date := coalesce(NEW.due_on, (NEW.due_at AT TIME ZONE zone)::date);
    NEW.due_time := CASE WHEN NEW.due_on IS NULL THEN (NEW.due_at AT TIME ZONE zone)::time END;
    IF NEW.repeat IS NOT NULL THEN
        NEW.repeat := public.series_hour(NEW.repeat, NEW.due_date, NEW.due_time, zone);
    END IF;
    RETURN NEW;
END
$$
"""
TELL = """
CREATE OR REPLACE FUNCTION tell_due() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.due_on := CASE WHEN NEW.due_time IS NULL THEN NEW.due_date END;
    RETURN NEW;
END
$$
"""
FOLLOW = """
CREATE OR REPLACE FUNCTION follow_zone() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE public.todos SET due_at = public.wall_moment(due_date + due_time, NEW.time_zone)
    WHERE user_id = NEW.id AND due_time IS NOT NULL
        AND due_at IS DISTINCT FROM public.wall_moment(due_date + due_time, NEW.time_zone);
    RETURN NULL;
END
$$
"""
CALLED = ("series_hour(jsonb, date, time, text)", "wall_moment(timestamp, text)")
FUNCTIONS = ("follow_zone()", "tell_due()", "carry_over_due()", *CALLED)


def upgrade() -> None:
    op.execute("LOCK TABLE users, todos IN ACCESS EXCLUSIVE MODE")
    op.execute("ALTER TABLE todos ADD COLUMN IF NOT EXISTS due_date date, ADD COLUMN IF NOT EXISTS due_time time")
    checks()
    keep_both_forms()


def checks() -> None:
    """Make the checks of the new form, without looking at the todos that there are."""
    for name, condition in (
        ("ck_todos_due_date_has_moment", "due_date IS NULL OR due_at IS NOT NULL"),
        ("ck_todos_due_time_has_date", "due_time IS NULL OR due_date IS NOT NULL"),
    ):
        op.execute(f"ALTER TABLE todos DROP CONSTRAINT IF EXISTS {name}")
        op.execute(f"ALTER TABLE todos ADD CONSTRAINT {name} CHECK ({condition}) NOT VALID")


def keep_both_forms() -> None:
    """Make the triggers by which either version reads what the other has written. It can be repeated."""
    for function in (WALL_MOMENT, SERIES_HOUR, CARRY_OVER, TELL, FOLLOW):
        op.execute(function)
    for name in FUNCTIONS:
        op.execute(f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC")
    # The triggers run as whoever writes, and ask these two.
    for name in CALLED:
        op.execute(f"GRANT EXECUTE ON FUNCTION {name} TO todo_app")
    op.execute("ALTER TABLE todos ALTER COLUMN due_on SET DEFAULT 'infinity'")
    # An update by the version before names `due_on`, one by this version `due_date`.
    op.execute(
        "CREATE OR REPLACE TRIGGER carry_over_due BEFORE INSERT OR UPDATE OF due_on ON todos"
        " FOR EACH ROW EXECUTE FUNCTION carry_over_due()"
    )
    op.execute(
        "CREATE OR REPLACE TRIGGER tell_due BEFORE UPDATE OF due_date ON todos FOR EACH ROW EXECUTE FUNCTION tell_due()"
    )
    op.execute(
        "CREATE OR REPLACE TRIGGER follow_zone AFTER UPDATE OF time_zone ON users"
        " FOR EACH ROW WHEN (OLD.time_zone IS DISTINCT FROM NEW.time_zone) EXECUTE FUNCTION follow_zone()"
    )


def keep_one_form() -> None:
    """Drop what `keep_both_forms` made. It can be repeated."""
    op.execute("DROP TRIGGER IF EXISTS follow_zone ON users")
    for trigger in ("tell_due", "carry_over_due"):
        op.execute(f"DROP TRIGGER IF EXISTS {trigger} ON todos")
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION IF EXISTS {function}")


def downgrade() -> None:
    op.execute("LOCK TABLE users, todos IN ACCESS EXCLUSIVE MODE")
    keep_one_form()
    op.execute("ALTER TABLE todos ALTER COLUMN due_on DROP DEFAULT")
    op.execute("ALTER TABLE todos DROP COLUMN IF EXISTS due_time, DROP COLUMN IF EXISTS due_date")
