package ingest_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/clerkstream/clerkstream/internal/ingest"
	"github.com/clerkstream/clerkstream/internal/natsserver"
)

// TestEveryAnswer goes through the table of answers: status, code, and whether the stream holds the delivery afterwards. What a broker
// in trouble causes is in broker_test.go.
func TestEveryAnswer(t *testing.T) {
	t.Parallel()
	server := startBroker(t, natsserver.Options{}, "default")
	js := operator(t, server.URL())
	x := ready(t, config(server.URL(), func(c *ingest.Config) {
		c.Limits.BodyBytes = 8 << 10
		c.Instances[0].ClerkID = instanceID
	}))
	drop := func(name string) func(http.Header) { return func(h http.Header) { h.Del(name) } }
	set := func(name, value string) func(http.Header) { return func(h http.Header) { h.Set(name, value) } }
	stale, early := time.Now().Add(-6*time.Minute), time.Now().Add(6*time.Minute)

	for name, c := range map[string]struct {
		delivery delivery
		status   int
		code     string
		stored   int
	}{
		"an event":              {delivery{}, 204, "", 1},
		"path with the name":    {delivery{path: "/webhooks/clerk/default"}, 204, "", 1},
		"a slash too many":      {delivery{path: "/webhooks/clerk/"}, 204, "", 1},
		"unknown type":          {delivery{body: []byte(`{"type":"comet.sighted","data":{"id":"comet_1"},"instance_id":"` + instanceID + `"}`)}, 204, "", 1},
		"no id":                 {delivery{body: []byte(`{"type":"user.updated","data":{},"instance_id":"` + instanceID + `"}`)}, 204, "", 1},
		"id of another form":    {delivery{body: []byte(`{"type":"user.updated","data":{"id":"a.b > *"},"instance_id":"` + instanceID + `"}`)}, 204, "", 1},
		"not JSON":              {delivery{body: []byte("hello")}, 204, "", 1},
		"empty body":            {delivery{body: []byte{}}, 204, "", 1},
		"body at the limit":     {delivery{body: bytes.Repeat([]byte(" "), 8<<10)}, 204, "", 1},
		"body over the limit":   {delivery{body: bytes.Repeat([]byte(" "), 8<<10+1)}, 413, "body_too_large", 0},
		"no svix-id":            {delivery{change: drop("svix-id")}, 401, "signature_missing", 0},
		"no svix-timestamp":     {delivery{change: drop("svix-timestamp")}, 401, "signature_missing", 0},
		"no svix-signature":     {delivery{change: drop("svix-signature")}, 401, "signature_missing", 0},
		"timestamp no number":   {delivery{change: set("svix-timestamp", "today")}, 401, "headers_malformed", 0},
		"dot in the id":         {delivery{id: "msg.1"}, 401, "headers_malformed", 0},
		"id too long":           {delivery{id: strings.Repeat("m", 256)}, 401, "headers_malformed", 0},
		"another secret":        {delivery{secret: secretB}, 401, "signature_mismatch", 0},
		"tampered body":         {delivery{sent: bytes.Replace(small, []byte("Acme"), []byte("Evil"), 1)}, 401, "signature_mismatch", 0},
		"shortened body":        {delivery{sent: small[:len(small)-1]}, 401, "signature_mismatch", 0},
		"another id":            {delivery{change: set("svix-id", "msg_2")}, 401, "signature_mismatch", 0},
		"unknown version":       {delivery{change: func(h http.Header) { h.Set("svix-signature", "v2"+h.Get("svix-signature")[2:]) }}, 401, "signature_mismatch", 0},
		"stale":                 {delivery{at: stale}, 401, "timestamp_too_old", 0},
		"from the future":       {delivery{at: early}, 401, "timestamp_too_new", 0},
		"another environment":   {delivery{body: bytes.Replace(small, []byte(instanceID), []byte("ins_other"), 1)}, 403, "wrong_instance", 0},
		"no environment named":  {delivery{body: []byte(`{"type":"user.deleted","data":{"id":"user_1"}}`)}, 204, "", 1},
		"unknown instance":      {delivery{path: "/webhooks/clerk/staging"}, 404, "instance_unknown", 0},
		"another path":          {delivery{path: "/"}, 404, "not_found", 0},
		"a path that begins so": {delivery{path: "/webhooks/clerks"}, 404, "not_found", 0},
		"a deeper path":         {delivery{path: "/webhooks/clerk/default/more"}, 404, "instance_unknown", 0},
		"a doubled slash":       {delivery{path: "//webhooks/clerk"}, 404, "not_found", 0},
		"GET":                   {delivery{method: http.MethodGet}, 405, "method_not_allowed", 0},
		"PUT":                   {delivery{method: http.MethodPut}, 405, "method_not_allowed", 0},
	} {
		before := len(messages(t, js, "default"))
		if c.delivery.id == "" {
			c.delivery.id = "msg_" + strings.Map(letters, name)
		}
		got := x.send(t, c.delivery)
		expect(t, name, got, c.status, c.code)
		all := messages(t, js, "default")
		if stored := len(all) - before; stored != c.stored {
			t.Errorf("%s: stream grew by %d messages, want %d", name, stored, c.stored)
		}
		if c.status == 204 && !bytes.Equal(all[len(all)-1].Data, bodyOf(c.delivery)) {
			t.Errorf("%s: the stream holds %q", name, all[len(all)-1].Data)
		}
		if c.status == 405 && got.header.Get("Allow") != "POST" {
			t.Errorf("%s: Allow is %q", name, got.header.Get("Allow"))
		}
		// With these Svix would abandon the message or disable the endpoint.
		if v, there := got.header["Webhook-Delivery"]; there {
			t.Errorf("%s: header webhook-delivery: %q", name, v)
		}
	}
}

func TestADuplicateIsAcceptedAndStoredOnce(t *testing.T) {
	t.Parallel()
	server := startBroker(t, natsserver.Options{}, "default")
	js := operator(t, server.URL())
	x := ready(t, config(server.URL()))
	for range 3 { // Svix signs each attempt anew, under the same id
		expect(t, "attempt", x.send(t, delivery{id: "msg_again"}), 204, "")
	}
	expect(t, "another", x.send(t, delivery{id: "msg_other"}), 204, "")
	expectStored(t, js, "default", 2)
	if got := x.metric(t, `deliveries_total{instance="default",outcome="duplicate"}`); got != "2" {
		t.Errorf("duplicates counted: %s, want 2", got)
	}
}

// Behind the duplicate window a late retry is stored again. That is known and harmless: the version gate makes it change nothing.
func TestADuplicateBehindTheWindowIsStoredAgain(t *testing.T) {
	t.Parallel()
	server := startBroker(t, natsserver.Options{})
	js := operator(t, server.URL())
	provisionWindow(t, js, 150*time.Millisecond)
	x := ready(t, config(server.URL()))
	expect(t, "first", x.send(t, delivery{}), 204, "")
	await(t, "the window to pass", func() bool {
		expect(t, "retry", x.send(t, delivery{}), 204, "")
		return len(messages(t, js, "default")) == 2
	})
}

func TestHealthzAnswersOnThePublicAddress(t *testing.T) {
	t.Parallel()
	server := startBroker(t, natsserver.Options{}, "default")
	x := ready(t, config(server.URL()))
	if status, body := x.get(t, "http://"+x.Addr()+"/healthz"); status != 200 || body != "ok\n" {
		t.Errorf("/healthz: %d %q", status, body)
	}
	// What is private stays on the private address.
	for _, path := range []string{"/metrics", "/readyz", "/debug/pprof/"} {
		if status, _ := x.get(t, "http://"+x.Addr()+path); status != 404 {
			t.Errorf("%s on the public address: %d", path, status)
		}
	}
}

func bodyOf(d delivery) []byte {
	if d.body == nil {
		return small
	}
	return d.body
}

func letters(r rune) rune {
	if r == ' ' {
		return '_'
	}
	return r
}
