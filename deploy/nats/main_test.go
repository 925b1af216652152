package broker_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
	"github.com/clerkstream/clerkstream/internal/natsserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// variables are what a deployment puts into the environment; each user's password
// is its name with a letter before it.
func variables() map[string]string {
	return map[string]string{
		"NATS_HOST":                "127.0.0.1",
		"NATS_STORE_DIR":           "/data",
		"NATS_INGEST_PASSWORD":     password(broker.UserIngest),
		"NATS_WATCH_PASSWORD":      password(broker.UserWatch),
		"NATS_OPERATOR_PASSWORD":   password(broker.UserOperator),
		"NATS_PROJECTOR_PASSWORD":  password(broker.UserProjector),
		"NATS_SUBSCRIBER_PASSWORD": password(broker.UserSubscriber),
		"NATS_MONITOR_PASSWORD":    password(broker.UserMonitor),
	}
}

// inboxes are those of the users that have one of their own.
var inboxes = map[string]string{broker.UserIngest: broker.IngestInbox, broker.UserWatch: broker.WatchInbox}

func password(user string) string { return "p-" + user }

// startBroker runs one node of server.conf.
func startBroker(t *testing.T) *natsserver.Server {
	t.Helper()
	return startConf(t, broker.ServerConf())
}

func startConf(t *testing.T, conf string) *natsserver.Server {
	t.Helper()
	s, err := natsserver.Start(t.Context(), natsserver.Options{Config: conf, Variables: variables()})
	if err != nil {
		t.Fatalf("start broker: %v", err)
	}
	t.Cleanup(s.Stop)
	return s
}

// client is a connection of one user. Its LastError is the last thing it was
// refused: set before the next message is read.
type client struct {
	*nats.Conn
	js jetstream.JetStream
}

func connectAs(t *testing.T, s *natsserver.Server, user string, opts ...nats.Option) *client {
	t.Helper()
	// Refusals are looked for where they are expected; they are not news.
	opts = append(opts, nats.UserInfo(user, password(user)), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if inbox, ok := inboxes[user]; ok {
		opts = append(opts, nats.CustomInboxPrefix(inbox))
	}
	nc, err := nats.Connect(s.URL(), opts...)
	if err != nil {
		t.Fatalf("connect as %s: %v", user, err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return &client{Conn: nc, js: js}
}

// refusedSince compares by identity: each refusal is an error of its own.
func (c *client) refusedSince(before error) bool {
	return c.LastError() != before //nolint:errorlint // not what it is, but whether it is another
}

// provision makes the streams of instances prod and staging.
func provision(t *testing.T, s *natsserver.Server) *client {
	t.Helper()
	operator := connectAs(t, s, broker.UserOperator)
	for _, instance := range []string{"prod", "staging"} {
		if _, err := broker.Provision(t.Context(), operator.js, instance, broker.Settings{}); err != nil {
			t.Fatalf("provision %s: %v", instance, err)
		}
	}
	return operator
}

func lastSeq(t *testing.T, operator *client, instance string) uint64 {
	t.Helper()
	stream, err := operator.js.Stream(t.Context(), broker.StreamName(instance))
	if err != nil {
		t.Fatal(err)
	}
	return stream.CachedInfo().State.LastSeq
}

// eventually polls until ok, for at most ten seconds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
	}
}
