package ingest_test

import (
	"bytes"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/internal/ingest"
	"github.com/clerkstream/clerkstream/internal/natsserver"
)

func TestWhatLiesOnTheStreamIsWhatWasSigned(t *testing.T) {
	t.Parallel()
	server := startBroker(t, natsserver.Options{}, "default")
	js := operator(t, server.URL())
	received := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	x := ready(t, config(server.URL(), func(c *ingest.Config) { c.Now = func() time.Time { return received } }))
	const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	expect(t, "delivery", x.send(t, delivery{id: "msg_1", change: func(h http.Header) { h.Set("traceparent", trace) }}), 204, "")

	m := messages(t, js, "default")[0]
	if m.Subject != smallSubject {
		t.Errorf("subject %s, want %s", m.Subject, smallSubject)
	}
	if !bytes.Equal(m.Data, small) {
		t.Errorf("body %s\nwant %s", m.Data, small)
	}
	want, _ := events.New(events.Intake{
		ID: "msg_1", Instance: "default", Source: events.SourceWebhook, Received: received, TraceParent: trace,
	}, small)
	header := want.Header()
	header["Nats-Expected-Stream"] = []string{"CLERK_DEFAULT"}
	for name := range m.Header {
		// A direct get adds where the message lies.
		if _, ours := header[name]; !ours && !strings.HasPrefix(name, "Nats-") {
			t.Errorf("one header too many: %s", name)
		}
	}
	for name := range header {
		if got := m.Header.Get(name); got != header.Get(name) {
			t.Errorf("header %s is %q, want %q", name, got, header.Get(name))
		}
	}
	if header.Get(events.HeaderMessageID) != "default:msg_1" {
		t.Errorf("%s is %q", events.HeaderMessageID, header.Get(events.HeaderMessageID))
	}
}

func TestCredentialsNeverReachTheStream(t *testing.T) {
	t.Parallel()
	server := startBroker(t, natsserver.Options{}, "default")
	js := operator(t, server.URL())
	for _, keep := range []bool{false, true} {
		x := ready(t, config(server.URL(), func(c *ingest.Config) { c.KeepPrivateMetadata = keep }))
		body := []byte(`{"type":"email.created","data":{"id":"ema_1","body":"code 424242","otp_code":"424242","private_metadata":{"note":"hush"}}}`)
		expect(t, "delivery", x.send(t, delivery{id: map[bool]string{false: "msg_1", true: "msg_2"}[keep], body: body}), 204, "")
		all := messages(t, js, "default")
		m := all[len(all)-1]
		if bytes.Contains(m.Data, []byte("424242")) {
			t.Errorf("a one-time code on the stream: %s", m.Data)
		}
		if kept := bytes.Contains(m.Data, []byte("hush")); kept != keep {
			t.Errorf("private metadata kept: %v, want %v", kept, keep)
		}
		if m.Header.Get(events.HeaderBlanked) == "" || m.Header.Get(events.HeaderTTL) == "" {
			t.Errorf("no list of blanked values, or no TTL: %v", m.Header)
		}
	}
}

func TestWhatHasNoEntityIsStoredWithItsReason(t *testing.T) {
	t.Parallel()
	server := startBroker(t, natsserver.Options{}, "default")
	js := operator(t, server.URL())
	x := ready(t, config(server.URL()))
	for id, c := range map[string]struct{ body, reason string }{
		"msg_text":   {`hello`, "not_json"},
		"msg_list":   {`[]`, "not_object"},
		"msg_typed":  {`{"data":{"id":"user_1"}}`, "no_type"},
		"msg_form":   {`{"type":"a b","data":{"id":"user_1"}}`, "type_form"},
		"msg_noid":   {`{"type":"user.updated","data":{}}`, "no_id"},
		"msg_idform": {`{"type":"user.updated","data":{"id":"a.>"}}`, "id_form"},
	} {
		expect(t, id, x.send(t, delivery{id: id, body: []byte(c.body)}), 204, "")
		all := messages(t, js, "default")
		m := all[len(all)-1]
		if !strings.HasPrefix(m.Subject, "clerk.default.unrouted.") || m.Header.Get(events.HeaderUnrouted) != c.reason || string(m.Data) != c.body {
			t.Errorf("%s: on %s with reason %q: %s", id, m.Subject, m.Header.Get(events.HeaderUnrouted), m.Data)
		}
		if got := x.metric(t, `unrouted_total{instance="default",reason="`+c.reason+`"}`); got != "1" {
			t.Errorf("%s: counted %q", c.reason, got)
		}
	}
}

func TestAnEventWithoutTraceBeginsOne(t *testing.T) {
	t.Parallel()
	server := startBroker(t, natsserver.Options{}, "default")
	js := operator(t, server.URL())
	x := ready(t, config(server.URL()))
	form := regexp.MustCompile(`^00-[0-9a-f]{32}-[0-9a-f]{16}-00$`)
	seen := map[string]bool{}
	for id, incoming := range map[string]string{
		"msg_none":    "",
		"msg_zero":    "00-00000000000000000000000000000000-b7ad6b7169203331-01",
		"msg_nospan":  "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
		"msg_upper":   "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
		"msg_short":   "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
		"msg_version": "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		"msg_longer":  "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
	} {
		expect(t, id, x.send(t, delivery{id: id, change: func(h http.Header) { h.Set("traceparent", incoming) }}), 204, "")
		all := messages(t, js, "default")
		got := all[len(all)-1].Header.Get("traceparent")
		if !form.MatchString(got) || got == incoming || seen[got] {
			t.Errorf("%s: traceparent %q", id, got)
		}
		seen[got] = true
	}
	const future = "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more"
	expect(t, "version 01", x.send(t, delivery{id: "msg_future", change: func(h http.Header) { h.Set("traceparent", future) }}), 204, "")
	all := messages(t, js, "default")
	if got, want := all[len(all)-1].Header.Get("traceparent"), "00"+future[2:55]; got != want {
		t.Errorf("a later version's traceparent became %q, want %q", got, want)
	}
}
