-- "shop"."orders": rows belong to the organization in "organization_id".
-- Run it as the table's owner, in one transaction; running it again changes nothing.
alter table "shop"."orders" enable row level security;
alter table "shop"."orders" force row level security;
alter table "shop"."orders" alter column "organization_id" set default nullif(current_setting('clerk.org_id', true), '');
drop policy if exists "clerkstream_tenant" on "shop"."orders";
create policy "clerkstream_tenant" on "shop"."orders" for all to "clerkstream_tenant"
  using ("organization_id" = (select nullif(current_setting('clerk.org_id', true), '')))
  with check ("organization_id" = (select nullif(current_setting('clerk.org_id', true), '')));
comment on policy "clerkstream_tenant" on "shop"."orders" is 'rows belong to the organization in "organization_id"';
grant usage on schema "shop" to "clerkstream_tenant";
revoke all on table "shop"."orders" from "clerkstream_tenant";
grant select, insert, update, delete on table "shop"."orders" to "clerkstream_tenant";
drop policy if exists "clerkstream_all_rows" on "shop"."orders";

-- Every query of a tenant asks for "organization_id". Unless an index begins with it:
-- create index concurrently on "shop"."orders" ("organization_id");
