package events_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clerkstream/clerkstream/events"
)

// asked is when the request of every observation here began: a second before it is taken in.
var asked = received.Add(-time.Second)

const ada = `{"id":"user_1","first_name":"Ada","private_metadata":{"note":"x"},"updated_at":1788256800000}`

func observed(data string) events.Observed {
	return events.Observed{Object: "user", Verb: "updated", EntityID: "user_1", Data: []byte(data), At: asked, ClerkInstance: "ins_1"}
}

func observing() events.Intake {
	return events.Intake{Instance: "prod", Source: events.SourceReconcile, Received: received}
}

// event is the observed event, with each change made to a copy of o.
func observe(tb testing.TB, o events.Observed, changes ...func(*events.Observed)) events.Event {
	tb.Helper()
	for _, change := range changes {
		change(&o)
	}
	e, err := o.Event(observing())
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

func TestAnObjectOfTheAPIBecomesAnOrdinaryEvent(t *testing.T) {
	t.Parallel()
	e := observe(t, observed(ada))
	const body = `{"data":{"id":"user_1","first_name":"Ada","private_metadata":null,"updated_at":1788256800000},` +
		`"object":"event","type":"user.updated","timestamp":1788429599000,"instance_id":"ins_1"}`
	if string(e.Body) != body {
		t.Errorf("its body is\n%s, not\n%s", e.Body, body)
	}
	if e.Subject() != "clerk.prod.user.user_1.updated" || e.Source != events.SourceReconcile || !e.Time.Equal(asked) || !e.Received.Equal(received) {
		t.Errorf("%s from %s at %s, received %s", e.Subject(), e.Source, e.Time, e.Received)
	}
	if diff := cmp.Diff([]string{"/data/private_metadata"}, e.Blanked); diff != "" {
		t.Error(diff)
	}
	read, err := events.FromMessage(e.Subject(), overTheWire(t, e.Header()), e.Body)
	if diff := cmp.Diff(e, read); err != nil || diff != "" {
		t.Errorf("after the stream: %v\n%s", err, diff)
	}
	typed, err := events.Typed(&e)
	if user, ok := typed.(*events.UserUpdated); err != nil || !ok || user.Data.FirstName != "Ada" {
		t.Errorf("it reads as %T: %v", typed, err)
	}
}

func TestWhatIsGoneBecomesATombstoneOfClerksForm(t *testing.T) {
	t.Parallel()
	e := observe(t, events.Observed{Object: "organizationMembership", Verb: "deleted", EntityID: "orgmem_1", At: asked})
	if want := `{"data":{"object":"organization_membership","id":"orgmem_1","deleted":true},"object":"event","type":"organizationMembership.deleted","timestamp":1788429599000}`; string(e.Body) != want {
		t.Errorf("its body is\n%s, not\n%s", e.Body, want)
	}
	late := takeBody([]byte(`{"type":"organizationMembership.updated","timestamp":1900000000000,"data":{"id":"orgmem_1","updated_at":1900000000000}}`))
	if !e.Version.Deleted() || late.Version >= e.Version {
		t.Errorf("%s is not final", e.Version)
	}
}

// The id is what makes a repeated walk silent and a repeated repair loud.
func TestTheIDIsMadeOfWhatIsSaidAndWhatItReplaces(t *testing.T) {
	t.Parallel()
	base := observed(ada)
	base.Replaces = "0000.0.001788256800000.001788256800001.02.msg_1"
	id := observe(t, base).ID
	for name, change := range map[string]func(*events.Observed){
		"another moment":                   func(o *events.Observed) { o.At = o.At.Add(-time.Hour) },
		"what is blanked":                  func(o *events.Observed) { o.Data = []byte(strings.Replace(ada, `"x"`, `"y"`, 1)) },
		"an unknown name of Clerk's world": func(o *events.Observed) { o.ClerkInstance = "" },
	} {
		if e := observe(t, base, change); e.ID != id || !events.SameObserved(e.ID, id) {
			t.Errorf("%s makes another event", name)
		}
	}
	for name, tc := range map[string]struct {
		change func(*events.Observed)
		same   bool // says the same of the entity
	}{
		"another value":         {func(o *events.Observed) { o.Data = []byte(strings.Replace(ada, "Ada", "Eda", 1)) }, false},
		"another verb":          {func(o *events.Observed) { o.Verb = "created" }, false},
		"another object":        {func(o *events.Observed) { o.Object = "role" }, false},
		"another epoch":         {func(o *events.Observed) { o.Epoch = 1 }, false},
		"a row tampered again":  {func(o *events.Observed) { o.Replaces = events.Version(id) }, true},
		"no row":                {func(o *events.Observed) { o.Replaces = "" }, true},
		"published once before": {func(o *events.Observed) { o.Again = true }, true},
		"published twice before": {func(o *events.Observed) {
			o.Again, o.At = true, o.At.Add(time.Millisecond)
		}, true},
	} {
		e := observe(t, base, tc.change)
		if e.ID == id || events.SameObserved(e.ID, id) != tc.same {
			t.Errorf("%s: %s and %s", name, e.ID, id)
		}
	}
	once, twice := observe(t, base, func(o *events.Observed) { o.Again = true }), observe(t, base, func(o *events.Observed) { o.Again, o.At = true, o.At.Add(1e6) })
	if once.ID == twice.ID {
		t.Error("a second repetition has the id of the first")
	}
	if events.SameObserved("msg_1", "msg_1") || events.SameObserved("", "") || events.SameObserved(id, "msg_1") {
		t.Error("a webhook says the same as an observation")
	}
	kept := observing()
	kept.KeepPrivateMetadata = true
	if e, err := base.Event(kept); err != nil || e.ID == id {
		t.Errorf("what is kept is no part of the id: %v", err)
	}
}

func TestAnObservationLosesToWhateverHappenedSince(t *testing.T) {
	t.Parallel()
	at := func(d time.Duration) func(*events.Observed) { return func(o *events.Observed) { o.At = o.At.Add(d) } }
	base := observed(ada)
	now := observe(t, base).Version
	if later := observe(t, base, at(time.Second)).Version; later <= now {
		t.Errorf("with updated_at unmoved the later observation loses: %s, %s", later, now)
	}
	webhook := takeBody([]byte(`{"type":"user.updated","timestamp":1788429599500,"data":{"id":"user_1","updated_at":1788429599400}}`)).Version
	if webhook <= now {
		t.Errorf("a webhook from within the request loses: %s, %s", webhook, now)
	}
	before := takeBody([]byte(`{"type":"user.updated","timestamp":1788429598000,"data":{"id":"user_1","updated_at":1788256800000}}`)).Version
	if before >= now {
		t.Errorf("what was said of the same state before wins: %s, %s", before, now)
	}
	restored := observe(t, base, func(o *events.Observed) { o.Epoch = 1 })
	tombstone := takeBody([]byte(`{"type":"user.deleted","timestamp":1788429599500,"data":{"id":"user_1"}}`)).Version
	if now >= tombstone || restored.Version <= tombstone {
		t.Error("only an epoch lifts a tombstone")
	}
	if next := observe(t, base, at(time.Second), func(o *events.Observed) { o.Replaces = restored.Version }).Version; next <= restored.Version {
		t.Errorf("what replaces a restored row loses to it: %s", next)
	}
}

func TestWhatCannotBeAnEventIsRefusedWithoutAWordOfItsContent(t *testing.T) {
	t.Parallel()
	const secret = "ada@x.example"
	with := func(change func(*events.Observed)) events.Observed {
		o := observed(ada)
		change(&o)
		return o
	}
	data := observed
	for name, o := range map[string]events.Observed{
		"no data":             data(``),
		"blanks":              data(`   `),
		"broken":              data(`{"id":"user_1","email":"` + secret + `"`),
		"an array":            data(`["` + secret + `"]`),
		"a text":              data(`"` + secret + `"`),
		"null":                data(`null`),
		"out of its braces":   data(`{"id":"user_1"},"type":"user.deleted","data":{"id":"user_1"}`),
		"two":                 data(`{"id":"user_1"} {"id":"user_1"}`),
		"no id":               data(`{"email":"` + secret + `"}`),
		"a number for an id":  data(`{"id":1}`),
		"another id":          data(`{"id":"user_2","email":"` + secret + `"}`),
		"another id, twice":   data(`{"id":"user_1","id":"user_2"}`),
		"clocks ahead":        data(`{"id":"user_1","updated_at":1888256800000}`),
		"an address for both": with(func(o *events.Observed) { o.EntityID, o.Data = secret, []byte(`{"id":"`+secret+`"}`) }),
		"an odd object":       with(func(o *events.Observed) { o.Object = secret }),
		"an unknown verb":     with(func(o *events.Observed) { o.Verb = "greeted" }),
		"no time":             with(func(o *events.Observed) { o.At = time.Time{} }),
		"a time in seconds":   with(func(o *events.Observed) { o.At = time.UnixMilli(1788429599) }),
		"an odd instance":     with(func(o *events.Observed) { o.ClerkInstance = `"` + secret }),
		"an epoch below":      with(func(o *events.Observed) { o.Epoch = -1 }),
		"an epoch beyond":     with(func(o *events.Observed) { o.Epoch = 10_000 }),
	} {
		_, err := o.Event(observing())
		if !errors.Is(err, events.ErrUnobservable) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, in := range map[string]events.Intake{
		"a webhook":   {Instance: "prod", Source: events.SourceWebhook},
		"no source":   {Instance: "prod"},
		"no instance": {Source: events.SourceHydrate},
	} {
		o := observed(ada)
		if _, err := o.Event(in); !errors.Is(err, events.ErrUnobservable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestADirectorysKeyNeverReachesTheStream(t *testing.T) {
	t.Parallel()
	const data = `{"id":"scimdir_1","api_key":"ak_secret","custom_attributes":[{"key":"department"}]}`
	e := observe(t, events.Observed{Object: "scimDirectory", Verb: "updated", EntityID: "scimdir_1", Data: []byte(data), At: asked})
	if strings.Contains(string(e.Body), "ak_secret") || !strings.Contains(string(e.Body), "department") {
		t.Errorf("%s", e.Body)
	}
	// The name alone is no credential: a user's metadata may have it.
	if e := takeBody([]byte(`{"type":"user.updated","data":{"id":"user_1","public_metadata":{"api_key":"mine"}}}`)); len(e.Blanked) != 0 {
		t.Errorf("blanked %v", e.Blanked)
	}
}

// TestARankThatJoinsTheListIsTheOneItHad: versions are stored, in rows and on the stream.
func TestARankThatJoinsTheListIsTheOneItHad(t *testing.T) {
	t.Parallel()
	for _, typ := range []string{
		"organizationInvitation.expired", "organizationInvitation.deleted", "waitlistEntry.deleted", "subscription.deleted", "subscriptionItem.deleted",
		"roleSet.updated", "roleSet.deleted", "scimDirectory.updated", "scimDirectory.deleted",
	} {
		object, verb, _ := events.SplitType(typ)
		if !events.CarriesState(object, verb) || events.Rank(object, verb) != events.Rank("neverListed", verb) {
			t.Errorf("%s carries state %t with rank %d", typ, events.CarriesState(object, verb), events.Rank(object, verb))
		}
	}
}

// FuzzObserved: no answer of the API makes an observation panic, speak of its content, or become an event of another entity; and what it becomes is an
// event like any other, with the answer in its body byte for byte but for what is blanked.
func FuzzObserved(f *testing.F) {
	addSamples(f, func(body []byte) {
		var parts struct{ Data json.RawMessage }
		if json.Unmarshal(body, &parts) == nil {
			f.Add("user_3BNOdC6diU0mj4ZzRupOdo04Sis", []byte(parts.Data), int64(1788429599000), "")
		}
	})
	f.Add("user_1", []byte(`{"id":"user_1"},"type":"a.b","data":{"id":"user_1"}`), int64(1), "0001.1.001788256800000.001788256800001.99.msg_1")
	f.Fuzz(func(t *testing.T, id string, data []byte, at int64, replaces string) {
		o := events.Observed{Object: "user", Verb: "updated", EntityID: id, Data: data, At: time.UnixMilli(at), Replaces: events.Version(replaces)}
		e, err := o.Event(observing())
		if err != nil {
			if text := err.Error(); len(text) > 400 || !errors.Is(err, events.ErrUnobservable) || !events.IsToken(id) && len(id) > 12 && strings.Contains(text, id) {
				t.Fatalf("%q", text)
			}
			return
		}
		if e.EntityID != id || e.Subject() != "clerk.prod.user."+id+".updated" || !json.Valid(e.Body) {
			t.Fatalf("%s of %q:\n%s", e.Subject(), id, e.Body)
		}
		if len(e.Blanked) == 0 && !strings.HasPrefix(string(e.Body), `{"data":`+string(data)+`,"object":"event"`) {
			t.Fatalf("%s is not\n%s", data, e.Body)
		}
		if again, err := o.Event(observing()); err != nil || again.ID != e.ID || again.Version != e.Version {
			t.Fatalf("once %s, again %s (%v)", e.ID, again.ID, err)
		}
		read, err := events.FromMessage(e.Subject(), overTheWire(t, e.Header()), e.Body)
		if diff := cmp.Diff(e, read); err != nil || diff != "" {
			t.Fatalf("after the stream: %v\n%s", err, diff)
		}
	})
}
