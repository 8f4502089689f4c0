-- Record further rows that the change `id` touched, which has so many entries `already`.
--
-- `entities`, `entity_ids`, `befores` and `afters`: the rows, as in `RECORD`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 id bigint
--   $3 already bigint
--   $4 entities character varying
--   $5 entity_ids character varying
--   $6 befores character varying
--   $7 afters character varying

INSERT INTO change_entries (
    user_id, change_id, number, entity, entity_id, list_before, list_after, before, after
)
SELECT
    $1::BIGINT AS user_id,
    $2::BIGINT AS change_id,
    $3::BIGINT + touched.n AS number,
    touched.entity AS entity,
    CAST(touched.entity_id AS BIGINT) AS entity_id,
    CASE
        WHEN (touched.entity = 'todo')
        THEN CAST(CAST(touched.before AS JSON) ->> 'list_id' AS BIGINT)
        WHEN (touched.entity = 'list' AND CAST(touched.before AS JSON) IS NOT NULL)
        THEN CAST(touched.entity_id AS BIGINT)
    END AS list_before,
    CASE
        WHEN (touched.entity = 'todo')
        THEN CAST(CAST(touched.after AS JSON) ->> 'list_id' AS BIGINT)
        WHEN (touched.entity = 'list' AND CAST(touched.after AS JSON) IS NOT NULL)
        THEN CAST(touched.entity_id AS BIGINT)
    END AS list_after,
    CAST(touched.before AS JSON) AS before,
    CAST(touched.after AS JSON) AS after
FROM unnest(
    string_to_array($4::VARCHAR, chr(30), ''),
    string_to_array($5::VARCHAR, chr(30), ''),
    string_to_array($6::VARCHAR, chr(30), ''),
    string_to_array($7::VARCHAR, chr(30), '')
) WITH ORDINALITY AS touched(entity, entity_id, before, after, n)
