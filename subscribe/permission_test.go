package subscribe

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/internal/natsserver"
	"github.com/clerkstream/clerkstream/internal/testkit"
)

// guarded is a bed on a server with the accounts of deploy/nats, changed by change. Its stream is the operator's; the second result is the subscriber's
// connection.
func guarded(t *testing.T, change func(conf string) string) (*bed, jetstream.JetStream) {
	t.Helper()
	variables := map[string]string{"NATS_HOST": "127.0.0.1", "NATS_STORE_DIR": "/data"}
	for _, user := range []string{broker.UserIngest, broker.UserOperator, broker.UserProjector, broker.UserSubscriber, broker.UserWatch, broker.UserMonitor} {
		variables["NATS_"+strings.ToUpper(user)+"_PASSWORD"] = "p-" + user
	}
	s, err := natsserver.Start(t.Context(), natsserver.Options{Config: change(broker.ServerConf()), Variables: variables})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	connect := func(user string) jetstream.JetStream {
		// Refusals are looked for where they are expected.
		nc, err := nats.Connect(s.URL(), nats.UserInfo(user, "p-"+user), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(nc.Close)
		js, err := jetstream.New(nc)
		if err != nil {
			t.Fatal(err)
		}
		return js
	}
	l := &testkit.Log{URL: s.URL(), Instance: "prod", JS: connect(broker.UserOperator)}
	if _, err := broker.Provision(t.Context(), l.JS, l.Instance, broker.Settings{}); err != nil {
		t.Fatal(err)
	}
	if l.Stream, err = l.JS.Stream(t.Context(), broker.StreamName(l.Instance)); err != nil {
		t.Fatal(err)
	}
	return &bed{Log: l, url: stack.Database(t)}, connect(broker.UserSubscriber)
}

// as is a pool whose login is a member of one role and may write the service's own table.
func (b *bed) as(t *testing.T, role string) *pgxpool.Pool {
	t.Helper()
	owner := testkit.Connect(t, b.url)
	login := "login_" + owner.Config().Database
	for _, statement := range []string{
		effects, `create role ` + login + ` login in role ` + role, `grant select, insert on effects to ` + login,
	} {
		if _, err := owner.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		for _, statement := range []string{`drop owned by ` + login, `drop role ` + login} {
			if _, err := owner.Exec(context.WithoutCancel(t.Context()), statement); err != nil {
				t.Error(err)
			}
		}
	})
	c, err := pgxpool.ParseConfig(b.url)
	if err != nil {
		t.Fatal(err)
	}
	c.ConnConfig.RuntimeParams["role"] = login
	pool, err := pgxpool.NewWithConfig(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func unchanged(conf string) string { return conf }

func TestTheSubscribersRightsAreEnough(t *testing.T) {
	t.Parallel()
	b, js := guarded(t, unchanged)
	b.pool = b.as(t, "clerkstream_subscriber")
	c := b.config(
		b.noting("once"),
		On("each", func(ctx context.Context, e *events.UserCreated) error {
			if e.EntityID == "user_bad" {
				return errors.New("no")
			}
			return note(ctx, b.pool, "each", e.Fact())
		}),
		On("gone", func(context.Context, *events.UserDeleted) error { return nil }),
	)
	c.JetStream = js
	g, stop := b.start(t, c)
	b.user(t, "msg_1", "created", "user_1")
	b.user(t, "msg_bad", "created", "user_bad")
	b.user(t, "msg_2", "deleted", "user_1")
	b.settled(t)
	letters := b.letters(t, g, 1)
	if _, err := g.Retry(t.Context(), letters...); err == nil || errors.Is(err, ErrGone) {
		t.Errorf("retry: %v", err)
	}
	if n, err := g.Discard(t.Context(), "known", letters...); n != 1 || err != nil {
		t.Errorf("discarded %d: %v", n, err)
	}
	raw, err := b.Stream.GetMsg(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if at, err := Reset(t.Context(), js, "prod", "test", FromTime(raw.Time)); at != 1 || err != nil {
		t.Errorf("reset to %d: %v", at, err)
	}
	want := map[string]int{"once msg_1": 1, "once msg_bad": 1, "each msg_1": 2}
	testkit.Eventually(t, func() error {
		if got := b.effects(t); fmt.Sprint(got) != fmt.Sprint(want) {
			return fmt.Errorf("effects %v, want %v", got, want)
		}
		return nil
	})
	b.settled(t)
	if _, err := Prune(t.Context(), b.pool, "test", 0); err != nil {
		t.Errorf("prune: %v", err)
	}
	if err := stop(); err != nil {
		t.Errorf("run: %v", err)
	}
	if err := js.Conn().LastError(); err != nil {
		t.Errorf("refused what it needs: %v", err)
	}
}

func TestAGroupThatMayNotReadSaysSo(t *testing.T) {
	t.Parallel()
	b, js := guarded(t, func(conf string) string {
		subscriber := strings.Index(conf, "user: subscriber")
		return conf[:subscriber] + strings.Replace(conf[subscriber:], `"JS.CLERK.API.CONSUMER.MSG.NEXT.*.*"`+"\n", "\n", 1)
	})
	b.pool = b.as(t, "clerkstream_subscriber")
	c := b.config(b.noting("once"))
	c.JetStream = js
	g, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Run(t.Context()); !errors.Is(err, nats.ErrPermissionViolation) {
		t.Errorf("run: %v", err)
	}
}

func TestAGroupWithoutItsTablesOrItsRoleDoesNotBegin(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	owner := b.pool
	if _, err := owner.Exec(t.Context(), `drop table effects`); err != nil {
		t.Fatal(err)
	}
	b.pool = b.as(t, "clerkstream_reader")
	g, err := New(b.config(b.noting("once")))
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "clerkstream_subscriber") {
		t.Errorf("without the role: %v", err)
	}
	if _, err := owner.Exec(t.Context(), `drop table clerkstream.inbox`); err != nil {
		t.Fatal(err)
	}
	b.pool = owner
	if g, err = New(b.config(b.noting("once"))); err != nil {
		t.Fatal(err)
	}
	if err := g.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "clerkstream migrate") {
		t.Errorf("without the table: %v", err)
	}
}
