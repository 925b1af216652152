package checkup_test

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
	"github.com/clerkstream/clerkstream/internal/checkup"
	"github.com/clerkstream/clerkstream/internal/clerksim"
	"github.com/clerkstream/clerkstream/internal/sentinel"
	"github.com/clerkstream/clerkstream/internal/settings"
	"github.com/clerkstream/clerkstream/internal/testkit"
	"github.com/clerkstream/clerkstream/schema"
)

var httpClient = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// fault is one thing that is wrong: the line that names it, and its next step.
type fault struct {
	name  string
	plant func(t *testing.T, b *bed)
	check string
	level checkup.Level
	seen  string
	next  string
}

// Faults that lie in the settings alone: all of them share one installation, each with a copy of its settings.
var settingFaults = []fault{
	{"the clock is ten minutes ahead", func(_ *testing.T, b *bed) { b.Now = func() time.Time { return time.Now().Add(10 * time.Minute) } },
		"clock: clerk", checkup.Failure, "ahead of Clerk", "NTP"},
	{"the clock is ten minutes behind Postgres", func(_ *testing.T, b *bed) { b.Now = func() time.Time { return time.Now().Add(-10 * time.Minute) } },
		"clock: postgres", checkup.Failure, "behind Postgres", "NTP"},
	{"the clock is seconds off", func(_ *testing.T, b *bed) { b.Now = func() time.Time { return time.Now().Add(30 * time.Second) } },
		"clock: clerk", checkup.Warning, "ahead of Clerk", "NTP"},
	{"the webhook secret is half", func(_ *testing.T, b *bed) { b.WebhookSecrets = []string{"whsec_MDEy"} },
		"webhook secret", checkup.Failure, "3 bytes", "dashboard"},
	{"the webhook secret is a key", func(_ *testing.T, b *bed) { b.WebhookSecrets = []string{"sk_test_abc!"} },
		"webhook secret", checkup.Failure, "not whsec_", "dashboard"},
	{"the route leads elsewhere", func(t *testing.T, b *bed) { b.WebhookURL = serve(t, http.NotFoundHandler()) },
		"webhook route", checkup.Failure, "answers 404", "route"},
	{"the route redirects", func(t *testing.T, b *bed) {
		b.WebhookURL = serve(t, http.RedirectHandler("https://www.example.com/webhooks/clerk?token=hidden", http.StatusMovedPermanently))
	}, "webhook route", checkup.Failure, "redirects (301) to www.example.com/webhooks/clerk", "follows no redirect"},
	{"the path is of another instance", func(_ *testing.T, b *bed) { b.WebhookURL += "/staging" },
		"webhook route", checkup.Failure, "instance_unknown", "/webhooks/clerk"},
	{"ingest is away", func(t *testing.T, b *bed) { b.IngestURLs = []string{gone(t)} },
		"ingest", checkup.Failure, "does not answer", "INGEST_OPS_URL"},
	{"the key is publishable", func(_ *testing.T, b *bed) { b.SecretKey = "pk_test_abc" },
		"api key", checkup.Failure, "publishable", "secret key"},
	{"the key is wrong", func(_ *testing.T, b *bed) { b.SecretKey = "sk_test_wrong" },
		"api instance", checkup.Failure, "refuses the key", "dashboard"},
	{"the key is of another instance than pinned", func(_ *testing.T, b *bed) { b.ClerkID = "ins_other" },
		"api instance", checkup.Failure, "CLERK_INSTANCE_ID is ins_other", "one and the same instance"},
	{"the key is of another instance than the webhooks", func(t *testing.T, b *bed) {
		other := clerksim.NewClerk(clerksim.ClerkConfig{World: clerksim.Config{Seed: 7, InstanceID: "ins_elsewhere"}})
		b.APIURL, b.SecretKey = serve(t, other.Handler()), other.SecretKey()
	}, "api instance", checkup.Failure, "the key opens ins_elsewhere", "one and the same instance"},
	{"the key's prefix is of another environment", func(t *testing.T, b *bed) {
		b.SecretKey, b.APIURL = "sk_live_x", serve(t, answering(http.StatusOK, `{"id":"`+b.clerk.InstanceID()+`","environment_type":"development"}`))
	}, "api instance", checkup.Warning, "calls itself development", "CLERK_API_URL"},
	{"what answers is not Clerk", func(t *testing.T, b *bed) {
		b.Within, b.APIURL = 10*time.Second, serve(t, answering(http.StatusNotFound, `<html>`))
	},
		"api instance", checkup.Failure, "not Clerk's", "api.clerk.com"},
	{"Clerk is throttled", func(t *testing.T, b *bed) {
		b.Within, b.APIURL = time.Second, serve(t, answering(http.StatusTooManyRequests, `{}`))
	},
		"api instance", checkup.Warning, "429", "CLERK_BUDGET"},
	{"Clerk is in trouble", func(t *testing.T, b *bed) {
		b.Within, b.APIURL = time.Second, serve(t, answering(http.StatusBadGateway, `{}`))
	}, "api instance", checkup.Warning, "502", "status.clerk.com"},
	{"Clerk is away, and so the key is not judged", func(t *testing.T, b *bed) { b.Within, b.APIURL = time.Second, gone(t) },
		"api instance", checkup.Failure, "does not answer", "CLERK_API_URL"},
	{"Clerk is away", func(t *testing.T, b *bed) { b.Within, b.APIURL = time.Second, gone(t) },
		"clock: clerk", checkup.Failure, "does not answer", "status.clerk.com"},
	{"the broker is away", func(t *testing.T, b *bed) { b.Within, b.NATS = time.Second, &settings.NATS{URL: natsURL(gone(t))} },
		"broker", checkup.Failure, "not reachable", "NATS_URL"},
	{"without the broker the stream is not judged", func(t *testing.T, b *bed) { b.Within, b.NATS = time.Second, &settings.NATS{URL: natsURL(gone(t))} },
		"stream", checkup.Skipped, "cannot be asked", ""},
	{"the instance has no stream", func(_ *testing.T, b *bed) { b.Instance = "staging" },
		"stream", checkup.Failure, "CLERK_STAGING does not exist", "clerkstream provision"},
	{"nobody tells of fsync", func(_ *testing.T, b *bed) { b.MonitorURLs = nil },
		"durability", checkup.Warning, "nobody told", "NATS_MONITOR_URL"},
	{"the monitoring endpoint is wrong", func(t *testing.T, b *bed) { b.MonitorURLs = []string{gone(t)} },
		"durability", checkup.Warning, "unknown", "NATS_MONITOR_URL"},
	{"Postgres is away", func(t *testing.T, b *bed) {
		b.DatabaseURL = "postgres://nobody@" + strings.TrimPrefix(gone(t), "http://") + "/x"
	},
		"postgres", checkup.Failure, "not reachable", "DATABASE_URL"},
	{"the login is refused", func(_ *testing.T, b *bed) { b.DatabaseURL = as(b.DatabaseURL, "who_is_that") },
		"postgres", checkup.Failure, "refuses the login", "pg_hba.conf"},
	{"the database is not there", func(_ *testing.T, b *bed) {
		b.DatabaseURL = strings.Replace(b.DatabaseURL, b.conn.Config().Database, "no_such_database", 1)
	}, "postgres", checkup.Failure, "no_such_database", "create the database"},
	{"the connection string is none", func(_ *testing.T, b *bed) { b.DatabaseURL = "postgres://a:hidden@b:port/x" },
		"postgres", checkup.Failure, "no connection string", "DATABASE_URL"},
	{"no service is of the instance", func(_ *testing.T, b *bed) { b.Instance = "staging" },
		"generation", checkup.Failure, "no service has a read model of instance staging", "start projector"},
	{"nothing was compared", func(_ *testing.T, b *bed) { b.Instance = "staging" },
		"drift", checkup.Warning, "never compared", "backfill"},
	{"no watch runs", func(_ *testing.T, b *bed) { b.Instance = "staging" },
		"watch", checkup.Warning, "no watch has run", "clerkstream watch"},
	{"nothing is set", func(_ *testing.T, b *bed) { b.Config = checkup.Config{Instance: instance} },
		"lag", checkup.Skipped, "no read model", ""},
}

func TestEachWrongSettingIsNamedWithItsNextStep(t *testing.T) {
	t.Parallel()
	well := newBed(t)
	for _, f := range settingFaults {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			b := *well
			f.plant(t, &b)
			f.named(t, b.examine(t))
		})
	}
}

// Faults of the installation: those of one group can be planted in one, for each changes another line.
var plantedFaults = [][]fault{
	{
		{"a dead letter of the projector", func(t *testing.T, b *bed) {
			b.exec(t, `insert into clerkstream.dead_letters (service, generation, read_model, sequence, subject, event_id, event_type, entity_id, version, reason, detail)
				values ('orders', 1, 'users', 1, 's', 'msg_1', 'user.updated', 'user_1', 'v', 'decode', 'ada@example.com')`)
		}, "dead letters", checkup.Warning, "of the projector open", "projector deadletter list"},
		{"one of a handler", func(t *testing.T, b *bed) {
			b.exec(t, `insert into clerkstream.handler_letters (service, handler, stream, sequence, subject, event_id, event_type, entity_id, reason, detail, deliveries)
				values ('orders', 'welcome', 'CLERK_PROD', 1, 's', 'msg_1', 'user.created', 'user_1', 'failed', 'ada@example.com', 7)`)
		}, "dead letters", checkup.Warning, "of the handler open", "docs/handlers.md"},
		{"one of a walk", func(t *testing.T, b *bed) {
			b.exec(t, `insert into clerkstream.walk_letters (instance, kind, entity_id, reason) values ($1, 'users', 'user_1', 'shape')`, instance)
		}, "dead letters", checkup.Warning, "of the walk open", "by id"},
		{"differences that a dry run left", func(t *testing.T, b *bed) {
			b.exec(t, `insert into clerkstream.reconciliations select instance, kind, 'dry run', now(), now() + interval '1 second', true, 20, 17, 0, 1, 1, 1, 0, 0, 0, 2
				from clerkstream.reconciliations where kind = 'users'`)
		}, "drift", checkup.Warning, "users: 1 changed, 1 missing, 1 extra", "clerkstream reconcile"},
		{"a wrong tombstone", func(t *testing.T, b *bed) {
			b.exec(t, `update clerkstream.reconciliations set wrong_tombstones = 1, wrong_tombstone_ids = array['org_1'], finished_at = now() + interval '1 minute'
				where kind = 'organizations'`)
		}, "drift", checkup.Warning, "org_1", "--restore"},
		{"a watch that does not beat", func(t *testing.T, b *bed) { b.watches(t, sentinel.Status{}, 5*time.Minute) },
			"watch", checkup.Failure, "last heard of 5 min", "clerkstream watch"},
		{"an outage that goes on", func(t *testing.T, b *bed) {
			b.exec(t, `insert into clerkstream.outages (instance, began_at, cause, noticed_at, signals) values ($1, now(), 'secret', now(), array['refusals'])`, instance)
		}, "outages", checkup.Failure, "suspected: secret", "operations.md"},
	},
	{
		{"a walk that is not complete", func(t *testing.T, b *bed) {
			b.exec(t, `update clerkstream.reconciliations set complete = false, note = 'fewer than counted' where kind = 'users'`)
		}, "drift", checkup.Warning, "users (fewer than counted)", "reconcile again"},
		{"a kind that was long not walked", func(t *testing.T, b *bed) {
			b.exec(t, `update clerkstream.reconciliations set finished_at = now() - interval '9 days' where kind = 'organizations'`)
		}, "drift", checkup.Warning, "organizations", "each night"},
		{"silence, and what the sentinel suspects", func(t *testing.T, b *bed) {
			b.watches(t, sentinel.Status{Outage: &sentinel.Outage{Cause: sentinel.CauseSecret, Advice: "copy the signing secret", Signals: []string{"refusals"}}}, 0)
		}, "sentinel", checkup.Failure, "suspected cause: secret", "copy the signing secret"},
		{"a hole that is not closed", func(t *testing.T, b *bed) {
			b.exec(t, `insert into clerkstream.outages (instance, began_at, cause, noticed_at, signals, ended_at) values ($1, now(), 'route', now(), '{}', now())`, instance)
		}, "outages", checkup.Warning, "not been fetched", "clerkstream reconcile"},
		{"a projector that is gone", func(_ *testing.T, b *bed) { b.stopProjector() },
			"generation", checkup.Failure, "no projector leads generation 1", "start its projector"},
		{"messages that wait", func(t *testing.T, b *bed) {
			b.deliver(t)
			b.Now = func() time.Time { return time.Now().Add(time.Hour) }
		}, "lag", checkup.Failure, "orders generation 1 is 1 message behind", "projector"},
	},
	{
		{"a type that does not come any more", func(t *testing.T, b *bed) {
			b.watches(t, sentinel.Status{SilentTypes: []sentinel.SilentType{{Type: "user.updated", Last: time.Now(), Expected: 40}}}, 0)
		}, "sentinel", checkup.Warning, "no user.updated since", "subscribed"},
		{"a stream that forgets", func(t *testing.T, b *bed) {
			b.changeStream(t, func(c *jetstream.StreamConfig) { c.MaxAge = 24 * time.Hour })
		}, "stream", checkup.Failure, "max_age is 24h", "clerkstream provision"},
		{"a schema that is older", func(t *testing.T, b *bed) { b.exec(t, `update clerkstream.schema_version set version = 1`) },
			"schema", checkup.Failure, fmt.Sprintf("needs %d", schema.Version), "clerkstream migrate"},
		{"a login without rights", func(t *testing.T, b *bed) {
			nobody := strings.ToLower("nobody_" + rand.Text()) // roles are the cluster's, which all tests share
			b.exec(t, `create role `+nobody+` login`)
			b.DatabaseURL = as(b.DatabaseURL, nobody)
		}, "generation", checkup.Failure, "may not read", "clerkstream_reader"},
	},
	{
		{"a stream that is another", func(t *testing.T, b *bed) {
			// A projector that has read nothing yet stands for no stream.
			b.deliver(t)
			testkit.Eventually(t, func() error {
				var at int64
				if err := b.conn.QueryRow(t.Context(), `select sequence from clerkstream.checkpoints where stream_created_at is not null`).Scan(&at); err != nil || at == 0 {
					return fmt.Errorf("the projector is at %d (%v)", at, err) //nolint:errorlint // it may be nil
				}
				return nil
			})
			b.stopProjector()
			if err := b.js.DeleteStream(t.Context(), "CLERK_PROD"); err != nil {
				t.Fatal(err)
			}
			if _, err := broker.Provision(t.Context(), b.js, instance, broker.Settings{}); err != nil {
				t.Fatal(err)
			}
		}, "lag", checkup.Failure, "another stream", "operations.md"},
	},
	{
		{"an ingest that is not ready", func(t *testing.T, b *bed) { b.nats.Stop(); b.Within = time.Second },
			"ingest", checkup.Failure, "is not ready", "503"},
	},
}

func TestEachPlantedFaultIsNamedWithItsNextStep(t *testing.T) {
	t.Parallel()
	for _, group := range plantedFaults {
		t.Run(group[0].name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			for _, f := range group {
				f.plant(t, b)
				// An ingest notices by its own time what happened to its broker.
				testkit.Eventually(t, func() error { return f.missing(b.examine(t)) })
			}
		})
	}
}

func (f *fault) missing(r *checkup.Report) error {
	for _, l := range r.Lines {
		if l.Check == f.check && l.Level == f.level && strings.Contains(l.Seen, f.seen) && strings.Contains(l.Next, f.next) {
			return nil
		}
	}
	return fmt.Errorf("%s: no line %q of level %s says %q and then %q, in %+v", f.name, f.check, f.level, f.seen, f.next, r.Lines)
}

func (f *fault) named(t *testing.T, r *checkup.Report) {
	t.Helper()
	if err := f.missing(r); err != nil {
		t.Error(err)
	}
	if want := f.level; want == checkup.Failure && r.Verdict != want {
		t.Errorf("%s: the verdict is %s", f.name, r.Verdict)
	}
	var out strings.Builder
	if err := r.Print(&out); err != nil {
		t.Fatal(err)
	}
	if err := r.JSON(&out); err != nil {
		t.Fatal(err)
	}
	for _, hidden := range []string{strings.TrimPrefix(secret, "whsec_"), "hidden", "ada@example.com", "sk_test_wrong", "sk_test_abc"} {
		if strings.Contains(out.String(), hidden) {
			t.Errorf("%s: %q is shown:\n%s", f.name, hidden, out.String())
		}
	}
	if slices.ContainsFunc(r.Lines, func(l checkup.Line) bool { return l.Check == "" || l.Level == "" || l.Seen == "" }) {
		t.Errorf("%s: an empty line in %+v", f.name, r.Lines)
	}
	if slices.ContainsFunc(r.Lines, func(l checkup.Line) bool {
		return l.Next == "" && (l.Level == checkup.Failure || l.Level == checkup.Warning)
	}) {
		t.Errorf("%s: something is wrong and nothing is to be done: %+v", f.name, r.Lines)
	}
}

func (b *bed) changeStream(t *testing.T, change func(*jetstream.StreamConfig)) {
	t.Helper()
	s, err := b.js.Stream(t.Context(), "CLERK_PROD")
	if err != nil {
		t.Fatal(err)
	}
	config := s.CachedInfo().Config
	change(&config)
	if _, err := b.js.UpdateStream(t.Context(), config); err != nil {
		t.Fatal(err)
	}
}

func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// gone is an address where nobody listens any more.
func gone(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	return s.URL
}

func answering(status int, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	})
}

func natsURL(web string) string { return "nats" + strings.TrimPrefix(web, "http") }

// as is the database's URL with another login.
func as(database, login string) string {
	u, err := url.Parse(database)
	if err != nil {
		panic(err)
	}
	u.User = url.User(login)
	return u.String()
}
