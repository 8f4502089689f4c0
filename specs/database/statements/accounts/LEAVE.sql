-- Go on in this transaction as `todo_leaving`, which may delete the user's own account and do nothing else.
--
-- Columns:
--   set_config_1 text

SELECT set_config('role', 'todo_leaving', true) AS set_config_1
