-- Write lists as they are to be.
--
-- `items`: a JSON array of objects with `id`, `name`, `name_key`, `colour`, `position`, `is_archived` and `is_deleted`.
-- `ids`: the same ids, for the index `uq_lists_user_id_id`.
--
-- Parameters:
--   $1 items jsonb
--   $2 user_id bigint
--   $3 ids bigint[]
--
-- Columns:
--   id bigint

UPDATE lists
SET
    name=anon_1.name,
    name_key=anon_1.name_key,
    deleted_at=CASE
        WHEN anon_1.is_deleted THEN coalesce(lists.deleted_at, statement_timestamp())
    END,
    updated_at=statement_timestamp(),
    version=(lists.version + 1),
    colour=anon_1.colour,
    position=anon_1.position,
    archived_at=CASE
        WHEN anon_1.is_archived THEN coalesce(lists.archived_at, statement_timestamp())
    END
FROM jsonb_to_recordset($1::JSONB) AS anon_1(
    n INTEGER,
    id BIGINT,
    name TEXT,
    name_key TEXT,
    colour TEXT,
    position NUMERIC,
    is_archived BOOLEAN,
    is_deleted BOOLEAN
)
WHERE lists.user_id = $2::BIGINT AND lists.id = ANY ($3::BIGINT[]) AND lists.id = anon_1.id
RETURNING lists.id
