-- Read what the mandate of the agent with an `id` says of lists: `lists` as JSON, and `own_lists`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 id bigint
--
-- Columns:
--   lists json
--   own_lists boolean

SELECT to_json(agents.lists) AS lists, agents.own_lists
FROM agents
WHERE agents.user_id = $1::BIGINT AND agents.id = $2::BIGINT
