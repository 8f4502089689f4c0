-- Read every row of a change that the caller may see as `ExportedEntry`, in the order of changes.
--
-- `shown`: as in `CHANGES`. `rows`: true, for the rows before and after. Reads `pk_change_entries`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 rows boolean
--   $3 shown text[]
--
-- Columns:
--   row json

SELECT (
    SELECT row_to_json(shaped) AS row_to_json_1
    FROM (
        SELECT
            change_entries.change_id AS change_id,
            (
                SELECT row_to_json(shaped) AS row_to_json_2
                FROM (
                    SELECT
                        change_entries.entity AS entity,
                        change_entries.entity_id AS id,
                        coalesce(
                            change_entries.after ->> 'title',
                            change_entries.after ->> 'name',
                            (
                                SELECT todo.title
                                FROM (
                                    SELECT coalesce(
                                        CAST(change_entries.after ->> 'todo_id' AS BIGINT),
                                        change_entries.entity_id
                                    ) AS id
                                    WHERE change_entries.entity IN ('todo', 'note')
                                    LIMIT ALL
                                    OFFSET 0
                                ) AS named
                                JOIN todos AS todo
                                    ON todo.id = named.id AND todo.user_id = $1::BIGINT
                            )
                        ) AS title,
                        change_entries.number AS number,
                        change_entries.before IS NULL AS is_new,
                        CASE
                            WHEN $2::BOOLEAN
                            THEN CASE
                                WHEN (change_entries.before IS NULL) THEN NULL::json
                                WHEN (
                                    change_entries.entity = 'tag'
                                    AND (change_entries.before -> 'row') IS NOT NULL
                                    AND (change_entries.before -> 'linked') IS NOT NULL
                                )
                                THEN CAST(
                                    jsonb_set(
                                        CAST(change_entries.before -> 'row' AS JSONB),
                                        '{linked}',
                                        CAST(change_entries.before -> 'linked' AS JSONB)
                                    ) AS JSON
                                )
                                WHEN (
                                    (
                                        change_entries.entity = 'list'
                                        OR change_entries.entity = 'tag'
                                    )
                                    AND (change_entries.before -> 'row') IS NOT NULL
                                )
                                THEN change_entries.before -> 'row'
                                WHEN (change_entries.entity = 'list')
                                THEN json_build_object(
                                    'name',
                                    change_entries.before -> 'name',
                                    'color',
                                    change_entries.before -> 'colour',
                                    'is_archived',
                                    change_entries.before -> 'is_archived',
                                    'is_deleted',
                                    change_entries.before -> 'is_deleted',
                                    'version',
                                    change_entries.before -> 'version'
                                )
                                WHEN (
                                    change_entries.entity = 'tag'
                                    AND (change_entries.before -> 'deleted') IS NOT NULL
                                    AND (change_entries.before -> 'linked') IS NOT NULL
                                )
                                THEN json_build_object(
                                    'name',
                                    change_entries.before -> 'name',
                                    'is_deleted',
                                    change_entries.before -> 'deleted',
                                    'version',
                                    change_entries.before -> 'version',
                                    'linked',
                                    change_entries.before -> 'linked'
                                )
                                WHEN (
                                    change_entries.entity = 'tag'
                                    AND (change_entries.before -> 'deleted') IS NOT NULL
                                )
                                THEN json_build_object(
                                    'name',
                                    change_entries.before -> 'name',
                                    'is_deleted',
                                    change_entries.before -> 'deleted',
                                    'version',
                                    change_entries.before -> 'version'
                                )
                                WHEN (
                                    change_entries.entity = 'account'
                                    AND (change_entries.before -> 'deleted') IS NOT NULL
                                )
                                THEN json_build_object(
                                    'is_deleted', change_entries.before -> 'deleted'
                                )
                                WHEN (CAST(change_entries.before AS TEXT) LIKE '%+00:00"%')
                                THEN CAST(
                                    regexp_replace(
                                        CAST(change_entries.before AS TEXT),
                                        '("(at|[a-z]+_at)" ?: ?"[^"]*)[+]00:00"',
                                        '\1Z"',
                                        'g'
                                    ) AS JSON
                                )
                                ELSE change_entries.before
                            END
                        END AS before,
                        CASE
                            WHEN $2::BOOLEAN
                            THEN CASE
                                WHEN (change_entries.after IS NULL) THEN NULL::json
                                WHEN (
                                    change_entries.entity = 'tag'
                                    AND (change_entries.after -> 'row') IS NOT NULL
                                    AND (change_entries.after -> 'linked') IS NOT NULL
                                )
                                THEN CAST(
                                    jsonb_set(
                                        CAST(change_entries.after -> 'row' AS JSONB),
                                        '{linked}',
                                        CAST(change_entries.after -> 'linked' AS JSONB)
                                    ) AS JSON
                                )
                                WHEN (
                                    (
                                        change_entries.entity = 'list'
                                        OR change_entries.entity = 'tag'
                                    )
                                    AND (change_entries.after -> 'row') IS NOT NULL
                                )
                                THEN change_entries.after -> 'row'
                                WHEN (change_entries.entity = 'list')
                                THEN json_build_object(
                                    'name',
                                    change_entries.after -> 'name',
                                    'color',
                                    change_entries.after -> 'colour',
                                    'is_archived',
                                    change_entries.after -> 'is_archived',
                                    'is_deleted',
                                    change_entries.after -> 'is_deleted',
                                    'version',
                                    change_entries.after -> 'version'
                                )
                                WHEN (
                                    change_entries.entity = 'tag'
                                    AND (change_entries.after -> 'deleted') IS NOT NULL
                                    AND (change_entries.after -> 'linked') IS NOT NULL
                                )
                                THEN json_build_object(
                                    'name',
                                    change_entries.after -> 'name',
                                    'is_deleted',
                                    change_entries.after -> 'deleted',
                                    'version',
                                    change_entries.after -> 'version',
                                    'linked',
                                    change_entries.after -> 'linked'
                                )
                                WHEN (
                                    change_entries.entity = 'tag'
                                    AND (change_entries.after -> 'deleted') IS NOT NULL
                                )
                                THEN json_build_object(
                                    'name',
                                    change_entries.after -> 'name',
                                    'is_deleted',
                                    change_entries.after -> 'deleted',
                                    'version',
                                    change_entries.after -> 'version'
                                )
                                WHEN (
                                    change_entries.entity = 'account'
                                    AND (change_entries.after -> 'deleted') IS NOT NULL
                                )
                                THEN json_build_object(
                                    'is_deleted', change_entries.after -> 'deleted'
                                )
                                WHEN (CAST(change_entries.after AS TEXT) LIKE '%+00:00"%')
                                THEN CAST(
                                    regexp_replace(
                                        CAST(change_entries.after AS TEXT),
                                        '("(at|[a-z]+_at)" ?: ?"[^"]*)[+]00:00"',
                                        '\1Z"',
                                        'g'
                                    ) AS JSON
                                )
                                ELSE change_entries.after
                            END
                        END AS after
                ) AS shaped
            ) AS entry
    ) AS shaped
) AS row
FROM change_entries
WHERE
    change_entries.user_id = $1::BIGINT
    AND (
        change_entries.entity = ANY ($3::TEXT[])
            AND (
                change_entries.entity != 'account'
                OR change_entries.entity_id = $1::BIGINT
                OR (
                    SELECT admin.role = 'admin'
                    AND (
                        admin.role_until > now()
                        OR admin.issuer IN ('urn:todo-mcp:local', 'urn:todo-mcp:operator')
                    ) AS anon_1
                    FROM users AS admin
                    WHERE admin.id = $1::BIGINT
                )
            )
        OR change_entries.entity = 'account'
            AND change_entries.entity_id = $1::BIGINT
            AND 'own account' = ANY ($3::TEXT[])
    )
ORDER BY change_entries.change_id, change_entries.number
