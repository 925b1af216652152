-- The projector's login. The one-shot service "logins" runs this after the migrations, which make the roles (and roles cannot log in). It may
-- be run again at any time: it then sets the password to what .env says.
--
-- A service of yours gets its own login the same way, as a member of clerkstream_reader or clerkstream_tenant.
\set ON_ERROR_STOP on
set client_min_messages = warning;
\getenv password PROJECTOR_DB_PASSWORD

select 'create role projector' where not exists (select from pg_roles where rolname = 'projector') \gexec
alter role projector login password :'password';
-- owner: the projector makes the schema of its first generation itself.
grant clerkstream_projector, clerkstream_owner to projector;
