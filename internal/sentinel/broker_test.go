package sentinel_test

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
	"github.com/clerkstream/clerkstream/internal/clerksim"
	"github.com/clerkstream/clerkstream/internal/natsserver"
	"github.com/clerkstream/clerkstream/internal/sentinel"
	"github.com/clerkstream/clerkstream/internal/settings"
	"github.com/clerkstream/clerkstream/internal/testkit"
)

// startAccounts runs the broker of a deployment: with its users, who may do no more than their work.
func startAccounts(t testing.TB, dir string, port int) *natsserver.Server {
	t.Helper()
	variables := map[string]string{"NATS_HOST": "127.0.0.1", "NATS_STORE_DIR": dir}
	for _, user := range []string{"ingest", "watch", "operator", "projector", "subscriber", "monitor"} {
		variables["NATS_"+strings.ToUpper(user)+"_PASSWORD"] = "p-" + user
	}
	server, err := natsserver.Start(t.Context(), natsserver.Options{Config: broker.ServerConf(), Variables: variables, StoreDir: dir, Port: port})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	return server
}

// as is the broker's URL with a user's login.
func as(t testing.TB, server *natsserver.Server, user string) string {
	t.Helper()
	u, err := url.Parse(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(user, "p-"+user)
	return u.String()
}

func jetStream(t testing.TB, url string, options ...nats.Option) (*nats.Conn, jetstream.JetStream) {
	t.Helper()
	nc, err := nats.Connect(url, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return nc, js
}

func TestABrokerThatIsAwayIsReportedAndClosedByAWatchWithItsOwnRightsOnly(t *testing.T) {
	t.Parallel()
	const instance = "prod"
	dir := t.TempDir()
	server := startAccounts(t, dir, 0)
	_, port, err := net.SplitHostPort(strings.TrimPrefix(server.URL(), "nats://"))
	if err != nil {
		t.Fatal(err)
	}
	_, operator := jetStream(t, as(t, server, broker.UserOperator))
	if _, err := broker.Provision(t.Context(), operator, instance, broker.Settings{}); err != nil {
		t.Fatal(err)
	}
	login := settings.NATS{URL: as(t, server, broker.UserWatch)}
	denied := make(chan error, 100)
	nc, err := login.Connect(settings.ConnectOptions{InboxPrefix: broker.WatchInbox, Log: discard, Failed: func(err error) { denied <- err }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	b := newBedOn(t, &testkit.Log{URL: as(t, server, broker.UserIngest), Instance: instance, JS: js})
	b.Sentinel = b.watch(nil)
	b.awaitHealthy()
	if len(denied) > 0 {
		t.Errorf("the watch was refused something it needs: %v", <-denied)
	}

	server.Stop()
	tell(t, b.clerk, 3)
	b.awaitOutage(sentinel.CauseBroker)
	number, _ := strconv.Atoi(port)
	startAccounts(t, dir, number)
	b.awaitClosed(sentinel.CauseBroker)
	b.awaitHealthy()
}

// tell has Clerk send something by itself.
func tell(t testing.TB, c *clerksim.Clerk, users int) {
	t.Helper()
	for n := range users {
		if _, err := c.CreateUser(fmt.Sprintf("somebody%d@northwind.example", n)); err != nil {
			t.Fatal(err)
		}
	}
}
