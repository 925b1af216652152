package checkup_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
	"github.com/clerkstream/clerkstream/internal/checkup"
	"github.com/clerkstream/clerkstream/internal/natsserver"
	"github.com/clerkstream/clerkstream/internal/settings"
	"github.com/clerkstream/clerkstream/internal/testkit"
)

// With the accounts and roles of a deployment, the logins that its services have are enough to look at everything.
func TestTheLoginsOfADeploymentMayLook(t *testing.T) {
	t.Parallel()
	server := startWithAccounts(t)
	database := stack.Database(t)
	conn := testkit.Connect(t, database)
	const checkpoint = `
insert into clerkstream.generations (service, generation, instance, view_schema, table_schema, definition_hash, read_models, state, tables, views)
  values ('orders', 1, $1, 'clerk', 'clerk_g1', 'h', '{}', 'live', '{}', '{}')`
	if _, err := conn.Exec(t.Context(), checkpoint, instance); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), `insert into clerkstream.checkpoints (service, generation, stream) values ('orders', 1, 'CLERK_PROD')`); err != nil {
		t.Fatal(err)
	}
	login := "checkup_" + conn.Config().Database
	if _, err := conn.Exec(t.Context(), `create role `+login+` login in role clerkstream_watcher`); err != nil {
		t.Fatal(err)
	}
	for user, may := range map[string]bool{broker.UserWatch: true, broker.UserProjector: true, broker.UserSubscriber: true, broker.UserOperator: true, broker.UserMonitor: false} {
		t.Run(user, func(t *testing.T) {
			t.Parallel()
			within := 20 * time.Second
			if !may { // a request without the right is answered by silence
				within = time.Second
			}
			r := checkup.Examine(t.Context(), checkup.Config{
				Instance: instance, NATS: &settings.NATS{URL: urlAs(server, user)}, MonitorURLs: []string{server.MonitorURL()}, DatabaseURL: as(database, login), Within: within,
			})
			seen := map[string]checkup.Line{}
			for _, l := range r.Lines {
				seen[l.Check] = l
			}
			if ok := seen["stream"].Level == checkup.OK && seen["durability"].Level == checkup.OK; ok != may {
				t.Errorf("the stream is seen: %t, not %t: %+v", ok, may, r.Lines)
			}
			if may && !strings.Contains(seen["lag"].Seen, "the oldest has waited") {
				t.Errorf("the oldest message that waits is not read: %+v", seen["lag"])
			}
			for _, check := range []string{"schema", "dead letters", "outages"} {
				if seen[check].Level != checkup.OK {
					t.Errorf("the login may not look: %+v", seen[check])
				}
			}
		})
	}
	t.Run("a wrong password", func(t *testing.T) {
		t.Parallel()
		f := fault{check: "broker", level: checkup.Failure, seen: "refuses the login", next: "accounts.conf"}
		url := strings.Replace(urlAs(server, broker.UserWatch), "p-watch", "p-hidden", 1)
		f.named(t, checkup.Examine(t.Context(), checkup.Config{Instance: instance, NATS: &settings.NATS{URL: url}}))
	})
}

// startWithAccounts runs server.conf with one message in the stream.
func startWithAccounts(t *testing.T) *natsserver.Server {
	t.Helper()
	variables := map[string]string{"NATS_HOST": "127.0.0.1", "NATS_STORE_DIR": "/data"}
	for _, user := range []string{broker.UserIngest, broker.UserWatch, broker.UserOperator, broker.UserProjector, broker.UserSubscriber, broker.UserMonitor} {
		variables["NATS_"+strings.ToUpper(user)+"_PASSWORD"] = "p-" + user
	}
	server, err := natsserver.Start(t.Context(), natsserver.Options{StoreDir: t.TempDir(), Config: broker.ServerConf(), Variables: variables, Monitor: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	nc, err := nats.Connect(urlAs(server, broker.UserOperator))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := broker.Provision(t.Context(), js, instance, broker.Settings{}); err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), "clerk.prod.user.user_1.updated", []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	return server
}

func urlAs(server *natsserver.Server, user string) string {
	return strings.Replace(server.URL(), "nats://", fmt.Sprintf("nats://%s:p-%s@", user, user), 1)
}
