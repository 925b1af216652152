package watch

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
	"github.com/clerkstream/clerkstream/internal/clerkapi"
	"github.com/clerkstream/clerkstream/internal/hydrate"
	"github.com/clerkstream/clerkstream/internal/ops"
	"github.com/clerkstream/clerkstream/internal/sentinel"
	"github.com/clerkstream/clerkstream/internal/settings"
	"github.com/clerkstream/clerkstream/schema"
)

// standbyEvery is how often a second process asks for the lock, and so how long the work lies still at most when the first one has ended.
const standbyEvery = 2 * time.Second

// Process is the one that works for an instance, or waits to.
type Process struct {
	cfg     Config
	ops     *ops.Listener
	metrics *metrics
	closing sync.Once

	trouble  atomic.Pointer[string] // why it does not work now; nil while it works, or stands by for another that does
	sentinel atomic.Pointer[sentinel.Sentinel]
}

// New validates the settings, with a *settings.Error that lists everything that is wrong, and opens the ops address. It talks to nobody. Whoever does not
// go on to Run must Close.
func New(c Config) (*Process, error) {
	var p settings.Problems
	if c.Validate(&p); p.Err() != nil {
		return nil, p.Err()
	}
	c = c.withDefaults()
	w := &Process{cfg: c}
	starting := "starting"
	w.trouble.Store(&starting)
	var err error
	if w.metrics, err = newMetrics(c.Registry); err != nil {
		return nil, err
	}
	w.ops, err = ops.Listen(ops.Config{Addr: c.OpsAddr, Registry: c.Registry, NotReady: w.notReady, Log: c.Log})
	return w, err
}

// OpsAddr is the private listener's, with the real port.
func (p *Process) OpsAddr() string { return p.ops.Addr() }

// Close releases the listener of a Process that was never run. After Run it does nothing.
func (p *Process) Close() {
	p.closing.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		p.ops.Stop(ctx)
	})
}

// Run works until ctx ends, and then returns nil, after what was begun has ended. While another process has the lock it stands by; a broker, a Postgres
// or a Clerk that is away is waited for. It returns an error for what waiting does not mend: a key that Clerk does not accept or that is of another
// instance, a stream or a schema that is missing or different, a login that lacks a right.
func (p *Process) Run(ctx context.Context) error {
	group, running := errgroup.WithContext(ctx)
	group.Go(p.ops.Serve)
	group.Go(func() error {
		defer p.Close()
		return p.sessions(running)
	})
	return group.Wait()
}

// sessions holds the lock as often as it is lost.
func (p *Process) sessions(ctx context.Context) error {
	told := ""
	for failures := 0; ; {
		began := p.cfg.Now()
		err := p.session(ctx)
		p.metrics.holding.Set(0)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // it was told to end, and has
		}
		var held *HeldError
		switch wait := standbyEvery; {
		case errors.As(err, &held):
			failures = 0
			if by := held.By; by != told {
				told = by
				p.cfg.Log.WarnContext(ctx, "watch: standing by, for another process holds the lock", "instance", held.Instance, "held_by", by, "since", held.Since)
			}
			p.trouble.Store(nil)
			if !pauseFor(ctx, wait) {
				return nil
			}
		case isFinal(err):
			return err
		default:
			told = ""
			if p.cfg.Now().Sub(began) > time.Minute {
				failures = 0
			}
			failures++
			why := err.Error()
			p.trouble.Store(&why)
			p.cfg.Log.ErrorContext(ctx, "watch: interrupted, trying again", "error", err)
			if !pauseFor(ctx, min(time.Second<<min(failures-1, 5), 30*time.Second)) {
				return nil
			}
		}
	}
}

// isFinal tells what waiting does not mend.
func isFinal(err error) bool {
	for _, final := range []error{
		clerkapi.ErrUnauthorized, ErrOtherInstance, errUnpinned, schema.ErrTooOld, schema.ErrTooNew, broker.ErrStreamMissing, broker.ErrStreamDiffers, errRole, errDenied,
	} {
		if errors.Is(err, final) {
			return true
		}
	}
	return false
}

// pauseFor waits for half to one and a half of d; false is that ctx ended.
func pauseFor(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d/2 + rand.N(d+1))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// session works from getting the lock to the first error.
func (p *Process) session(ctx context.Context) error {
	c := p.cfg
	s := newState(c, "watch")
	return hold(ctx, c, s, func(ctx context.Context) error {
		p.cfg.Log.InfoContext(ctx, "watch: holds the lock", "instance", c.Instance)
		scope := &scope{Registerer: c.Registry}
		defer scope.end()
		c.registerer = scope
		w, err := open(ctx, c)
		if err != nil {
			return err
		}
		defer w.close()
		return p.work(ctx, c, s, w)
	})
}

// work runs everything that the holder of the lock owes the instance.
func (p *Process) work(ctx context.Context, c Config, s *state, w *Work) error {
	books, err := openBooks(c)
	if err != nil {
		return err
	}
	defer books.close()
	server, err := hydrate.New(hydrate.Config{Conn: w.js.Conn(), Instance: c.Instance, Fetch: w.fetch, Log: c.Log, Metrics: c.registerer, Now: c.Now})
	if err != nil {
		return err
	}
	walker := newWalker(c, w, books, s, p.metrics)
	guard, err := p.newSentinel(ctx, c, w, books, walker)
	if err != nil {
		return err
	}
	s.change(func(at *Status) { at.ClerkInstance = w.ClerkInstance })
	s.alsoSay(func(at *Status) {
		w.spent(at)
		at.Waiting, at.Sentinel = server.Waiting(), guard.Status()
	})
	p.sentinel.Store(guard)
	defer p.sentinel.Store(nil)
	p.trouble.Store(nil)
	p.metrics.holding.Set(1)
	c.Log.InfoContext(ctx, "watch: working", "instance", c.Instance, "clerk_instance", w.ClerkInstance, "budget_per_10s", c.Budget, "walks_share", c.Share)

	group, running := errgroup.WithContext(ctx)
	group.Go(func() error { return server.Run(running) })
	group.Go(func() error { return walker.run(running) })
	group.Go(func() error { return guard.Run(running) })
	group.Go(func() error { return w.heed(running) })
	group.Go(func() error {
		<-running.Done()
		s.change(func(at *Status) { at.State = "stopping" })
		return nil
	})
	err = group.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (p *Process) newSentinel(ctx context.Context, c Config, w *Work, b *books, walker *walker) (*sentinel.Sentinel, error) {
	unfinished, err := b.unfinished(ctx)
	if err != nil {
		return nil, err
	}
	guard, err := sentinel.New(sentinel.Config{
		Instance: c.Instance, JS: w.js, IngestURLs: c.IngestURLs, WebhookURL: c.WebhookURL,
		Canary: sentinel.Canary{UserID: c.CanaryUser, Every: c.CanaryEvery, Limit: c.CanaryLimit, Touch: w.touch(c)},
		Repair: walker.repair, Record: b.record, Unfinished: unfinished, Limits: c.limits, Now: c.Now, Log: c.Log, Metrics: c.registerer,
	})
	if err != nil {
		return nil, fmt.Errorf("make sentinel: %w", err)
	}
	return guard, nil
}

// notReady is what /readyz prints. A process that stands by is ready to, so that a rolling deployment goes on.
func (p *Process) notReady() (reasons []string) {
	if why := p.trouble.Load(); why != nil {
		reasons = append(reasons, *why)
	}
	if guard := p.sentinel.Load(); guard != nil {
		reasons = append(reasons, guard.Status().Problems()...)
	}
	return reasons
}
