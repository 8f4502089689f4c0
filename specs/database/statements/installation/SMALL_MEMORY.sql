-- Have the rest of the transaction use temporary files for what does not fit into 64 kB.
--
-- Columns:
--   set_config_1 text

SELECT set_config('work_mem', '64kB', true) AS set_config_1
