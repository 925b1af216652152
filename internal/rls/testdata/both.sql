-- "shop"."drafts": rows belong to the user in "user_id" and the organization in "organization_id".
-- Run it as the table's owner, in one transaction; running it again changes nothing.
alter table "shop"."drafts" enable row level security;
alter table "shop"."drafts" force row level security;
alter table "shop"."drafts" alter column "organization_id" set default nullif(current_setting('clerk.org_id', true), '');
alter table "shop"."drafts" alter column "user_id" set default nullif(current_setting('clerk.user_id', true), '');
drop policy if exists "clerkstream_tenant" on "shop"."drafts";
create policy "clerkstream_tenant" on "shop"."drafts" for all to "clerkstream_tenant"
  using ("organization_id" = (select nullif(current_setting('clerk.org_id', true), '')) and "user_id" = (select nullif(current_setting('clerk.user_id', true), '')))
  with check ("organization_id" = (select nullif(current_setting('clerk.org_id', true), '')) and "user_id" = (select nullif(current_setting('clerk.user_id', true), '')));
comment on policy "clerkstream_tenant" on "shop"."drafts" is 'rows belong to the user in "user_id" and the organization in "organization_id"';
grant usage on schema "shop" to "clerkstream_tenant";
revoke all on table "shop"."drafts" from "clerkstream_tenant";
grant select, insert, update, delete on table "shop"."drafts" to "clerkstream_tenant";
drop policy if exists "clerkstream_all_rows" on "shop"."drafts";
create policy "clerkstream_all_rows" on "shop"."drafts" for all to "shop_jobs" using (true) with check (true);
grant usage on schema "shop" to "shop_jobs";
revoke all on table "shop"."drafts" from "shop_jobs";
grant select, insert, update, delete on table "shop"."drafts" to "shop_jobs";

-- Every query of a tenant asks for "organization_id". Unless an index begins with it:
-- create index concurrently on "shop"."drafts" ("organization_id");
