-- Give the list `id` a name key, `key`, which fails where another one has it, seen or not. To be rolled back.
--
-- Parameters:
--   $1 key character varying
--   $2 user_id bigint
--   $3 id bigint

UPDATE lists SET name_key=$1::VARCHAR WHERE lists.user_id = $2::BIGINT AND lists.id = $3::BIGINT
