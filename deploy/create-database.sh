#!/bin/sh
# Makes the database, its owner, who may make roles, and the login of requests, which owns nothing. PostgreSQL's image
# runs this once, when its volume is empty; elsewhere run it as a superuser.
set -eu
: "${TODO_OWNER_PASSWORD:?}" "${TODO_LOGIN_PASSWORD:?}"
psql --username "${POSTGRES_USER:-postgres}" --dbname postgres --set ON_ERROR_STOP=1 \
    --set owner_password="$TODO_OWNER_PASSWORD" --set login_password="$TODO_LOGIN_PASSWORD" <<'SQL'
CREATE ROLE todo_owner LOGIN CREATEROLE PASSWORD :'owner_password';
CREATE ROLE todo_login LOGIN NOINHERIT PASSWORD :'login_password';
CREATE DATABASE todo OWNER todo_owner;
REVOKE CONNECT, TEMPORARY ON DATABASE todo FROM PUBLIC;
GRANT CONNECT ON DATABASE todo TO todo_login;
SQL
