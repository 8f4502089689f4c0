-- Find live tags by their names, and make those that are not there. Reads `uq_tags_name`.
--
-- `names`: a JSON array of objects with `name` and `name_key`. Columns: `made`, `TagRead` of a tag that was not there.
--
-- Parameters:
--   $1 user_id bigint
--   $2 names jsonb
--
-- Columns:
--   name_key text
--   id bigint
--   made json

WITH made AS (
    INSERT INTO tags (user_id, name, name_key)
    SELECT $1::BIGINT AS user_id, named.name AS name, named.name_key AS name_key
    FROM jsonb_to_recordset($2::JSONB) AS named(name TEXT, name_key TEXT)
    ON CONFLICT DO NOTHING
    RETURNING
        tags.id,
        tags.user_id,
        tags.name,
        tags.name_key,
        tags.deleted_at,
        tags.created_at,
        tags.updated_at,
        tags.version
)
SELECT
    made.name_key,
    made.id,
    (
        SELECT row_to_json(shaped) AS row_to_json_1
        FROM (
            SELECT
                made.id AS id,
                made.name AS name,
                0 AS open_todos,
                (to_json(timezone('UTC', made.created_at)) #>> '{}') || 'Z' AS created_at,
                (to_json(timezone('UTC', made.updated_at)) #>> '{}') || 'Z' AS updated_at,
                made.version AS version
        ) AS shaped
    ) AS made
FROM made
UNION ALL
SELECT known.name_key, known.id, NULL::json
FROM (
    SELECT
        named.name_key AS name_key,
        (
            SELECT tags.id
            FROM tags
            WHERE
                tags.user_id = $1::BIGINT
                AND tags.deleted_at IS NULL
                AND tags.name_key = named.name_key
        ) AS id
    FROM jsonb_to_recordset($2::JSONB) AS named(name TEXT, name_key TEXT)
    LIMIT ALL
    OFFSET 0
) AS known
WHERE known.id IS NOT NULL
