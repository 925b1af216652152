-- Orders of all tenants, in one table. A statement sees and writes those of the organization that its transaction names, and no others.
create table orders.orders (
  organization_id text        not null,
  id              uuid        not null default gen_random_uuid(),
  buyer_id        text        not null,
  assignee_id     text,
  assigned_at     timestamptz,
  item            text        not null check (length(item) between 1 and 200),
  quantity        integer     not null check (quantity between 1 and 10000),
  status          text        not null default 'open' check (status in ('open', 'paid', 'cancelled')),
  created_at      timestamptz not null default now(),
  updated_at      timestamptz not null default now(),
  -- The organization first: a unique key looks at rows that policies hide, so with the id alone a conflict would tell of another tenant's order.
  primary key (organization_id, id),
  check ((assignee_id is null) = (assigned_at is null))
);
create index on orders.orders (organization_id, created_at desc);

-- As `clerkstream rls protect orders.orders --org-column organization_id` writes it; `clerkstream rls test` tries it.
alter table "orders"."orders" enable row level security;
alter table "orders"."orders" force row level security;
alter table "orders"."orders" alter column "organization_id" set default nullif(current_setting('clerk.org_id', true), '');
drop policy if exists "clerkstream_tenant" on "orders"."orders";
create policy "clerkstream_tenant" on "orders"."orders" for all to "clerkstream_tenant"
  using ("organization_id" = (select nullif(current_setting('clerk.org_id', true), '')))
  with check ("organization_id" = (select nullif(current_setting('clerk.org_id', true), '')));
comment on policy "clerkstream_tenant" on "orders"."orders" is 'rows belong to the organization in "organization_id"';
grant usage on schema "orders" to "clerkstream_tenant";
revoke all on table "orders"."orders" from "clerkstream_tenant";
grant select, insert, update, delete on table "orders"."orders" to "clerkstream_tenant";
drop policy if exists "clerkstream_all_rows" on "orders"."orders";

-- Welcomes that are due, and those that were sent: the handlers' own table, in which no tenant has any business. That there is one for each user is
-- the inbox's doing, not a key's.
create table orders.welcomes (
  id      bigint      generated always as identity primary key,
  user_id text        not null,
  due_at  timestamptz not null default now(),
  sent_at timestamptz
);
create index on orders.welcomes (due_at) where sent_at is null;
grant usage on schema orders to clerkstream_subscriber;
grant select, insert, update on orders.welcomes to clerkstream_subscriber;

---- create above / drop below ----

drop table orders.welcomes;
drop table orders.orders;
