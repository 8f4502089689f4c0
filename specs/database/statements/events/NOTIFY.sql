-- Send each of the `payloads` to whoever listens on `CHANNEL`, without waiting for the disk: nothing is stored.
--
-- Parameters:
--   $1 payloads text[]
--
-- Columns:
--   set_config_1 text
--   pg_notify_1 void

SELECT
    set_config('synchronous_commit', 'off', true) AS set_config_1,
    pg_notify('todo_changes', unnest($1::TEXT[])) AS pg_notify_1
