-- Send each of the `payloads` to whoever listens on the channel.
--
-- Parameters:
--   $1 payloads text[]
--
-- Columns:
--   pg_notify_1 void

SELECT pg_notify('todo_changes', unnest($1::TEXT[])) AS pg_notify_1
