package directory

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/clerkstream/clerkstream/internal/changefeed"
)

// Directory answers lookups from memory where it may, and from Postgres otherwise. All its methods are safe for concurrent use.
type Directory struct {
	config   Config
	direct   *Lookups
	cache    *cache
	feed     *feed
	settling *settling
	waiters  *waiters
	metrics  *metrics
	running  atomic.Bool
	began    time.Time
	unknown  sync.Map // roles that were reported
}

// New makes a Directory, which connects nowhere. Until Run, nothing is used longer than Config.LostTTL.
func New(c Config) (*Directory, error) {
	c = c.withDefaults()
	if err := c.validate(); err != nil {
		return nil, err
	}
	kept, err := newCache(c.Capacity)
	if err != nil {
		return nil, err
	}
	d := &Directory{config: c, cache: kept, settling: newSettling(), waiters: newWaiters(c.MaxWaiters), began: c.Now()}
	d.direct = &Lookups{on: c.Pool, schema: pgx.Identifier{c.Schema}.Sanitize(), trust: c.TrustMembershipPermissions, unknownRole: d.reportRole}
	d.feed = &feed{Directory: d}
	d.feed.lost.Store(neverStood)
	d.metrics, err = newMetrics(c.Metrics, d)
	if err != nil {
		return nil, err
	}
	return d, nil
}

// Run follows the change feed until ctx ends, and then returns nil; it connects again as long as it takes. Without it a Directory is right but
// forgetful. It returns an error for a setting that cannot work: ErrNotReader, a malformed or missing ListenURL, ErrRunning.
func (d *Directory) Run(ctx context.Context) error {
	if d.config.ListenURL == "" {
		return errors.New("follow change feed: ListenURL is missing")
	}
	if !d.running.CompareAndSwap(false, true) {
		return ErrRunning
	}
	defer d.running.Store(false)
	if err := d.checkReader(ctx); err != nil {
		return err
	}
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() error {
		return changefeed.Listen(inner, changefeed.Config{URL: d.config.ListenURL, Schema: d.config.Schema, Log: d.config.Log}, d.feed)
	})
	group.Go(func() error {
		d.settle(inner)
		return nil
	})
	err := group.Wait()
	d.abandon()
	return err
}

// checkReader looks at the one mistake that no error would tell of. A server that is away is none: the feed waits for it.
func (d *Directory) checkReader(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	var reads bool
	err := d.config.Pool.QueryRow(ctx, `select pg_has_role(current_user, 'clerkstream_reader', 'usage')`).Scan(&reads)
	if err != nil {
		d.config.Log.WarnContext(ctx, "directory: what the login may read is not known", "error", err)
		return nil
	}
	if !reads {
		return ErrNotReader
	}
	return nil
}

// elapsed is the time of day for entries: nanoseconds since the Directory was made, plus one.
func (d *Directory) elapsed() int64 { return int64(d.config.Now().Sub(d.began)) + 1 }

func (d *Directory) reportRole(ctx context.Context, role string) {
	d.metrics.unknownRoles.Inc()
	if _, reported := d.unknown.LoadOrStore(role, nil); !reported {
		d.config.Log.WarnContext(ctx, "directory: a role that members have is not among the roles", "role", role)
	}
}
