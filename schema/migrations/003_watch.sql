-- What the process that holds the Backend API's key needs: it reads the read model of whoever's database it is given, writes none of its rows, and
-- keeps its own books here.
do $$
begin
  create role clerkstream_watcher nologin;
exception when duplicate_object or unique_violation then
  null;
end $$;

-- To compare is to read every row. Membership is of the whole cluster, and another database's migration may grant it at this moment.
do $$
begin
  if not pg_has_role('clerkstream_watcher', 'clerkstream_reader', 'usage') then
    grant clerkstream_reader to clerkstream_watcher;
  end if;
exception when duplicate_object or unique_violation then
  null;
end $$;

do $$
begin
  -- The ids that a walk has seen go into a temporary table.
  execute format('grant temporary on database %I to clerkstream_watcher', current_database());
end $$;

grant usage on schema clerkstream to clerkstream_watcher;
grant select on clerkstream.schema_version, clerkstream.generations, clerkstream.checkpoints, clerkstream.dead_letters to clerkstream_watcher;

-- How far a walk through the Backend API has come, part by part. A position is written after everything in front of it was acknowledged by the broker, so
-- a walk that is killed begins again at most one page too early, never too late.
create table clerkstream.walks (
  instance    text        not null,
  purpose     text        not null,
  kind        text        not null,
  number      integer     not null,
  -- The stretch of the collection that is walked, and the place in it, both as the API's client writes them.
  part        jsonb       not null,
  position    text        not null default '',
  objects     bigint      not null default 0,
  published   bigint      not null default 0,
  malformed   bigint      not null default 0,
  total       bigint,
  started_at  timestamptz not null default now(),
  updated_at  timestamptz not null default now(),
  finished_at timestamptz,
  primary key (instance, purpose, kind, number)
);

-- The last comparison of each kind with Clerk. Counts are of objects; a dry run publishes nothing.
create table clerkstream.reconciliations (
  instance         text        not null,
  kind             text        not null,
  mode             text        not null check (mode in ('full', 'recent', 'dry run', 'recent dry run')),
  started_at       timestamptz not null,
  finished_at      timestamptz not null,
  -- Only a complete walk knows what is extra.
  complete         boolean     not null,
  objects          bigint      not null,
  matching         bigint      not null,
  lagging          bigint      not null,
  changed          bigint      not null,
  missing          bigint      not null,
  extra            bigint      not null,
  wrong_tombstones bigint      not null,
  malformed        bigint      not null,
  published        bigint      not null,
  requests         bigint      not null,
  -- Up to which updated_at a recent run has seen everything; the next one reads down to it.
  watermark        timestamptz,
  -- What a person has to look at, by id and never by content: at most a few of each.
  wrong_tombstone_ids text[]   not null default '{}',
  -- Why the run ended early, or why it is not complete.
  note             text        not null default '',
  primary key (instance, kind, mode)
);

-- Every tombstone that was lifted, by whom and why. Nothing is deleted here.
create table clerkstream.restores (
  id          bigint      generated always as identity primary key,
  instance    text        not null,
  kind        text        not null,
  entity_id   text        not null,
  reason      text        not null check (reason <> ''),
  -- The version of the tombstone, and the epoch that lifts it.
  tombstone   text        not null collate "C",
  epoch       integer     not null check (epoch > 0),
  restored_by text        not null default session_user,
  restored_at timestamptz not null default now(),
  -- Where the restored state lies on the stream; null when the process ended between writing this down and publishing.
  sequence    bigint
);
create index restores_entity on clerkstream.restores (instance, entity_id);

-- An object of the Backend API that has not the shape of its kind. As with all letters it is named, never shown.
create table clerkstream.walk_letters (
  instance        text        not null,
  kind            text        not null,
  -- Empty where the object has none; then the number of the walk's object names it.
  entity_id       text        not null,
  reason          text        not null,
  times           integer     not null default 1,
  first_failed_at timestamptz not null default now(),
  last_failed_at  timestamptz not null default now(),
  -- Closed when the same object was read well again, or a complete walk no longer met it.
  closed_at       timestamptz,
  primary key (instance, kind, entity_id, reason)
);
create index walk_letters_open on clerkstream.walk_letters (instance, kind) where closed_at is null;

-- The one process of an instance that holds its key: since when, when it was last heard of, and what it says of itself.
create table clerkstream.watchers (
  instance   text        primary key,
  started_at timestamptz not null,
  beat_at    timestamptz not null,
  status     jsonb       not null default '{}'
);

-- A stretch of time in which webhooks did not come, and whether what they would have told has been fetched since.
create table clerkstream.outages (
  id            bigint      generated always as identity primary key,
  instance      text        not null,
  began_at      timestamptz not null,
  noticed_at    timestamptz not null,
  cause         text        not null,
  signals       text[]      not null,
  ended_at      timestamptz,
  reconciled_at timestamptz,
  repaired      bigint
);
create index outages_instance on clerkstream.outages (instance, began_at desc);

alter table clerkstream.walks owner to clerkstream_owner;
alter table clerkstream.reconciliations owner to clerkstream_owner;
alter table clerkstream.restores owner to clerkstream_owner;
alter table clerkstream.walk_letters owner to clerkstream_owner;
alter table clerkstream.watchers owner to clerkstream_owner;
alter table clerkstream.outages owner to clerkstream_owner;

grant select, insert, update, delete on clerkstream.walks to clerkstream_watcher;
grant select, insert, update on clerkstream.reconciliations, clerkstream.walk_letters, clerkstream.watchers, clerkstream.outages to clerkstream_watcher;
-- Who it was is the database's to say.
grant select, insert (instance, kind, entity_id, reason, tombstone, epoch), update (sequence) on clerkstream.restores to clerkstream_watcher;
grant select on clerkstream.walks, clerkstream.reconciliations, clerkstream.restores, clerkstream.walk_letters, clerkstream.watchers, clerkstream.outages
  to clerkstream_reader;

---- create above / drop below ----

drop table clerkstream.outages;
drop table clerkstream.watchers;
drop table clerkstream.walk_letters;
drop table clerkstream.restores;
drop table clerkstream.reconciliations;
drop table clerkstream.walks;
