package watch

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
	"github.com/clerkstream/clerkstream/internal/clerksim"
	"github.com/clerkstream/clerkstream/internal/ingest"
	"github.com/clerkstream/clerkstream/internal/natsserver"
	"github.com/clerkstream/clerkstream/internal/reconcile"
	"github.com/clerkstream/clerkstream/internal/sentinel"
	"github.com/clerkstream/clerkstream/internal/settings"
	"github.com/clerkstream/clerkstream/internal/testkit"
)

const (
	secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	// Clerk takes ten changes of an object in ten seconds.
	canaryEvery = 1200 * time.Millisecond
	// outageGrace is longer than it takes to see that webhooks come again: what changed at the end of an outage is still young then.
	outageGrace = 3 * time.Second
)

// told are the read models of which everything can be fetched again. What a session went through in an outage is nobody's to know.
var told = []string{"users", "user_identifiers", "organizations", "organization_memberships", "organization_invitations", "roles", "role_permissions"}

// route is the whole way of a webhook, from a Clerk whose people were there before, with each part as its own user of a deployment's broker.
type route struct {
	*bed
	ingest *ingest.Server
	good   clerksim.Endpoint
	canary string
}

func newRoute(t testing.TB) *route {
	t.Helper()
	log, as := accounts(t)
	r := &route{bed: newBedOn(t, log, as, small())}
	r.clerk.Found()
	var err error
	r.ingest, err = ingest.New(ingest.Config{
		ListenAddr: "127.0.0.1:0", OpsAddr: "127.0.0.1:0", NATS: settings.NATS{URL: as(broker.UserIngest)}, Log: slog.New(slog.DiscardHandler),
		Instances: []ingest.Instance{{Name: r.Instance, Secrets: []string{secret}, ClerkID: r.clerk.InstanceID()}},
	})
	if err != nil {
		t.Fatal(err)
	}
	r.keep(r.ingest.Run)
	r.good = clerksim.Endpoint{URL: "http://" + r.ingest.Addr() + "/webhooks/clerk", Secret: secret}
	r.endpoint(true)
	sender, err := clerksim.NewSender(clerksim.SenderConfig{Endpoint: r.clerk.Endpoint, More: r.clerk.Directed(), Compress: 1000})
	if err != nil {
		t.Fatal(err)
	}
	r.keep(func(ctx context.Context) error {
		if _, err := sender.Send(ctx, r.clerk.NextDirected); ctx.Err() == nil {
			return err
		}
		return nil
	})
	if _, err := r.clerk.Invite(r.clerk.Sketch(1).Organizations[0].ID, "guest@northwind.example", "org:member"); err != nil {
		t.Fatal(err)
	}
	r.canary = must(r.clerk.CreateUser("canary@northwind.example"))(t)
	err = Once(t.Context(), r.config(io.Discard), "backfill", func(ctx context.Context, w *Work) error {
		_, err := w.Reconciler.Backfill(ctx, reconcile.BackfillOptions{})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	r.equal()
	return r
}

// accounts is an instance on the broker of a deployment, whose users may do no more than their work.
func accounts(t testing.TB) (_ *testkit.Log, as func(user string) string) {
	t.Helper()
	dir := t.TempDir()
	variables := map[string]string{"NATS_HOST": "127.0.0.1", "NATS_STORE_DIR": dir}
	for _, user := range []string{
		broker.UserIngest, broker.UserWatch, broker.UserOperator, broker.UserProjector, broker.UserSubscriber, broker.UserMonitor,
	} {
		variables["NATS_"+strings.ToUpper(user)+"_PASSWORD"] = "p-" + user
	}
	server, err := natsserver.Start(t.Context(), natsserver.Options{Config: broker.ServerConf(), Variables: variables, StoreDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	as = func(user string) string {
		u, err := url.Parse(server.URL())
		if err != nil {
			t.Fatal(err)
		}
		u.User = url.UserPassword(user, "p-"+user)
		return u.String()
	}
	nc, err := nats.Connect(as(broker.UserOperator))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	log := &testkit.Log{URL: as(broker.UserOperator), Instance: "prod"}
	if log.JS, err = jetstream.New(nc); err != nil {
		t.Fatal(err)
	}
	if _, err = broker.Provision(t.Context(), log.JS, log.Instance, broker.Settings{}); err != nil {
		t.Fatal(err)
	}
	if log.Stream, err = log.JS.Stream(t.Context(), broker.StreamName(log.Instance)); err != nil {
		t.Fatal(err)
	}
	return log, as
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// endpoint switches the endpoint. What happens while it is off is never sent.
func (r *route) endpoint(on bool) {
	r.t.Helper()
	e := r.good
	e.Off = !on
	if err := r.clerk.SetEndpoint(e); err != nil {
		r.t.Fatal(err)
	}
}

// withCanary is a watch of webhooks, which walks only to repair.
func (r *route) withCanary(c *Config) {
	c.CanaryUser, c.CanaryEvery, c.CanaryLimit = r.canary, canaryEvery, canaryEvery
	c.IngestURLs, c.WebhookURL = []string{"http://" + r.ingest.OpsAddr()}, r.good.URL
	c.limits = sentinel.Limits{Tick: 50 * time.Millisecond, Scrape: 100 * time.Millisecond}
	c.Grace = outageGrace
}

// equal waits until the read model is what the simulator knows to be true.
func (r *route) equal() {
	r.t.Helper()
	testkit.Eventually(r.t, func() error {
		if found := r.differences(told...); len(found) > 0 {
			return fmt.Errorf("%d differences, the first: %s", len(found), found[0])
		}
		return nil
	})
}

// status is the sentinel's.
func (w *running) status() sentinel.Status {
	if s := w.sentinel.Load(); s != nil {
		return s.Status()
	}
	return sentinel.Status{}
}

// canaryBack waits until an event of the canary has come back.
func (r *route) canaryBack(w *running) {
	r.t.Helper()
	testkit.Eventually(r.t, func() error {
		s := w.status()
		for _, x := range s.Signals {
			if x.Name == sentinel.SignalCanary && x.State == sentinel.StateOK && s.Outage == nil && len(s.Unrepaired) == 0 {
				return nil
			}
		}
		return fmt.Errorf("the canary is not back: %+v: %s", s, w.out.String())
	})
}

// ask reads from the private listener.
func (r *route) ask(w *running, path string) (status int, body string) {
	r.t.Helper()
	answer, err := http.Get("http://" + w.OpsAddr() + path)
	if err != nil {
		r.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// live is a bit of everything that people do; n tells one call from another.
func (r *route) live(n int) {
	r.t.Helper()
	c, s := r.clerk, r.clerk.Sketch(40)
	name := func(what string) *string { what = fmt.Sprintf("%s %d", what, n); return &what }
	user := func(i int) string { return s.Users[10*n+i].ID }
	org := s.Organizations[n].ID
	for member := range s.Organizations[n].Members {
		if err := c.RemoveMember(org, member); err != nil {
			r.t.Fatal(err)
		}
		break
	}
	born := must(c.SignUp(fmt.Sprintf("born%d@northwind.example", n)))(r.t)
	for i, err := range []error{
		c.EditProfile(user(0), clerksim.Profile{FirstName: name("Told")}),
		c.EditProfileStill(user(1), clerksim.Profile{FirstName: name("Still")}),
		c.DeleteUser(user(2)),
		c.AddEmail(user(3), fmt.Sprintf("second%d@northwind.example", n)),
		c.Ban(user(4)),
		c.RenameOrganization(org, *name("Renamed"), fmt.Sprintf("renamed-%d", n)),
		second(c.AddMember(org, born, "org:member")),
		c.ChangeRole(org, born, "org:admin"),
		second(c.Invite(org, fmt.Sprintf("guest%d@northwind.example", n), "org:member")),
		second(c.CreateOrganization(user(5), *name("New"), fmt.Sprintf("new-%d", n))),
		c.DeleteOrganization(s.Organizations[n+2].ID),
	} {
		if err != nil {
			r.t.Fatalf("change %d: %v", i, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }
