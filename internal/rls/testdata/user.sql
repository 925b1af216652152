-- "carts": rows belong to the user in "user_id".
-- Run it as the table's owner, in one transaction; running it again changes nothing.
alter table "carts" enable row level security;
alter table "carts" force row level security;
drop policy if exists "clerkstream_tenant" on "carts";
create policy "clerkstream_tenant" on "carts" for all to "clerkstream_tenant"
  using ("user_id" = (select nullif(current_setting('clerk.user_id', true), '')))
  with check ("user_id" = (select nullif(current_setting('clerk.user_id', true), '')));
comment on policy "clerkstream_tenant" on "carts" is 'rows belong to the user in "user_id"';
revoke all on table "carts" from "clerkstream_tenant";
grant select on table "carts" to "clerkstream_tenant";
drop policy if exists "clerkstream_all_rows" on "carts";

-- Every query of a tenant asks for "user_id". Unless an index begins with it:
-- create index concurrently on "carts" ("user_id");
