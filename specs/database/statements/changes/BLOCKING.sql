-- Find the change that keeps the change `id` from being undone: the latest one after it to the same row.
--
-- One that still stands comes before one that was itself undone. `touching`: the row, as a JSON array that the change's
-- entries contain, such as `[{"entity": "todo", "id": 1}]`.
--
-- Parameters:
--   $1 id bigint
--   $2 user_id bigint
--   $3 touching jsonb
--
-- Columns:
--   coalesce_1 bigint

SELECT coalesce(
    max(later.id) FILTER (
        WHERE
            (later.undoes IS NULL OR later.undoes < $1::BIGINT)
            AND NOT (
                EXISTS (
                    SELECT reverted.id
                    FROM changes AS reverted
                    WHERE reverted.user_id = $2::BIGINT AND reverted.undoes = later.id
                )
            )
    ),
    max(later.id)
) AS coalesce_1
FROM changes AS later
WHERE
    later.user_id = $2::BIGINT
    AND later.id > $1::BIGINT
    AND (CAST(later.entries AS JSONB) @> $3::JSONB)
