-- Find the change that keeps the change `id` from being undone: the latest one after it to the same row.
--
-- One that still stands comes before one that was itself undone; only the latest `LOOK_BACK` are looked at. `entity` and
-- `entity_id`: the row. Reads `ix_change_entries_entity`.
--
-- Parameters:
--   $1 id bigint
--   $2 user_id bigint
--   $3 entity character varying
--   $4 entity_id bigint
--
-- Columns:
--   coalesce_1 bigint

SELECT coalesce(
    max(touching.id) FILTER (
        WHERE
            (touching.undoes IS NULL OR touching.undoes < $1::BIGINT)
            AND NOT (
                EXISTS (
                    SELECT reverted.id
                    FROM changes AS reverted
                    WHERE reverted.user_id = $2::BIGINT AND reverted.undoes = touching.id
                )
            )
    ),
    max(touching.id)
) AS coalesce_1
FROM (
    SELECT changes.id AS id, changes.undoes AS undoes
    FROM changes
    JOIN change_entries
        ON change_entries.user_id = changes.user_id AND change_entries.change_id = changes.id
    WHERE
        change_entries.user_id = $2::BIGINT
        AND change_entries.entity = $3::VARCHAR
        AND change_entries.entity_id = $4::BIGINT
        AND change_entries.change_id > $1::BIGINT
    ORDER BY change_entries.change_id DESC
    LIMIT 100
) AS touching
