-- The logins. The one-shot service "logins" runs this after the migrations, which make the roles (and roles cannot log in). It may
-- be run again at any time: it then sets the passwords to what .env says.
--
-- A service of yours gets its own logins as orders does.
\set ON_ERROR_STOP on
set client_min_messages = warning;

\getenv password PROJECTOR_DB_PASSWORD
select 'create role projector' where not exists (select from pg_roles where rolname = 'projector') \gexec
alter role projector login password :'password';
-- owner: the projector makes the schema of its first generation itself.
grant clerkstream_projector, clerkstream_owner to projector;

-- Of clerkstream watch, backfill and reconcile, and of doctor and status: every row of the read model to read, and their own books to write.
\getenv password WATCH_DB_PASSWORD
select 'create role watch' where not exists (select from pg_roles where rolname = 'watch') \gexec
alter role watch login password :'password';
grant clerkstream_watcher to watch;

-- Of requests and handlers: the rows of whom a transaction names, and the inbox.
\getenv password ORDERS_API_DB_PASSWORD
select 'create role orders_api' where not exists (select from pg_roles where rolname = 'orders_api') \gexec
alter role orders_api login password :'password';
grant clerkstream_tenant, clerkstream_subscriber to orders_api;

-- Of directory and denylist: every row of the read model, and nothing of the service's own. Another login, because policies of roles add up.
\getenv password ORDERS_READER_DB_PASSWORD
select 'create role orders_reader' where not exists (select from pg_roles where rolname = 'orders_reader') \gexec
alter role orders_reader login password :'password';
grant clerkstream_reader to orders_reader;

-- Of the migrations: the schema orders, which it makes itself.
\getenv password ORDERS_OWNER_DB_PASSWORD
select 'create role orders_owner' where not exists (select from pg_roles where rolname = 'orders_owner') \gexec
alter role orders_owner login password :'password';
select format('grant create on database %I to orders_owner', current_database()) \gexec
