-- What a login needs whose handlers keep an inbox, beside its rights on the service's own tables.
do $$
begin
  create role clerkstream_subscriber nologin;
exception when duplicate_object or unique_violation then
  null;
end $$;

grant usage on schema clerkstream to clerkstream_subscriber;
grant select on clerkstream.schema_version to clerkstream_subscriber;

-- Which facts a service's handlers have dealt with. An entry is written in the transaction of its effect: it is there when the effect is, and only then.
create table clerkstream.inbox (
  service    text        not null,
  handler    text        not null,
  event_id   text        not null,
  event_type text        not null,
  entity_id  text        not null,
  -- The event's version without its id: the same fact under another id is the same fact.
  version    text        not null collate "C",
  done_at    timestamptz not null default now(),
  primary key (service, handler, event_id),
  -- The entity comes first, so that what is kept about a person is found when it has to go.
  unique (entity_id, event_type, version, service, handler)
);

-- An event that a handler could not cope with. As with the projector's letters it names the message, never what was in it.
create table clerkstream.handler_letters (
  service         text        not null,
  handler         text        not null,
  stream          text        not null,
  sequence        bigint      not null,
  subject         text        not null,
  event_id        text        not null,
  event_type      text        not null,
  entity_id       text        not null,
  reason          text        not null,
  detail          text        not null,
  -- How often the message had been delivered when the handler last failed.
  deliveries      integer     not null,
  first_failed_at timestamptz not null default now(),
  last_failed_at  timestamptz not null default now(),
  closed_at       timestamptz,
  closed_as       text check (closed_as in ('retried', 'discarded')),
  closed_reason   text        not null default '',
  check ((closed_at is null) = (closed_as is null)),
  check (closed_as is distinct from 'discarded' or closed_reason <> ''),
  primary key (service, handler, stream, sequence)
);
create index handler_letters_open on clerkstream.handler_letters (service, sequence) where closed_at is null;

alter table clerkstream.inbox owner to clerkstream_owner;
alter table clerkstream.handler_letters owner to clerkstream_owner;

grant select, insert, delete on clerkstream.inbox to clerkstream_subscriber;
grant select, insert, update on clerkstream.handler_letters to clerkstream_subscriber;
grant select on clerkstream.handler_letters to clerkstream_reader;

---- create above / drop below ----

drop table clerkstream.handler_letters;
drop table clerkstream.inbox;
