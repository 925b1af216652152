package denylist

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// ErrMisplaced says that the pool's login does not see the read model as it is: it lacks the role clerkstream_reader, or its server is a replica.
// Under a login that sees no rows everybody would look deleted.
var ErrMisplaced = errors.New("the pool does not see the read model as it is")

// errNoReadModel says that there is no view of users yet.
var errNoReadModel = errors.New("there is no read model of users")

// row is what the read model says of a subject.
type row struct {
	subject subject
	there   bool
	// state is stateBanned, stateLocked, stateDeprovisioned or nothing of a user, the status of a session, and the role of a member.
	state string
}

const (
	stateBanned = "banned"
	stateLocked = "locked"
	// An identity provider removed the user; the row stays.
	stateDeprovisioned = "deprovisioned"
)

// readTimeout bounds one read: a request may wait for it.
const readTimeout = 2 * time.Second

// reader reads subjects from the views, any number in one statement and one snapshot.
type reader struct {
	pool   *pgxpool.Pool
	schema string
	// version counts the resets; a plan of another version is out of date.
	version atomic.Uint64
	plan    atomic.Pointer[plan]
}

// plan is the statement for the read models that are there, and which kinds it reads.
type plan struct {
	version   uint64
	statement string
	reads     [len(parts)]bool
}

func newReader(pool *pgxpool.Pool, schema string) *reader { return &reader{pool: pool, schema: schema} }

// reset forgets which read models are there: another generation may have others.
func (r *reader) reset() { r.version.Add(1) }

// part reads the subjects of one kind. Not "= any": see the writer of the read model, whose plans had the same trouble with it.
type part struct{ view, params, sql string }

var parts = [...]part{
	kindUser: {"users", `$1::text[]`, `
select 0::smallint, i.id, '', v.id is not null, case when v.banned then 'banned' when v.locked then 'locked' when v.deprovisioned then 'deprovisioned' else '' end
from unnest({params}) i(id)
left join {schema}.users v on v.id = i.id`},
	kindSession: {"sessions", `$2::text[]`, `
select 1::smallint, i.id, '', v.id is not null, coalesce(v.status, '')
from unnest({params}) i(id)
left join {schema}.sessions v on v.id = i.id`},
	kindOrg: {"organizations", `$3::text[]`, `
select 2::smallint, i.id, '', v.id is not null, ''
from unnest({params}) i(id)
left join {schema}.organizations v on v.id = i.id`},
	// A user who left and came back has a new membership. Until the event of the old one's end arrives there are two, and the younger is true.
	kindMember: {"organization_memberships", `$4::text[], $5::text[]`, `
select 3::smallint, i.id, i.other, v.id is not null, coalesce(v.role, '')
from unnest({params}) i(id, other)
left join lateral (
  select m.id, m.role
  from {schema}.organization_memberships m
  where m.organization_id = i.id and m.user_id = i.other
  order by m.created_at desc nulls last, m.updated_at desc nulls last, m.id
  limit 1) v on true`},
}

// read returns a row for each subject whose read model is there, and which kinds those are.
func (r *reader) read(ctx context.Context, subjects []subject) (rows []row, reads [len(parts)]bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	p, err := r.prepare(ctx)
	if err != nil {
		return nil, reads, err
	}
	var ids [len(parts)][]string
	var others []string
	for _, s := range subjects {
		ids[s.kind] = append(ids[s.kind], s.id)
		if s.kind == kindMember {
			others = append(others, s.other)
		}
	}
	found, err := r.pool.Query(ctx, p.statement, ids[kindUser], ids[kindSession], ids[kindOrg], ids[kindMember], others)
	if err == nil {
		rows, err = pgx.CollectRows(found, scan)
	}
	if err != nil {
		return nil, reads, fmt.Errorf("read %d changed rows: %w", len(subjects), err)
	}
	return rows, p.reads, nil
}

func scan(found pgx.CollectableRow) (r row, err error) {
	err = found.Scan(&r.subject.kind, &r.subject.id, &r.subject.other, &r.there, &r.state)
	return r, err
}

// prepare makes the statement for the read models that are there. A service may project only some: what has no rows is never denied.
func (r *reader) prepare(ctx context.Context) (*plan, error) {
	version := r.version.Load()
	if p := r.plan.Load(); p != nil && p.version == version {
		return p, nil
	}
	there, err := r.inspect(ctx)
	if err != nil {
		return nil, err
	}
	p := &plan{version: version}
	var selects []string
	for k, part := range parts {
		sql := part.sql
		if p.reads[k] = there[k]; !there[k] {
			// Nothing, but with its parameters, so that they are the same whatever is there.
			sql = "\nselect 0::smallint, '', '', false, '' from unnest({params}) where false"
		}
		selects = append(selects, strings.NewReplacer("{schema}", pgx.Identifier{r.schema}.Sanitize(), "{params}", part.params).Replace(sql))
	}
	if !p.reads[kindUser] {
		return nil, errNoReadModel
	}
	p.statement = strings.Join(selects, "\nunion all")
	r.plan.Store(p)
	return p, nil
}

// inspect finds out whether the pool can be trusted, and which views there are.
func (r *reader) inspect(ctx context.Context) (there []bool, err error) {
	views := make([]string, len(parts))
	for i, p := range parts {
		views[i] = p.view
	}
	var reads, replica bool
	err = r.pool.QueryRow(ctx, `
select coalesce((select pg_has_role(oid, 'usage') from pg_roles where rolname = 'clerkstream_reader'), false), pg_is_in_recovery(),
  (select array_agg(exists (select from pg_views where schemaname = $1 and viewname = name) order by place) from unnest($2::text[]) with ordinality v(name, place))`,
		r.schema, views).Scan(&reads, &replica, &there)
	switch {
	case err != nil:
		return nil, fmt.Errorf("inspect schema %s: %w", r.schema, err)
	case !reads:
		return nil, fmt.Errorf("%w: its login is no member of clerkstream_reader", ErrMisplaced)
	case replica:
		return nil, fmt.Errorf("%w: its server is a replica", ErrMisplaced)
	}
	return there, nil
}
