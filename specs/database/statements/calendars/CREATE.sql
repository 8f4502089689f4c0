-- Make a calendar address with a `name`, of the list `list_id` or of all, that `shows` events or todos.
--
-- `hash`: SHA-256 of its secret, which is itself not stored. `hint`: the part of it that a person may recognize. `row` is
-- its `CalendarRead`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 name character varying
--   $3 hint character varying
--   $4 hash bytea
--   $5 list_id bigint
--   $6 shows character varying
--
-- Columns:
--   id bigint
--   row json

WITH created AS (
    INSERT INTO calendars (user_id, name, hint, hash, list_id, shows)
    VALUES ($1::BIGINT, $2::VARCHAR, $3::VARCHAR, $4::BYTEA, $5::BIGINT, $6::VARCHAR)
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
    created.id,
    (
        SELECT row_to_json(shaped) AS row_to_json_1
        FROM (
            SELECT
                created.id AS id,
                created.name AS name,
                created.hint AS hint,
                created.list_id AS list_id,
                created.shows AS shows,
                (to_json(timezone('UTC', created.created_at)) #>> '{}') || 'Z' AS created_at,
                (to_json(timezone('UTC', created.last_used_at)) #>> '{}') || 'Z' AS last_used_at,
                (to_json(timezone('UTC', created.revoked_at)) #>> '{}') || 'Z' AS revoked_at
        ) AS shaped
    ) AS row
FROM created
