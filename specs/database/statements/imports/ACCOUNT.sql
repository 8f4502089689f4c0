-- Read whether the user has nothing but the inbox, where new todos come, and the default list; and the moment.
--
-- Parameters:
--   $1 user_id bigint
--
-- Columns:
--   is_empty boolean
--   comes_first boolean
--   default_list_id bigint
--   now timestamp with time zone

SELECT
    NOT (EXISTS (SELECT todos.id FROM todos WHERE todos.user_id = $1::BIGINT))
    AND NOT (
        EXISTS (SELECT lists.id FROM lists WHERE lists.user_id = $1::BIGINT AND NOT lists.is_inbox)
    ) AS is_empty,
    users.new_todos = 'first' AS comes_first,
    users.default_list_id,
    statement_timestamp() AS now
FROM users
WHERE users.id = $1::BIGINT
