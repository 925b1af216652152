package projector

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
	"github.com/clerkstream/clerkstream/internal/natsserver"
	"github.com/clerkstream/clerkstream/internal/testkit"
)

// login makes a login that is a member of the given roles, and returns the database URL for it.
func (b *bed) login(t *testing.T, name string, roles ...string) string {
	t.Helper()
	// Logins belong to the cluster, so the database's name keeps those of parallel tests apart.
	name += "_" + b.conn.Config().Database
	quoted := pgx.Identifier{name}.Sanitize()
	b.exec(t, `create role `+quoted+` login`)
	for _, role := range roles {
		b.exec(t, `grant `+role+` to `+quoted)
	}
	u, err := url.Parse(b.url)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.User(name)
	return u.String()
}

func TestALoginThatIsAMemberOfOwnerAndProjectorIsEnough(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	c := b.config()
	c.DatabaseURL = b.login(t, "enough", "clerkstream_owner", "clerkstream_projector")
	b.project(t, c, b.fill(t, 3, "a"))
	if n := value[int](t, b, `select count(*) from clerk.users`); n != 3 {
		t.Errorf("%d users are there", n)
	}
}

func TestAMissingRightStopsTheProjectorAndNamesTheGrant(t *testing.T) {
	t.Parallel()
	for name, roles := range map[string][]string{
		"grant clerkstream_projector to the login": {},
		"grant clerkstream_owner to the login":     {"clerkstream_projector"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			c := b.config()
			c.DatabaseURL = b.login(t, "short"+strings.Repeat("x", len(roles)), roles...)
			err := Run(t.Context(), c)
			if !errors.Is(err, ErrNotPermitted) || !strings.Contains(err.Error(), name) {
				t.Errorf("it ended with %v", err)
			}
		})
	}
}

// guarded is a broker with the accounts of deploy/nats, and a log on it that the operator filled.
func guarded(t *testing.T, conf string) (server *natsserver.Server, log *testkit.Log) {
	t.Helper()
	server, err := natsserver.Start(t.Context(), natsserver.Options{Config: conf, Variables: map[string]string{
		"NATS_INGEST_PASSWORD": "pw-ingest", "NATS_OPERATOR_PASSWORD": "pw-operator", "NATS_PROJECTOR_PASSWORD": "pw-projector",
		"NATS_SUBSCRIBER_PASSWORD": "pw-subscriber", "NATS_WATCH_PASSWORD": "pw-watch", "NATS_MONITOR_PASSWORD": "pw-monitor", "NATS_HOST": "127.0.0.1", "NATS_STORE_DIR": t.TempDir(),
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	nc, err := nats.Connect(as(t, server, "operator"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := broker.Provision(t.Context(), js, "guarded", broker.Settings{}); err != nil {
		t.Fatal(err)
	}
	return server, &testkit.Log{Instance: "guarded", JS: js, URL: as(t, server, "projector")}
}

func as(t *testing.T, s *natsserver.Server, user string) string {
	t.Helper()
	u, err := url.Parse(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(user, "pw-"+user)
	return u.String()
}

func TestTheRightsOfTheProjectorsAccountAreEnough(t *testing.T) {
	t.Parallel()
	_, log := guarded(t, broker.ServerConf())
	url := stack.Database(t)
	b := &bed{Log: log, url: url, conn: testkit.Connect(t, url)}
	b.project(t, b.config(), b.fill(t, 3, "a"))
	// The second session also reads the message at its position.
	b.project(t, b.config(), b.fill(t, 3, "b"))
}

func TestARightThatTheBrokerWithholdsStopsTheProjector(t *testing.T) {
	t.Parallel()
	for _, right := range []string{`"JS.CLERK.API.CONSUMER.CREATE.*.*"`, `"JS.CLERK.API.CONSUMER.MSG.NEXT.*.*"`, `"JS.CLERK.API.STREAM.INFO.*"`} {
		t.Run(right, func(t *testing.T) {
			t.Parallel()
			_, log := guarded(t, strings.Replace(broker.ServerConf(), right, `"nothing"`, 1))
			url := stack.Database(t)
			b := &bed{Log: log, url: url, conn: testkit.Connect(t, url)}
			b.fill(t, 3, "a")
			if err := Run(t.Context(), b.config()); !errors.Is(err, ErrNotPermitted) {
				t.Errorf("it ended with %v", err)
			}
		})
	}
}
