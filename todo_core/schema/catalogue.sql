-- Everything in the schema `public` that `catalogue.json` has, one row each: kind, name, definition.
--
-- Of grants and policies, only those to our roles and to everybody: what another role may do is its owner's business.
-- Policies to nobody but the owner of the tables are a kind of their own: a function that runs as the owner needs them.
-- Whether everybody may look into the schema makes no difference, as our roles have grants of their own.
-- The search path must be `public`: names outside of it come with their schema.

WITH ours AS (
    SELECT oid FROM pg_roles
    WHERE rolname IN (
        'todo_admin', 'todo_agent', 'todo_app', 'todo_calendar', 'todo_janitor', 'todo_leaving', 'todo_probe',
        'todo_search', 'todo_sign_in', 'todo_tagger'
    )
),
migrations AS (
    SELECT relowner AS owner FROM pg_class WHERE oid = 'public.alembic_version'::regclass
),
roles AS (
    SELECT oid, CASE oid WHEN owner THEN 'CURRENT_USER' ELSE quote_ident(rolname) END AS name FROM pg_roles, migrations
    UNION ALL
    SELECT 0, 'PUBLIC'
),
owners AS (
    SELECT oid, CASE oid WHEN owner THEN 'the migrations''' ELSE quote_ident(rolname) END AS name
    FROM pg_roles, migrations
),
relations AS (
    SELECT * FROM pg_class WHERE relnamespace = 'public'::regnamespace
),
functions AS (
    SELECT oid, proowner, coalesce(proacl, acldefault('f', proowner)) AS acl FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace
),
objects AS (
    SELECT CASE relkind WHEN 'S' THEN 'SEQUENCE ' ELSE '' END || oid::regclass AS object,
           '' AS fields, relacl AS acl, relowner AS owner
    FROM relations
    UNION ALL
    SELECT attrelid::regclass::text, format(' (%I)', attname), attacl, relowner
    FROM pg_attribute JOIN relations ON relations.oid = attrelid WHERE NOT attisdropped
    UNION ALL
    SELECT 'FUNCTION ' || oid::regprocedure, '', acl, proowner FROM functions
    UNION ALL
    SELECT 'SCHEMA public', '', coalesce(nspacl, acldefault('n', nspowner)), nspowner
    FROM pg_namespace WHERE nspname = 'public'
)

SELECT 'revision' AS kind, version_num AS name, '' AS definition FROM alembic_version

UNION ALL
SELECT 'tables', r.oid::regclass::text,
       concat_ws(', ', CASE relpersistence WHEN 'u' THEN 'unlogged' ELSE 'logged' END, 'owner ' || o.name)
FROM relations r JOIN owners o ON o.oid = relowner WHERE relkind IN ('r', 'p')

UNION ALL
SELECT 'row-level security', oid::regclass::text,
       CASE WHEN NOT relrowsecurity THEN 'off' WHEN relforcerowsecurity THEN 'forced' ELSE 'not forced' END
FROM relations WHERE relkind IN ('r', 'p')

UNION ALL
SELECT 'columns', format('%s.%I', attrelid::regclass, attname),
       concat_ws(
           ' ', format_type(atttypid, atttypmod), CASE WHEN attnotnull THEN 'NOT NULL' END,
           CASE WHEN attidentity <> '' THEN 'IDENTITY' END, CASE WHEN attgenerated <> '' THEN 'GENERATED' END,
           pg_get_expr(adbin, adrelid)
       )
FROM pg_attribute
JOIN relations ON relations.oid = attrelid
LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE relkind IN ('r', 'p') AND attnum > 0 AND NOT attisdropped

UNION ALL
SELECT 'constraints', format('%I ON %s', conname, conrelid::regclass),
       concat_ws(
           ' ', pg_get_constraintdef(c.oid),
           CASE WHEN EXISTS (SELECT FROM pg_trigger WHERE tgconstraint = c.oid AND tgenabled IN ('D', 'R'))
                THEN 'DISABLED' END
       )
FROM pg_constraint c JOIN relations ON relations.oid = conrelid WHERE contype IN ('c', 'f', 'p', 'u', 'x')

UNION ALL
SELECT 'indexes', indexrelid::regclass::text,
       concat_ws(' ', pg_get_indexdef(indexrelid), CASE WHEN NOT (indisvalid AND indisready) THEN 'INVALID' END)
FROM pg_index JOIN relations ON relations.oid = indrelid
WHERE NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u', 'x'))

UNION ALL
SELECT 'triggers', format('%I ON %s', tgname, tgrelid::regclass),
       concat_ws(' ', pg_get_triggerdef(t.oid), CASE WHEN tgenabled IN ('D', 'R') THEN 'DISABLED' END)
FROM pg_trigger t JOIN relations ON relations.oid = tgrelid WHERE NOT tgisinternal

UNION ALL
SELECT CASE WHEN polroles && audience THEN 'policies' ELSE 'owner''s policies' END,
       format('%I ON %s', polname, polrelid::regclass),
       concat_ws(
           ' ', 'AS', CASE WHEN polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
           'FOR', CASE polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE'
                  ELSE 'ALL' END,
           'TO', (SELECT string_agg(name, ', ' ORDER BY name) FROM roles WHERE oid = ANY (polroles)),
           'USING (' || pg_get_expr(polqual, polrelid) || ')',
           'WITH CHECK (' || pg_get_expr(polwithcheck, polrelid) || ')'
       )
FROM pg_policy JOIN relations ON relations.oid = polrelid,
     migrations, (SELECT array_agg(oid) AS audience FROM (SELECT oid FROM ours UNION ALL SELECT 0) AS them) AS those
WHERE polroles && audience OR polroles = ARRAY[owner]

UNION ALL
SELECT 'functions', p.oid::regprocedure::text,
       concat_ws(
           ', ', 'returns ' || pg_get_function_result(p.oid), 'language ' || lanname,
           CASE provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' ELSE 'volatile' END,
           CASE WHEN prosecdef THEN 'security definer' ELSE 'security invoker' END,
           CASE WHEN proisstrict THEN 'strict' END, CASE WHEN proleakproof THEN 'leakproof' END,
           CASE proparallel WHEN 's' THEN 'parallel safe' WHEN 'r' THEN 'parallel restricted' END,
           'owner ' || o.name, (SELECT string_agg(setting, ', ' ORDER BY setting) FROM unnest(proconfig) AS setting),
           'body ' || encode(sha256(convert_to(
               regexp_replace(coalesce(pg_get_function_sqlbody(p.oid), prosrc), '\s+', ' ', 'g'), 'UTF8'
           )), 'hex')
       )
FROM functions
JOIN pg_proc p ON p.oid = functions.oid
JOIN pg_language l ON l.oid = prolang
JOIN owners o ON o.oid = p.proowner

UNION ALL
SELECT 'grants', format('%s%s ON %s TO %s', privilege_type, fields, object, roles.name),
       CASE WHEN is_grantable THEN 'WITH GRANT OPTION' ELSE '' END
FROM objects, aclexplode(acl) JOIN roles ON roles.oid = grantee
WHERE grantee <> owner AND (grantee = 0 OR grantee IN (SELECT oid FROM ours))
      AND NOT (grantee = 0 AND object = 'SCHEMA public' AND privilege_type = 'USAGE')

ORDER BY 1, 2
