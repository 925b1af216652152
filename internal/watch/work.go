package watch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
	"github.com/clerkstream/clerkstream/internal/appender"
	"github.com/clerkstream/clerkstream/internal/clerkapi"
	"github.com/clerkstream/clerkstream/internal/hydrate"
	"github.com/clerkstream/clerkstream/internal/reconcile"
	"github.com/clerkstream/clerkstream/internal/settings"
)

const (
	// appends bounds the events that wait for their acknowledgement, and ackWithin how long each does.
	appends, ackWithin = 1024, 10 * time.Second
	// inboxPrefix is the one to which deploy/nats binds the user watch.
	inboxPrefix = "_INBOX_watch"
)

// errDenied is a right that the broker's user lacks.
var errDenied = errors.New("the broker refuses what the user watch of deploy/nats may do")

// Work is what the holder of the lock works with. It is good until the function that was given it returns.
type Work struct {
	Reconciler *reconcile.Reconciler
	Budget     *clerkapi.Budget
	// ClerkInstance is Clerk's id of the instance whose key it is.
	ClerkInstance string

	api      *clerkapi.Client
	js       jetstream.JetStream
	appender *appender.Appender
	denied   chan error
}

// open connects to the broker, asks Clerk whose key it is, and makes everything that works with them.
func open(ctx context.Context, c Config) (_ *Work, err error) {
	w := &Work{denied: make(chan error, 1)}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	nc, err := dial(ctx, c, w.deny)
	if err != nil {
		return nil, err
	}
	if w.js, err = jetstream.New(nc); err != nil {
		nc.Close()
		return nil, fmt.Errorf("open jetstream: %w", err)
	}
	stream, err := findStream(ctx, w.js, c.Instance)
	if err != nil {
		return nil, err
	}
	w.Budget = clerkapi.NewBudget(c.Budget, budgetSpan)
	w.Budget.SetShare(c.Share)
	w.api, err = clerkapi.New(clerkapi.Config{URL: c.APIURL, SecretKey: c.SecretKey, Budget: w.Budget, Now: c.Now, Log: c.Log, Metrics: c.registerer})
	if err != nil {
		return nil, fmt.Errorf("set up the backend api: %w", err)
	}
	if w.ClerkInstance, err = identify(ctx, w.api, stream, c); err != nil {
		return nil, err
	}
	if w.appender, err = appender.New(nc, appends, ackWithin); err != nil {
		return nil, err
	}
	w.Reconciler, err = reconcile.New(reconcile.Config{
		Instance: c.Instance, ClerkInstance: w.ClerkInstance, API: w.api, DatabaseURL: c.DatabaseURL, Schema: c.Schema, Appender: w.appender, JS: w.js,
		Grace: c.Grace, KeepPrivateMetadata: c.KeepPrivateMetadata, Now: c.Now, Log: c.Log, Metrics: c.registerer,
	})
	return w, err
}

// dial waits for the broker as long as ctx allows: it may come up later than we do.
func dial(ctx context.Context, c Config, failed func(error)) (*nats.Conn, error) {
	changed := make(chan struct{}, 1)
	nc, err := c.NATS.Connect(settings.ConnectOptions{
		Name: "clerkstream watch " + c.Instance, InboxPrefix: inboxPrefix, Log: c.Log, Failed: failed,
		Changed: func() {
			select {
			case changed <- struct{}{}:
			default:
			}
		},
	})
	if err != nil {
		return nil, err
	}
	for !nc.IsConnected() {
		select {
		case <-ctx.Done():
			nc.Close()
			return nil, fmt.Errorf("wait for the broker: %w", ctx.Err())
		case <-changed:
		}
	}
	return nc, nil
}

func findStream(ctx context.Context, js jetstream.JetStream, instance string) (jetstream.Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, connectWithin)
	defer cancel()
	stream, err := js.Stream(ctx, broker.StreamName(instance))
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, fmt.Errorf("%w: %s; run clerkstream provision", broker.ErrStreamMissing, broker.StreamName(instance))
	}
	if err != nil {
		return nil, fmt.Errorf("read stream %s: %w", broker.StreamName(instance), err)
	}
	return stream, broker.Check(stream.CachedInfo(), instance)
}

// deny takes the broker's word that it refuses something; no other word of it would come, only silence.
func (w *Work) deny(err error) {
	if !errors.Is(err, nats.ErrPermissionViolation) {
		return
	}
	select {
	case w.denied <- err:
	default:
	}
}

// heed ends the work when the broker refuses a part of it.
func (w *Work) heed(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-w.denied:
		return fmt.Errorf("%w: %w", errDenied, err)
	}
}

// fetch is what hydrate calls. People wait for it, so it goes before walks.
func (w *Work) fetch(ctx context.Context, kind, id string) (sequence uint64, err error) {
	brought, err := w.Reconciler.Bring(clerkapi.Urgent(ctx), kind, id)
	if errors.Is(err, clerkapi.ErrNotFound) {
		return 0, fmt.Errorf("%w: %w", hydrate.ErrAbsent, err)
	}
	return brought.Sequence, err
}

// touch changes the canary's metadata. The value is new each time, or Clerk would have nothing to tell.
func (w *Work) touch(c Config) func(context.Context) error {
	return func(ctx context.Context) error {
		at := c.Now().UTC().Format(time.RFC3339Nano)
		_, err := w.api.PatchUserMetadata(clerkapi.Urgent(ctx), c.CanaryUser, map[string]any{"private_metadata": map[string]any{"clerkstream_canary": at}})
		return err
	}
}

// spent says how much of the budget is used.
func (w *Work) spent(s *Status) { s.Budget.Used, s.Budget.Limit = w.Budget.Stats() }

func (w *Work) close() {
	if w.Reconciler != nil {
		w.Reconciler.Close()
	}
	if w.api != nil {
		w.api.Close()
	}
	if w.appender != nil {
		w.appender.Stop()
	}
	if w.js != nil {
		w.js.Conn().Close()
	}
}
