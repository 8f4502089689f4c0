-- Delete the changes that were made before the moment `before`, of the `chunk` ones that follow the id `after`.
--
-- Their users remember the latest. Reads `ix_changes_id`.
-- Columns: how many were deleted (`count`), the id of the `last` one looked at, and whether the chunk `is_last`: it has a
-- younger change. Ids follow the time but for those of the same seconds, which are left to the next purge.
--
-- Parameters:
--   $1 after bigint
--   $2 chunk integer
--   $3 before timestamp with time zone
--
-- Columns:
--   count bigint
--   last bigint
--   is_last boolean

WITH
    oldest AS (
        SELECT changes.user_id AS user_id, changes.id AS id, changes.at AS at
        FROM changes
        WHERE changes.id > $1::BIGINT
        ORDER BY changes.id
        LIMIT $2::INTEGER
    ),
    owners AS (
        SELECT users.id AS id
        FROM users
        WHERE users.id IN (SELECT oldest.user_id FROM oldest)
        ORDER BY users.id FOR NO KEY
        UPDATE
    ),
    past AS (
        DELETE FROM changes
        USING oldest
        WHERE
            changes.user_id = oldest.user_id
            AND changes.id = oldest.id
            AND changes.at < $3::TIMESTAMP WITH TIME ZONE
            AND oldest.user_id IN (SELECT owners.id FROM owners)
        RETURNING changes.user_id, changes.id
    ),
    remembered AS (
        UPDATE users
        SET changes_deleted_through=greatest(users.changes_deleted_through, latest.id)
        FROM (
            SELECT past.user_id AS user_id, max(past.id) AS id FROM past GROUP BY past.user_id
        ) AS latest
        WHERE users.id = latest.user_id
    )
SELECT
    (SELECT count(*) AS count_1 FROM past) AS count,
    max(oldest.id) AS last,
    count(*) < $2::INTEGER OR bool_or(oldest.at >= $3::TIMESTAMP WITH TIME ZONE) AS is_last
FROM oldest
