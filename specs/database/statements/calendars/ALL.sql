-- Read every calendar address of the user, oldest first: `rows`, a JSON array of `CalendarRead`, and `total`.
--
-- Parameters:
--   $1 user_id bigint
--
-- Columns:
--   rows json
--   total bigint

SELECT
    coalesce(
        json_agg(
            (
                SELECT row_to_json(shaped) AS row_to_json_1
                FROM (
                    SELECT
                        calendars.id AS id,
                        calendars.name AS name,
                        calendars.hint AS hint,
                        calendars.list_id AS list_id,
                        calendars.shows AS shows,
                        (
                            to_json(timezone('UTC', calendars.created_at)) #>> '{}'
                        ) || 'Z' AS created_at,
                        (
                            to_json(timezone('UTC', calendars.last_used_at)) #>> '{}'
                        ) || 'Z' AS last_used_at,
                        (
                            to_json(timezone('UTC', calendars.revoked_at)) #>> '{}'
                        ) || 'Z' AS revoked_at
                ) AS shaped
            )
            ORDER BY calendars.id
        ),
        '[]'::json
    ) AS rows,
    count(*) AS total
FROM calendars
WHERE calendars.user_id = $1::BIGINT
