-- Roles belong to the whole cluster, so another database's migration may be creating them at this moment: "already exists" is success.
-- None of them can log in. A login becomes one of them by membership, which is also how a service grants itself access.
do $$
declare
  r text;
begin
  foreach r in array array['clerkstream_owner', 'clerkstream_projector', 'clerkstream_reader', 'clerkstream_tenant'] loop
    begin
      execute format('create role %I nologin', r);
    exception when duplicate_object or unique_violation then
      null;
    end;
  end loop;
end $$;

-- Generations are schemas of their own, so the owner of them must be able to create schemas here.
do $$
begin
  execute format('grant create on database %I to clerkstream_owner', current_database());
  -- Large batches go through a temporary table.
  execute format('grant temporary on database %I to clerkstream_projector', current_database());
end $$;

comment on schema clerkstream is 'clerkstream''s operational tables: positions, generations, dead letters';
grant usage on schema clerkstream to clerkstream_owner, clerkstream_projector, clerkstream_reader;
grant select on clerkstream.schema_version to clerkstream_owner, clerkstream_projector, clerkstream_reader;

-- One copy of one service's read model, in a schema of its own that never changes its name.
create table clerkstream.generations (
  service         text        not null,
  generation      integer     not null check (generation > 0),
  instance        text        not null,
  view_schema     text        not null,
  table_schema    text        not null,
  definition_hash text        not null,
  read_models     text[]      not null,
  state           text        not null check (state in ('building', 'ready', 'live', 'retired')),
  -- What was made in the two schemas. Whatever else lies there is somebody's, and is never moved or dropped.
  tables          text[]      not null,
  views           text[]      not null,
  created_at      timestamptz not null default now(),
  -- When readers last began and last ceased to see it: a rollback goes to the one they ceased to see last.
  live_since      timestamptz,
  live_until      timestamptz,
  retired_at      timestamptz,
  -- What the last comparison with the live generation said; null before the first.
  gate_passed     boolean,
  gate_at         timestamptz,
  primary key (service, generation),
  unique (table_schema)
);
-- What readers see is one generation, and a schema of views has one owner.
create unique index generations_one_live_per_service on clerkstream.generations (service) where state = 'live';
create unique index generations_one_live_per_view_schema on clerkstream.generations (view_schema) where state = 'live';

-- The position of one generation in its stream. It moves in the transaction of the rows it stands for; nothing else knows the position.
-- The stream's creation time and the id of the last message tell a stream from another one that took its name and its numbers.
create table clerkstream.checkpoints (
  service           text        not null,
  generation        integer     not null,
  stream            text        not null,
  stream_created_at timestamptz,
  sequence          bigint      not null default 0 check (sequence >= 0),
  message_id        text        not null default '',
  updated_at        timestamptz not null default now(),
  primary key (service, generation),
  foreign key (service, generation) references clerkstream.generations on delete cascade
) with (fillfactor = 50);

-- A message that could not become a row. It names the message, never what was in it: the stream has the body, and only there is it erased.
create table clerkstream.dead_letters (
  service         text        not null,
  generation      integer     not null,
  read_model      text        not null,
  sequence        bigint      not null,
  subject         text        not null,
  event_id        text        not null,
  event_type      text        not null,
  entity_id       text        not null,
  version         text        not null collate "C",
  reason          text        not null,
  detail          text        not null,
  attempts        integer     not null default 1,
  first_failed_at timestamptz not null default now(),
  last_failed_at  timestamptz not null default now(),
  -- A letter is open until it is closed, and never closed without saying how: a newer event took its place, a retry passed, or a person gave it up.
  closed_at       timestamptz,
  closed_as       text check (closed_as in ('superseded', 'retried', 'discarded')),
  closed_reason   text        not null default '',
  check ((closed_at is null) = (closed_as is null)),
  check (closed_as is distinct from 'discarded' or closed_reason <> ''),
  primary key (service, generation, read_model, sequence),
  foreign key (service, generation) references clerkstream.generations on delete cascade
);
create index dead_letters_open on clerkstream.dead_letters (service, generation, read_model, entity_id) where closed_at is null;

alter table clerkstream.generations owner to clerkstream_owner;
alter table clerkstream.checkpoints owner to clerkstream_owner;
alter table clerkstream.dead_letters owner to clerkstream_owner;

grant select on clerkstream.generations, clerkstream.checkpoints, clerkstream.dead_letters to clerkstream_projector, clerkstream_reader;
grant update (stream_created_at, sequence, message_id, updated_at) on clerkstream.checkpoints to clerkstream_projector;
grant insert on clerkstream.dead_letters to clerkstream_projector;
grant update (attempts, last_failed_at, reason, detail, closed_at, closed_as, closed_reason) on clerkstream.dead_letters to clerkstream_projector;

---- create above / drop below ----

drop table clerkstream.dead_letters;
drop table clerkstream.checkpoints;
drop table clerkstream.generations;
