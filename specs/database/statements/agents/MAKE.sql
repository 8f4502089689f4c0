-- Make the agent of a `kind` that is `known_as` something, with a `name`; another transaction may have been faster.
--
-- Of programs only `MOST_PROGRAMS` are made, and one for all others.
--
-- Parameters:
--   $1 user_id bigint
--   $2 kind character varying
--   $3 known_as character varying
--   $4 name character varying
--
-- Columns:
--   id bigint
--   version integer
--   verbs text[]
--   mode text
--   rows_per_day integer
--   until timestamp with time zone
--   own_lists boolean
--   lists json

INSERT INTO agents (user_id, kind, known_as, name)
SELECT
    $1::BIGINT AS user_id,
    $2::VARCHAR AS kind,
    CASE
        WHEN (
            $2::VARCHAR = 'program'
            AND (
                SELECT count(*) AS count_1
                FROM agents AS program
                WHERE program.user_id = $1::BIGINT AND program.kind = 'program'
            ) >= 200
        )
        THEN 'others'
        ELSE $3::VARCHAR
    END AS known_as,
    CASE
        WHEN (
            $2::VARCHAR = 'program'
            AND (
                SELECT count(*) AS count_1
                FROM agents AS program
                WHERE program.user_id = $1::BIGINT AND program.kind = 'program'
            ) >= 200
        )
        THEN 'other programs'
        ELSE $4::VARCHAR
    END AS name
ON CONFLICT (user_id, kind, known_as) DO UPDATE
SET last_used_at = now()
RETURNING
    agents.id,
    agents.version,
    agents.verbs,
    agents.mode,
    agents.rows_per_day,
    agents.until,
    agents.own_lists,
    to_json(agents.lists) AS lists
