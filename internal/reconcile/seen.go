package reconcile

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clerkstream/clerkstream/internal/clerkapi"
)

// seen is the ids that a walk has met, in a temporary table: a million of them are 100 MB in a map of ours, and less than that on Postgres' disk.
type seen struct {
	mu   sync.Mutex // one connection, many parts
	conn *pgxpool.Conn
	// nameless counts objects without an id. They are there, and cannot be told apart.
	nameless int64
}

func (r *Reconciler) newSeen(ctx context.Context) (*seen, error) {
	conn, err := r.pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	if _, err := conn.Exec(ctx, `create temporary table if not exists seen (id text primary key); truncate seen`); err != nil {
		conn.Release()
		return nil, fmt.Errorf("make a table of what is seen: %w", err)
	}
	return &seen{conn: conn}, nil
}

func (s *seen) close(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	if _, err := s.conn.Exec(ctx, `drop table if exists seen`); err != nil {
		_ = s.conn.Conn().Close(ctx) // the pool makes another
	}
	s.conn.Release()
}

// add notes a page and takes out of it what was there before: pages overlap, so that nothing falls between them, and parts share their borders.
func (s *seen) add(ctx context.Context, p *clerkapi.Page) error {
	var ids []string
	for n := range p.Objects {
		ids = append(ids, p.Objects[n].ID)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nameless += int64(len(p.Malformed))
	if len(ids) == 0 {
		return nil
	}
	rows, err := s.conn.Query(ctx, `insert into pg_temp.seen select unnest($1::text[]) on conflict do nothing returning id`, ids)
	if err != nil {
		return fmt.Errorf("note what is seen: %w", err)
	}
	added := make(map[string]bool, len(ids))
	var id string
	if _, err := pgx.ForEachRow(rows, []any{&id}, func() error { added[id] = true; return nil }); err != nil {
		return fmt.Errorf("note what is seen: %w", err)
	}
	// A new slice: the client may read the page once more for its own overlap.
	p.Objects = slices.DeleteFunc(slices.Clone(p.Objects), func(o clerkapi.Object) bool { return !added[o.ID] })
	return nil
}

// count is the number of distinct objects.
func (s *seen) count(ctx context.Context) (n int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.conn.QueryRow(ctx, `select count(*) from pg_temp.seen`).Scan(&n); err != nil {
		return 0, fmt.Errorf("count what is seen: %w", err)
	}
	return n + s.nameless, nil
}
