package subscribe

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/internal/testkit"
)

// sightings notes which handler saw which event.
type sightings struct {
	mu   sync.Mutex
	seen map[string]events.Event
}

func (s *sightings) note(handler string, e *events.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[handler] = *e
}

func sees[E any, P Typed[E]](s *sightings) Handler {
	typ := P(new(E)).EventType()
	name := strings.ToLower(strings.ReplaceAll(typ, ".", "-"))
	return On(name, func(_ context.Context, e P) error {
		s.note(typ, e.Fact())
		return nil
	})
}

func everyType(s *sightings) []Handler {
	return []Handler{
		sees[events.UserCreated](s), sees[events.UserUpdated](s), sees[events.UserDeleted](s),
		sees[events.OrganizationCreated](s), sees[events.OrganizationUpdated](s), sees[events.OrganizationDeleted](s),
		sees[events.OrganizationMembershipCreated](s), sees[events.OrganizationMembershipUpdated](s), sees[events.OrganizationMembershipDeleted](s),
		sees[events.OrganizationInvitationCreated](s), sees[events.OrganizationInvitationAccepted](s), sees[events.OrganizationInvitationRevoked](s),
		sees[events.OrganizationDomainCreated](s), sees[events.OrganizationDomainUpdated](s), sees[events.OrganizationDomainDeleted](s),
		sees[events.RoleCreated](s), sees[events.RoleUpdated](s), sees[events.RoleDeleted](s),
		sees[events.PermissionCreated](s), sees[events.PermissionUpdated](s), sees[events.PermissionDeleted](s),
		sees[events.SessionPending](s), sees[events.SessionCreated](s), sees[events.SessionEnded](s), sees[events.SessionRemoved](s), sees[events.SessionRevoked](s),
		sees[events.EmailCreated](s), sees[events.SMSCreated](s), sees[events.WaitlistEntryCreated](s), sees[events.WaitlistEntryUpdated](s),
		sees[events.SubscriptionCreated](s), sees[events.SubscriptionUpdated](s), sees[events.SubscriptionActive](s), sees[events.SubscriptionPastDue](s),
		sees[events.SubscriptionItemCreated](s), sees[events.SubscriptionItemUpcoming](s), sees[events.SubscriptionItemIncomplete](s),
		sees[events.SubscriptionItemUpdated](s), sees[events.SubscriptionItemFreeTrialEnding](s), sees[events.SubscriptionItemActive](s),
		sees[events.SubscriptionItemPastDue](s), sees[events.SubscriptionItemCanceled](s), sees[events.SubscriptionItemEnded](s),
		sees[events.SubscriptionItemAbandoned](s), sees[events.SubscriptionItemExpired](s),
		sees[events.PaymentAttemptCreated](s), sees[events.PaymentAttemptUpdated](s),
		sees[events.OrganizationInvitationExpired](s), sees[events.OrganizationInvitationDeleted](s), sees[events.WaitlistEntryDeleted](s),
		sees[events.SubscriptionDeleted](s), sees[events.SubscriptionItemDeleted](s),
		sees[events.RoleSetUpdated](s), sees[events.RoleSetDeleted](s), sees[events.SCIMDirectoryUpdated](s), sees[events.SCIMDirectoryDeleted](s),
		sees[events.EnterpriseConnectionCreated](s), sees[events.EnterpriseConnectionUpdated](s), sees[events.EnterpriseConnectionDeleted](s),
	}
}

func TestATypedHandlerGetsEachTypesSample(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	s := &sightings{seen: map[string]events.Event{}}
	handlers := everyType(s)
	var types []string
	for _, h := range handlers {
		types = append(types, h.Type())
	}
	slices.Sort(types)
	if !slices.Equal(types, events.Types()) {
		t.Fatalf("handlers for %v, the catalogue has %v", types, events.Types())
	}
	want := map[string]string{}
	for _, typ := range events.Types() {
		files, err := filepath.Glob("../testdata/payloads/" + typ + ".json")
		if err != nil || len(files) == 0 {
			continue // a type that Clerk gives no example of
		}
		body, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		b.Publish(t, "msg_"+typ, body)
		want[typ] = "msg_" + typ
	}
	if len(want) < 45 {
		t.Fatalf("only %d samples", len(want))
	}
	b.start(t, b.config(handlers...))
	b.settled(t)
	s.mu.Lock()
	defer s.mu.Unlock()
	for typ, id := range want {
		e, ok := s.seen[typ]
		if !ok || e.ID != id || e.Type != typ || e.Instance != b.Instance || e.Version == "" {
			t.Errorf("%s: seen %v as event %q of type %q", typ, ok, e.ID, e.Type)
		}
	}
}

func TestAHandlerOnlySeesTheNewestShape(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	got := make(chan string, 1)
	b.start(t, b.config(On("attempts", func(_ context.Context, e *events.PaymentAttemptCreated) error {
		got <- e.Data.ChargeType
		return nil
	})))
	body, err := os.ReadFile("../testdata/payloads/paymentAttempt.created.type-for-charge-type.json")
	if err != nil {
		t.Fatal(err)
	}
	b.Publish(t, "msg_old", body)
	if charge := <-got; charge == "" {
		t.Error("the older spelling reached the handler")
	}
}

func TestAHandlerThatFailsOnceIsTriedAgainAndSucceeds(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	var calls atomic.Int32
	c := b.config(On("flaky", func(context.Context, *events.UserCreated) error {
		// Once within its delivery and, with two attempts each, once by the broker.
		if calls.Add(1) <= 3 {
			return errors.New("not now")
		}
		return nil
	}))
	c.Attempts = 2
	g, _ := b.start(t, c)
	b.user(t, "msg_1", "created", "user_1")
	b.settled(t)
	if calls.Load() != 4 {
		t.Errorf("called %d times, want 4", calls.Load())
	}
	if got := testutil.ToFloat64(g.metrics.redeliveries); got != 1 {
		t.Errorf("%v redeliveries, want 1", got)
	}
	b.letters(t, g, 0)
}

func TestAPoisonEventBecomesADeadLetterAndTheOthersGoOn(t *testing.T) {
	t.Parallel()
	const misshapen = `{"type":"user.created","object":"event","timestamp":1,"data":{"id":"user_bad","banned":"not a bool"}}`
	for name, tc := range map[string]struct {
		handle     func(e *events.UserCreated) error
		reason     string
		deliveries int
	}{
		"it fails at every delivery": {func(*events.UserCreated) error { return errors.New("no") }, reasonFailed, 3},
		"it panics":                  {func(e *events.UserCreated) error { return errors.New(e.Data.PrimaryEmail().ID) }, reasonFailed, 3},
		"it says that it is no use":  {func(*events.UserCreated) error { return Permanent(errors.New("never")) }, reasonPermanent, 1},
		"it cannot be read":          {nil, reasonUnreadable, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			c := b.config(
				On("fragile", func(_ context.Context, e *events.UserCreated) error {
					if e.EntityID == "user_bad" {
						return tc.handle(e)
					}
					return nil
				}),
				b.noting("sturdy"),
			)
			c.Attempts = 1
			g, _ := b.start(t, c)
			b.user(t, "msg_1", "created", "user_1")
			var bad uint64
			if tc.handle != nil {
				bad = b.user(t, "msg_bad", "created", "user_bad")
			} else {
				bad = b.Publish(t, "msg_bad", []byte(misshapen))
			}
			b.user(t, "msg_2", "created", "user_2")
			b.settled(t)
			letters := b.letters(t, g, map[bool]int{true: 1, false: 2}[tc.handle != nil])
			for _, l := range letters {
				if l.Sequence != bad || l.EventID != "msg_bad" || l.EntityID != "user_bad" || l.EventType != "user.created" || l.Reason != tc.reason || l.Deliveries != tc.deliveries {
					t.Errorf("letter %+v", l)
				}
			}
			want := map[string]int{"sturdy msg_1": 1, "sturdy msg_2": 1}
			if tc.handle != nil {
				want["sturdy msg_bad"] = 1 // the event's other handler still had its turn
			}
			if got := b.effects(t); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("effects %v, want %v", got, want)
			}
		})
	}
}

func TestADeadLetterIsTriedAgainOrGivenUp(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	var mended atomic.Bool
	c := b.config(On("fragile", func(ctx context.Context, e *events.UserCreated) error {
		if !mended.Load() {
			return Permanent(errors.New("no"))
		}
		return note(ctx, b.pool, "fragile", e.Fact())
	}))
	g, _ := b.start(t, c)
	for i := range 3 {
		b.user(t, fmt.Sprintf("msg_%d", i), "created", fmt.Sprintf("user_%d", i))
	}
	letters := b.letters(t, g, 3)
	if closed, err := g.Retry(t.Context(), letters...); closed != 0 || err == nil {
		t.Errorf("retry before the mending closes %d: %v", closed, err)
	}
	mended.Store(true)
	if err := b.Stream.DeleteMsg(t.Context(), letters[1].Sequence); err != nil {
		t.Fatal(err)
	}
	if closed, err := g.Retry(t.Context(), letters[:2]...); closed != 1 || !errors.Is(err, ErrGone) {
		t.Errorf("retry of one that is there and one that was erased closes %d: %v", closed, err)
	}
	if closed, err := g.Retry(t.Context(), letters[0]); closed != 0 || err != nil {
		t.Errorf("retry of a closed letter closes %d: %v", closed, err)
	}
	if _, err := g.Discard(t.Context(), " ", letters[1]); err == nil {
		t.Error("discarded without a reason")
	}
	if n, err := g.Discard(t.Context(), "erased", letters[1]); n != 1 || err != nil {
		t.Errorf("discarded %d: %v", n, err)
	}
	if left := b.letters(t, g, 1); left[0].EventID != "msg_2" {
		t.Errorf("left open: %+v", left)
	}
	if got := b.effects(t); fmt.Sprint(got) != fmt.Sprint(map[string]int{"fragile msg_0": 1}) {
		t.Errorf("effects %v", got)
	}
}

func TestWhatIsForNoHandlerIsAcknowledgedAndCounted(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	c := b.config(b.noting("welcome"))
	c.Metrics = prometheus.NewRegistry()
	g, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.ensureConsumer(t.Context()); err != nil {
		t.Fatal(err)
	}
	// A newer release beside this one reads more, and somebody reads what is no event.
	b.reconfigure(t, func(c *jetstream.ConsumerConfig) {
		c.FilterSubjects = append(c.FilterSubjects, c.FilterSubject, "clerk."+b.Instance+".user.*.updated", "clerk."+b.Instance+".unrouted.*")
		c.FilterSubjects = slices.DeleteFunc(c.FilterSubjects, func(s string) bool { return s == "" })
		c.FilterSubject = ""
	})
	b.Publish(t, "msg_unrouted", []byte(`{"type":"user.created"}`))
	b.user(t, "msg_updated", "updated", "user_1")
	backfilled := b.Event("msg_backfill", testkit.Body("user.created", now, testkit.Data{"id": "user_2"}))
	backfilled.Source = events.SourceBackfill
	b.PublishEvent(t, backfilled)
	b.user(t, "msg_1", "created", "user_1")

	b.run(t, g)
	b.settled(t)
	for reason, want := range map[string]float64{passedUnrouted: 1, passedNoHandler: 1, passedSource: 1} {
		if got := testutil.ToFloat64(g.metrics.passed.WithLabelValues(reason)); got != want {
			t.Errorf("%v passed as %s, want %v", got, reason, want)
		}
	}
	if got := b.effects(t); fmt.Sprint(got) != fmt.Sprint(map[string]int{"welcome msg_1": 1}) {
		t.Errorf("effects %v", got)
	}
}

func TestTheTraceContextReachesTheHandlerAndWhatItPublishes(t *testing.T) {
	t.Parallel()
	const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	b := newBed(t)
	own := b.ownStream(t, jetstream.StreamConfig{})
	p := NewPublisher(b.JS, PublisherConfig{})
	b.start(t, b.config(On("tell", func(ctx context.Context, e *events.UserCreated) error {
		m := message.NewMessageWithContext(ctx, e.ID, []byte("hello"))
		return p.Publish(b.Instance+".own.told", m)
	})))
	e := b.Event("msg_1", testkit.Body("user.created", now, testkit.Data{"id": "user_1"}))
	e.TraceParent = trace
	b.PublishEvent(t, e)
	b.settled(t)
	told, err := own.GetMsg(t.Context(), 1)
	if err != nil || told.Header.Get(events.HeaderTraceParent) != trace || told.Header.Get(events.HeaderMessageID) != "msg_1" {
		t.Errorf("told %+v: %v", told, err)
	}
}

func TestRunWaitsForAHandlerAndCancelsOneThatNeverEnds(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		timeout time.Duration
		want    error
	}{
		"in time":  {time.Minute, nil},
		"too late": {20 * time.Millisecond, ErrHandlersHang},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			begun, release := make(chan struct{}), make(chan struct{})
			c := b.config(On("slow", func(ctx context.Context, e *events.UserCreated) error {
				close(begun)
				select {
				case <-release:
					return note(ctx, b.pool, "slow", e.Fact())
				case <-ctx.Done():
					return Permanent(ctx.Err()) // and yet no dead letter: its process ended it
				}
			}))
			c.CloseTimeout = tc.timeout
			g, stop := b.start(t, c)
			b.user(t, "msg_1", "created", "user_1")
			<-begun
			ended := make(chan error, 1)
			go func() { ended <- stop() }()
			if tc.want == nil {
				close(release)
			}
			if err := <-ended; !errors.Is(err, tc.want) {
				t.Errorf("run: %v, want %v", err, tc.want)
			}
			b.letters(t, g, 0)
			if got := len(b.effects(t)); (got == 1) != (tc.want == nil) {
				t.Errorf("%d effects", got)
			}
		})
	}
}

func TestWhatIsNoEventIsPutAside(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	g, _ := b.start(t, b.config(b.noting("welcome")))
	bad := b.PublishMessage(t, &nats.Msg{Subject: "clerk." + b.Instance + ".user.user_1.created", Data: []byte("\xff\x00")})
	b.user(t, "msg_1", "created", "user_2")
	b.settled(t)
	l := b.letters(t, g, 1)[0]
	if l.Sequence != bad || l.EventID != "" || l.EntityID != "user_1" || l.Reason != reasonUnreadable || l.Handler != "welcome" {
		t.Errorf("letter %+v", l)
	}
	if got := b.effects(t); fmt.Sprint(got) != fmt.Sprint(map[string]int{"welcome msg_1": 1}) {
		t.Errorf("effects %v", got)
	}
}
