-- Make lists, in the order of `n`, and return their ids in the same order.
--
-- `items`: a JSON array of objects with `n`, `name`, `name_key`, `colour`, `position`, `archived_at`, `deleted_at` and
-- `created_at`, which may be null: then it is `now`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 now timestamp with time zone
--   $3 items jsonb
--
-- Columns:
--   id bigint

WITH added AS (
    INSERT INTO lists (
        user_id, name, name_key, colour, position, archived_at, deleted_at, created_at, updated_at
    )
    SELECT
        $1::BIGINT AS user_id,
        item.name AS name,
        item.name_key AS name_key,
        item.colour AS colour,
        item.position AS position,
        item.archived_at AS archived_at,
        item.deleted_at AS deleted_at,
        coalesce(item.created_at, $2::TIMESTAMP WITH TIME ZONE) AS created_at,
        $2::TIMESTAMP WITH TIME ZONE AS updated_at
    FROM jsonb_to_recordset($3::JSONB) AS item(
        n INTEGER,
        position NUMERIC,
        name TEXT,
        name_key TEXT,
        colour TEXT,
        archived_at TIMESTAMP WITH TIME ZONE,
        deleted_at TIMESTAMP WITH TIME ZONE,
        created_at TIMESTAMP WITH TIME ZONE
    )
    ORDER BY item.n
    RETURNING lists.id
)
SELECT added.id
FROM added
ORDER BY added.id
