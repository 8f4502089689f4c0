-- Revoke the calendar address with an `id`; `CalendarRead` before, and after or null if it was revoked already.
--
-- Parameters:
--   $1 user_id bigint
--   $2 id bigint
--
-- Columns:
--   id bigint
--   before json
--   after json

WITH
    stored AS (
        SELECT
            calendars.id AS id,
            calendars.user_id AS user_id,
            calendars.name AS name,
            calendars.hint AS hint,
            calendars.hash AS hash,
            calendars.list_id AS list_id,
            calendars.shows AS shows,
            calendars.created_at AS created_at,
            calendars.last_used_at AS last_used_at,
            calendars.revoked_at AS revoked_at
        FROM calendars
        WHERE calendars.user_id = $1::BIGINT AND calendars.id = $2::BIGINT
        FOR UPDATE
    ),
    revoked AS (
        UPDATE calendars
        SET revoked_at=statement_timestamp()
        FROM stored
        WHERE
            calendars.user_id = $1::BIGINT
            AND calendars.id = stored.id
            AND stored.revoked_at IS NULL
        RETURNING
            calendars.id,
            calendars.user_id,
            calendars.name,
            calendars.hint,
            calendars.hash,
            calendars.list_id,
            calendars.shows,
            calendars.created_at,
            calendars.last_used_at,
            calendars.revoked_at
    )
SELECT
    stored.id,
    (
        SELECT row_to_json(shaped) AS row_to_json_1
        FROM (
            SELECT
                stored.id AS id,
                stored.name AS name,
                stored.hint AS hint,
                stored.list_id AS list_id,
                stored.shows AS shows,
                (to_json(timezone('UTC', stored.created_at)) #>> '{}') || 'Z' AS created_at,
                (to_json(timezone('UTC', stored.last_used_at)) #>> '{}') || 'Z' AS last_used_at,
                (to_json(timezone('UTC', stored.revoked_at)) #>> '{}') || 'Z' AS revoked_at
        ) AS shaped
    ) AS before,
    CASE
        WHEN (revoked.id IS NOT NULL)
        THEN (
            SELECT row_to_json(shaped) AS row_to_json_2
            FROM (
                SELECT
                    revoked.id AS id,
                    revoked.name AS name,
                    revoked.hint AS hint,
                    revoked.list_id AS list_id,
                    revoked.shows AS shows,
                    (to_json(timezone('UTC', revoked.created_at)) #>> '{}') || 'Z' AS created_at,
                    (
                        to_json(timezone('UTC', revoked.last_used_at)) #>> '{}'
                    ) || 'Z' AS last_used_at,
                    (to_json(timezone('UTC', revoked.revoked_at)) #>> '{}') || 'Z' AS revoked_at
            ) AS shaped
        )
    END AS after
FROM stored
LEFT OUTER JOIN revoked ON revoked.id = stored.id
