package directory

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/clerkstream/clerkstream/internal/testkit"
	"github.com/clerkstream/clerkstream/projections"
	"github.com/clerkstream/clerkstream/projector"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// bed is one test's log and database, with a projector at work.
type bed struct {
	*testkit.Log
	url  string
	conn *pgx.Conn
	sent int
	at   time.Time
}

func newBed(t testing.TB) *bed {
	t.Helper()
	b := &bed{Log: stack.Log(t), url: stack.Database(t), at: noon}
	b.conn = testkit.Connect(t, b.url)
	p, err := projector.New(projector.Config{
		Service: "test", Instance: b.Instance, Projections: projections.All(), DatabaseURL: b.url, NATSURL: b.URL,
		Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		t.Fatal(err)
	}
	keep(t, p.Run)
	testkit.Eventually(t, func() error {
		if p.State() != projector.StateLeading {
			return fmt.Errorf("the projector is %s", p.State())
		}
		return nil
	})
	return b
}

// keep runs something until the test ends.
func keep(t testing.TB, run func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	var stopped atomic.Bool
	stop = func() {
		if stopped.Swap(true) {
			return
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return stop
}

// login makes a login that is a member of a role, and returns the database URL for it.
func (b *bed) login(t testing.TB, role string) string {
	t.Helper()
	// Logins belong to the cluster, so the database's name keeps those of parallel tests apart.
	name := role + "_" + b.conn.Config().Database
	b.exec(t, `do $$ begin create role `+name+` login in role `+role+`; exception when duplicate_object then end $$`)
	return b.as(t, name)
}

func (b *bed) as(t testing.TB, name string) string {
	t.Helper()
	u, err := url.Parse(b.url)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.User(name)
	return u.String()
}

func (b *bed) exec(t testing.TB, sql string, args ...any) {
	t.Helper()
	if _, err := b.conn.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

func (b *bed) pool(t testing.TB, role string) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), b.login(t, role))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// opened is a Directory under test, with an ear on the notices it took in.
type opened struct {
	*Directory
	heard    atomic.Uint64
	registry *prometheus.Registry
	stop     func()
}

// open makes a Directory of a reader, which runs, and waits until its feed stands.
func (b *bed) open(t testing.TB, set func(*Config)) *opened {
	t.Helper()
	o := b.shut(t, set)
	o.stop = keep(t, o.Run)
	o.untilConnected(t)
	return o
}

// shut makes a Directory that does not run.
func (b *bed) shut(t testing.TB, set func(*Config)) *opened {
	t.Helper()
	o := &opened{registry: prometheus.NewRegistry()}
	pool := b.pool(t, "clerkstream_reader")
	c := Config{Pool: pool, ListenURL: pool.Config().ConnString(), Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Metrics: o.registry}
	c.switches.heard = o.heard.Store
	if set != nil {
		set(&c)
	}
	d, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	o.Directory = d
	return o
}

func (o *opened) untilConnected(t testing.TB) {
	t.Helper()
	testkit.Eventually(t, func() error {
		if o.feed.lost.Load() != 0 {
			return errors.New("the feed does not stand")
		}
		return nil
	})
}

// untilHeard waits until the notice of a message was taken in.
func (o *opened) untilHeard(t complainer, sequence uint64) {
	t.Helper()
	soon(t, fmt.Sprintf("notice %d is not heard", sequence), func() bool { return o.heard.Load() >= sequence })
}

// lookups counts them by whether memory had the answer.
func (o *opened) lookups(t testing.TB, result string) (n float64) {
	t.Helper()
	return o.metric(t, "clerkstream_directory_lookups_total", result)
}

// metric adds up what a metric says under a label's value, or under all.
func (o *opened) metric(t testing.TB, name, label string) (n float64) {
	t.Helper()
	families, err := o.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			counts := label == ""
			for _, l := range m.GetLabel() {
				counts = counts || l.GetValue() == label
			}
			if counts {
				n += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return n
}

// untilSettled waits until the values of every notice are known. Until then nothing found by a value is used, and no stamp is needed.
func (o *opened) untilSettled(t complainer) {
	t.Helper()
	soon(t, "notices are not settled", func() bool { return !o.settling.open() })
}

// soon waits for something that is a matter of microseconds. testkit.Eventually takes no property, and looks too seldom for one.
func soon(t complainer, complaint string, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !done() {
		if time.Now().After(deadline) {
			t.Fatalf("%s", complaint)
		}
		time.Sleep(100 * time.Microsecond) //nolint:forbidigo // polls with a deadline
	}
}

// complainer is what a test and a property have in common.
type complainer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// publish tells of an entity a second after whatever was told before, and returns the sequence.
func (b *bed) publish(t testing.TB, typ, id string, data testkit.Data) uint64 {
	t.Helper()
	b.at = b.at.Add(time.Second)
	b.sent++
	full := testkit.Data{"id": id}
	maps.Copy(full, data)
	return b.Publish(t, fmt.Sprintf("msg_%d", b.sent), testkit.Body(typ, b.at, full))
}

// deleted is the data of most deletions.
func deleted() testkit.Data { return testkit.Data{"deleted": true, "created_at": 0, "updated_at": 0} }

func emails(addresses ...string) testkit.Data {
	var list []any
	for i, address := range addresses {
		list = append(list, testkit.Data{
			"id": fmt.Sprintf("idn_%d", i), "email_address": address, "verification": testkit.Data{"status": "verified"},
		})
	}
	return testkit.Data{"email_addresses": list, "primary_email_address_id": "idn_0"}
}

func member(org, user, role string) testkit.Data {
	return testkit.Data{
		"role": role, "permissions": []string{}, "organization": testkit.Data{"id": org, "name": org}, "public_user_data": testkit.Data{"user_id": user},
	}
}

func verifiedDomain(org, name string) testkit.Data {
	return testkit.Data{"organization_id": org, "name": name, "enrollment_mode": "manual_invitation", "affiliation_verification": testkit.Data{"status": "verified"}}
}

func role(roleKey string, permissions ...string) testkit.Data {
	var list []any
	for _, p := range permissions {
		list = append(list, testkit.Data{"id": permissionID(p), "key": p, "name": p, "type": "custom"})
	}
	return testkit.Data{"key": roleKey, "name": roleKey, "permissions": list}
}

func permissionID(permission string) string {
	return "perm_" + strings.ReplaceAll(permission, ":", "_")
}

// clear makes the world new.
func (b *bed) clear(t testing.TB, d *opened) {
	t.Helper()
	b.exec(t, `do $$ declare t text; begin
  for t in select tablename from pg_tables where schemaname = 'clerk_g1' loop execute 'delete from clerk_g1.' || quote_ident(t); end loop;
end $$`)
	b.flush(t, d, `{"flush":true}`)
}

// flush sends a notice that forgets everything, and waits until it did.
func (b *bed) flush(t testing.TB, d *opened, payload string) {
	t.Helper()
	before := d.metric(t, "clerkstream_directory_flushes_total", "notice")
	b.exec(t, `select pg_notify('clerkstream_clerk', $1)`, payload)
	testkit.Eventually(t, func() error {
		if d.metric(t, "clerkstream_directory_flushes_total", "notice") == before {
			return errors.New("the notice was not heard")
		}
		return nil
	})
}

// until waits for the projector's checkpoint.
func (b *bed) until(t testing.TB, sequence uint64) {
	t.Helper()
	testkit.Eventually(t, func() error {
		var at uint64
		err := b.conn.QueryRow(t.Context(), `select sequence from clerkstream.checkpoints where service = 'test'`).Scan(&at)
		if err == nil && at < sequence {
			err = fmt.Errorf("checkpoint is at %d and should reach %d", at, sequence)
		}
		return err
	})
}
