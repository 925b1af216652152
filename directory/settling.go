package directory

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// settling finds out which values a notice is about. A notice names the user who changed and not the address that he gained, but an answer "nobody has
// this address" must end with it. So the changed entities' values are read, and touched as if the notice had named them. From the notice until then
// nothing that was found by a value is used; that is a fraction of a millisecond, unless Postgres has no connection to spare.
type settling struct {
	// wanted says what anybody ever looked for: no values are read for the sake of others.
	wanted [whats]atomic.Bool
	// unsettled is how many notices are about values that nobody knows yet.
	unsettled atomic.Int64
	woken     chan struct{}

	mu      sync.Mutex
	waiting changed
}

// changed are ids of entities whose values are to be touched: users, organizations for their slug, domains, and organizations for their domains, which
// show and hide with them.
type changed struct {
	users, slugs, domains, owners []string
	notices                       int64
}

func (c *changed) size() int { return len(c.users) + len(c.slugs) + len(c.domains) + len(c.owners) }

func (c *changed) add(more changed) {
	c.users = append(c.users, more.users...)
	c.slugs = append(c.slugs, more.slugs...)
	c.domains = append(c.domains, more.domains...)
	c.owners = append(c.owners, more.owners...)
	c.notices += more.notices
}

// maxUnsettled bounds what waits to be settled; past it all values are forgotten, which is as good and cheaper.
const maxUnsettled = 10_000

// settleTimeout bounds the reading of values. While it lasts what is found by a value comes from Postgres.
const settleTimeout = 5 * time.Second

func newSettling() *settling { return &settling{woken: make(chan struct{}, 1)} }

func (s *settling) open() bool { return s.unsettled.Load() > 0 }

func (s *settling) want(w what) { s.wanted[w].Store(true) }

// of picks from a notice what has values that are wanted.
func (s *settling) of(changes map[string][]string) (c changed) {
	if s.wanted[userByExternalID].Load() || s.wanted[usersByEmail].Load() {
		c.users = changes[string(KindUsers)]
	}
	if s.wanted[organizationBySlug].Load() {
		c.slugs = changes[string(KindOrganizations)]
	}
	if s.wanted[organizationByDomain].Load() {
		c.domains, c.owners = changes[string(KindOrganizationDomains)], changes[string(KindOrganizations)]
	}
	return c
}

// note leaves a notice's entities to settle.
func (s *settling) note(stamps *stamps, changes map[string][]string) {
	c := s.of(changes)
	if c.size() == 0 {
		return
	}
	c.notices = 1
	s.unsettled.Add(1)
	s.mu.Lock()
	s.waiting.add(c)
	if s.waiting.size() > maxUnsettled {
		stamps.forget(byValue...)
		s.waiting = changed{notices: s.waiting.notices}
	}
	s.mu.Unlock()
	select {
	case s.woken <- struct{}{}:
	default: // it is awake, or about to be
	}
}

func (s *settling) take() changed {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.waiting
	s.waiting = changed{}
	return c
}

// settle settles what notices leave, until ctx ends.
func (d *Directory) settle(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.settling.woken:
		}
		c := d.settling.take()
		d.settleThese(ctx, c)
		d.settling.unsettled.Add(-c.notices)
	}
}

// settleThese touches the values of changed entities, or all values if it cannot find out.
func (d *Directory) settleThese(ctx context.Context, c changed) {
	if d.config.switches.settle != nil {
		d.config.switches.settle()
	}
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	values, err := d.direct.values(ctx, c)
	if err != nil {
		d.cache.stamps.forget(byValue...)
		d.metrics.flushes.WithLabelValues("unsettled").Inc()
		d.config.Log.WarnContext(ctx, "directory: what changed entities are found by is not known, so it is forgotten", "error", err)
		return
	}
	d.cache.stamps.touch(values...)
}

// abandon leaves nothing unsettled behind.
func (d *Directory) abandon() {
	c := d.settling.take()
	d.cache.stamps.forget(byValue...)
	d.settling.unsettled.Add(-c.notices)
}

// values is everything that the entities are found by now. What they were found by before needs no reading: answers that name an entity end with it.
func (l *Lookups) values(ctx context.Context, c changed) (values []key, err error) {
	// Joins, and not "= any", whose cached plan may scan the table for each id.
	for _, one := range []struct {
		ids []string
		sql string
	}{
		{c.users, `
select i.kind, i.value
from unnest($1::text[]) c(id) join {schema}.user_identifiers i on i.user_id = c.id
where i.kind in ('email', 'external_id')`},
		{c.slugs, `
select 'slug', o.slug
from unnest($1::text[]) c(id) join {schema}.organizations o on o.id = c.id
where o.slug is not null`},
		{c.domains, `
select 'domain', d.name
from unnest($1::text[]) c(id) join {schema}.organization_domains d on d.id = c.id
where d.name is not null`},
		{c.owners, `
select 'domain', d.name
from unnest($1::text[]) c(id) join {schema}.organization_domains d on d.organization_id = c.id
where d.name is not null`},
	} {
		if len(one.ids) == 0 {
			continue
		}
		if values, err = l.appendValues(ctx, values, one.sql, one.ids); err != nil {
			return nil, err
		}
	}
	return values, nil
}

func (l *Lookups) appendValues(ctx context.Context, values []key, sql string, ids []string) ([]key, error) {
	rows, err := l.on.Query(ctx, l.sql(sql), ids)
	if err == nil {
		var kind, value string
		_, err = pgx.ForEachRow(rows, []any{&kind, &value}, func() error {
			values = append(values, key{what: foundBy[kind], a: value})
			return nil
		})
	}
	if err != nil {
		return nil, fmt.Errorf("read values of changed entities: %w", err)
	}
	return values, nil
}

// foundBy is the way to look up a value of each kind.
var foundBy = map[string]what{"email": usersByEmail, "external_id": userByExternalID, "slug": organizationBySlug, "domain": organizationByDomain}
