-- Find the agent of a `kind` that is `known_as` something, by `uq_agents_user_id_kind_known_as`; of a program that has
-- none the one of all others, if there are so many that it is there.
--
-- `last_use_is_old` tells whether its last use was stored more than a minute ago.
--
-- Parameters:
--   $1 user_id bigint
--   $2 kind character varying
--   $3 known_as character varying
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
--   last_use_is_old boolean

SELECT
    agents.id,
    agents.version,
    agents.verbs,
    agents.mode,
    agents.rows_per_day,
    agents.until,
    agents.own_lists,
    to_json(agents.lists) AS lists,
    agents.last_used_at <= now() - make_interval(secs=>60.0) AS last_use_is_old
FROM agents
WHERE
    agents.user_id = $1::BIGINT
    AND agents.kind = $2::VARCHAR
    AND (agents.known_as = $3::VARCHAR OR $2::VARCHAR = 'program' AND agents.known_as = 'others')
ORDER BY agents.known_as = $3::VARCHAR DESC
LIMIT 1
