package denylist

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/clerkstream/clerkstream/auth"
	"github.com/clerkstream/clerkstream/internal/testkit"
	"github.com/clerkstream/clerkstream/projections"
	"github.com/clerkstream/clerkstream/projector"
)

// noon is when a bed's feed is connected first. Until leeway later tokens are looked up; the tests issue theirs after that, or say so.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// at is a moment so many seconds after noon.
func at(seconds float64) time.Time { return noon.Add(time.Duration(seconds * float64(time.Second))) }

// clock is a clock that stands until it is set.
type clock struct{ now atomic.Pointer[time.Time] }

func (c *clock) set(now time.Time) { c.now.Store(&now) }
func (c *clock) read() time.Time   { return *c.now.Load() }

// bed is a stream, its projector, and a list over what it projects.
type bed struct {
	*testkit.Log
	*Denylist
	clock clock
	conn  *pgx.Conn
	// reader is a URL for a login that may read and nothing else.
	reader   string
	messages atomic.Int64
	connMu   sync.Mutex
}

// newBed starts the projector and, at noon, the list.
func newBed(t testing.TB, change func(*Config)) *bed {
	t.Helper()
	b := prepare(t, stack.Database(t))
	b.listen(t, change)
	return b
}

func prepare(t testing.TB, database string) *bed {
	t.Helper()
	b := &bed{Log: stack.Log(t), conn: testkit.Connect(t, database)}
	b.clock.set(noon)
	b.reader = login(t, b.conn, database, "reader", "clerkstream_reader")
	// No more than the list reads: making all the tables takes longer than most tests.
	readModels, err := projections.Select(projections.All(), []string{"users", "sessions", "organizations", "organization_memberships"})
	if err != nil {
		t.Fatal(err)
	}
	p, err := projector.New(projector.Config{
		Service: "test", Instance: b.Instance, Projections: readModels, DatabaseURL: database, NATSURL: b.URL, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	run(t, p.Run)
	testkit.Eventually(t, func() error {
		if p.State() != projector.StateLeading {
			return errors.New("the projector does not lead")
		}
		return nil
	})
	return b
}

// listen starts the list and waits until it hears the feed.
func (b *bed) listen(t testing.TB, change func(*Config)) {
	t.Helper()
	b.Denylist = b.list(t, change)
	run(t, b.Run)
	b.hears(t, true)
}

// list makes a list that does not run.
func (b *bed) list(t testing.TB, change func(*Config)) *Denylist {
	t.Helper()
	c := Config{ListenURL: b.reader, Now: b.clock.read, Metrics: prometheus.NewRegistry(), Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	if change != nil {
		change(&c)
	}
	if c.Pool == nil {
		c.Pool = pool(t, b.reader)
	}
	d, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (b *bed) hears(t testing.TB, want bool) {
	t.Helper()
	testkit.Eventually(t, func() error {
		if b.Listening() != want {
			return fmt.Errorf("it hears the feed: %t", !want)
		}
		return nil
	})
}

// run runs something until the test ends, and fails the test if it failed.
func run(t testing.TB, what func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- what(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func pool(t testing.TB, database string) *pgxpool.Pool {
	t.Helper()
	p, err := pgxpool.New(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// login makes a login with roles, and returns the URL for it.
func login(t testing.TB, conn *pgx.Conn, database, name string, roles ...string) string {
	t.Helper()
	// Logins belong to the cluster, so the database's name keeps those of parallel tests apart.
	name += "_" + conn.Config().Database
	exec(t, conn, `create role `+pgx.Identifier{name}.Sanitize()+` login`)
	for _, role := range roles {
		exec(t, conn, `grant `+role+` to `+pgx.Identifier{name}.Sanitize())
	}
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.User(name)
	return u.String()
}

func exec(t testing.TB, conn *pgx.Conn, sql string, args ...any) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// tell publishes a body that the list hears of, and waits until it did.
func (b *bed) tell(t testing.TB, body []byte) {
	t.Helper()
	b.reaches(t, b.publish(t, body))
}

// reaches waits until the list has heard the stream up to there.
func (b *bed) reaches(t testing.TB, sequence uint64) {
	t.Helper()
	testkit.Eventually(t, func() error {
		b.mu.RLock()
		defer b.mu.RUnlock()
		if b.applied < sequence {
			return fmt.Errorf("the list is at %d and should reach %d", b.applied, sequence)
		}
		return nil
	})
}

func (b *bed) publish(t testing.TB, body []byte) uint64 {
	t.Helper()
	return b.Publish(t, fmt.Sprint("msg_", b.messages.Add(1)), body)
}

// project publishes a body and waits for its row; whether a list hears of it is of no interest.
func (b *bed) project(t testing.TB, body []byte) {
	t.Helper()
	sequence := b.publish(t, body)
	testkit.Eventually(t, func() error {
		b.connMu.Lock()
		defer b.connMu.Unlock()
		var reached uint64
		err := b.conn.QueryRow(t.Context(), `select sequence from clerkstream.checkpoints where service = 'test'`).Scan(&reached)
		if err == nil && reached < sequence {
			err = fmt.Errorf("the projector is at %d and should reach %d", reached, sequence)
		}
		return err
	})
}

// member is a user with a session in an organization.
type member struct{ user, session, org, membership string }

func newMember(name string) member {
	return member{"user_" + name, "sess_" + name, "org_" + name, "orgmem_" + name}
}

// token is who calls with a token of that moment.
func (m member) token(issued time.Time, role string) *auth.Identity {
	return &auth.Identity{User: m.user, Session: m.session, Org: m.org, Role: role, IssuedAt: issued.Truncate(time.Second), ExpiresAt: issued.Add(time.Minute)}
}

// personal is one without an active organization.
func (m member) personal(issued time.Time) *auth.Identity {
	id := m.token(issued, "")
	id.Org = ""
	return id
}

func (m member) userEvent(typ string, when time.Time, facts testkit.Data) []byte {
	facts["id"] = m.user
	return testkit.Body(typ, when, facts)
}

func (m member) sessionEvent(verb string, when time.Time, status string) []byte {
	return testkit.Body("session."+verb, when, testkit.Data{"id": m.session, "user_id": m.user, "status": status})
}

func (m member) orgEvent(verb string, when time.Time) []byte {
	return testkit.Body("organization."+verb, when, testkit.Data{"id": m.org, "name": m.org})
}

func (m member) membershipEvent(verb string, when time.Time, role string) []byte {
	return testkit.Body("organizationMembership."+verb, when, testkit.Data{
		"id": m.membership, "role": role, "organization": testkit.Data{"id": m.org}, "public_user_data": testkit.Data{"user_id": m.user},
	})
}

func deleted(typ, id string, when time.Time) []byte {
	return fmt.Appendf(nil, `{"type":%q,"object":"event","timestamp":%d,"data":{"id":%q,"deleted":true}}`, typ, when.UnixMilli(), id)
}

// exists publishes that the member is there since an hour, as an admin.
func (b *bed) exists(t testing.TB, m member) {
	t.Helper()
	long := noon.Add(-time.Hour)
	b.project(t, m.userEvent("user.created", long, testkit.Data{}))
	b.project(t, m.orgEvent("created", long))
	b.project(t, m.membershipEvent("created", long, "org:admin"))
	b.project(t, m.sessionEvent("created", long, "active"))
}

// passes and isRefused are what the tests ask.
func (b *bed) passes(t testing.TB, what string, id *auth.Identity) {
	t.Helper()
	if err := b.Check(t.Context(), id); err != nil {
		t.Errorf("%s is refused: %v (%v)", what, err, errors.Unwrap(err))
	}
}

func (b *bed) isRefused(t testing.TB, what string, id *auth.Identity, code auth.Code) {
	t.Helper()
	if err := b.Check(t.Context(), id); auth.CodeOf(err) != code {
		t.Errorf("%s: %v, not %s", what, err, code)
	}
}

// metric is the value of a series of the list: of a histogram, how much it counted. label is the value of its label, if it has one.
func (b *bed) metric(t testing.TB, name, label string) float64 {
	t.Helper()
	families, err := b.config.Metrics.(*prometheus.Registry).Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != "clerkstream_"+name {
			continue
		}
		for _, m := range family.GetMetric() {
			if labels := m.GetLabel(); len(labels) > 0 && labels[0].GetValue() != label {
				continue
			}
			return m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	t.Fatalf("there is no %s{%s}", name, label)
	return 0
}
