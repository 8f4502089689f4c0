-- Write lists as they are to be.
--
-- `items`: a JSON array of objects with `id`, `name`, `name_key`, `colour`, `position`, `chosen_position`, `is_archived`,
-- `archived_at`, which is now where it is null, and `is_deleted`.
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
    name=item.name,
    name_key=item.name_key,
    deleted_at=CASE WHEN item.is_deleted THEN coalesce(lists.deleted_at, statement_timestamp()) END,
    updated_at=statement_timestamp(),
    version=(lists.version + 1),
    colour=item.colour,
    position=item.position,
    archived_at=CASE
        WHEN item.is_archived THEN coalesce(item.archived_at, statement_timestamp())
    END,
    chosen_position=item.chosen_position
FROM jsonb_to_recordset($1::JSONB) AS item(
    n INTEGER,
    id BIGINT,
    name TEXT,
    name_key TEXT,
    colour TEXT,
    position NUMERIC,
    chosen_position NUMERIC,
    is_archived BOOLEAN,
    archived_at TIMESTAMP WITH TIME ZONE,
    is_deleted BOOLEAN
)
WHERE lists.user_id = $2::BIGINT AND lists.id = ANY ($3::BIGINT[]) AND lists.id = item.id
RETURNING lists.id
