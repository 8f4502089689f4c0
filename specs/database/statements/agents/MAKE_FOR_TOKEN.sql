-- Make the agent of a new API token, which is `known_as` its id, with a `name` and a mandate: `verbs`, `mode` and
-- `rows_per_day`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 known_as character varying
--   $3 name character varying
--   $4 verbs text[]
--   $5 mode character varying
--   $6 rows_per_day integer
--
-- Columns:
--   id bigint

INSERT INTO agents (user_id, kind, known_as, name, verbs, mode, rows_per_day)
VALUES ($1::BIGINT, 'token', $2::VARCHAR, $3::VARCHAR, $4::TEXT[], $5::VARCHAR, $6::INTEGER)
RETURNING agents.id
