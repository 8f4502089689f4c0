-- Make the agent of a new API token, which is `known_as` its id, with a `name` and a mandate: `verbs`, `mode`,
-- `rows_per_day`, `lists` and `own_lists`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 known_as character varying
--   $3 name character varying
--   $4 verbs text[]
--   $5 mode character varying
--   $6 rows_per_day integer
--   $7 lists bigint[]
--   $8 own_lists boolean
--
-- Columns:
--   id bigint

INSERT INTO agents (user_id, kind, known_as, name, verbs, mode, rows_per_day, lists, own_lists)
VALUES (
    $1::BIGINT,
    'token',
    $2::VARCHAR,
    $3::VARCHAR,
    $4::TEXT[],
    $5::VARCHAR,
    $6::INTEGER,
    $7::BIGINT[],
    $8::BOOLEAN
)
RETURNING agents.id
