-- Record that the user was here on a `day`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 day date

INSERT INTO activity_days (user_id, day)
SELECT $1::BIGINT AS user_id, $2::DATE AS day
ON CONFLICT DO NOTHING
