package ingest_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	svix "github.com/svix/svix-webhooks/go"

	"github.com/clerkstream/clerkstream/internal/ingest"
	"github.com/clerkstream/clerkstream/internal/natsserver"
)

// alias renames the headers as Standard Webhooks calls them.
func alias(h http.Header) {
	for _, name := range []string{"id", "timestamp", "signature"} {
		h.Set("webhook-"+name, h.Get("svix-"+name))
		h.Del("svix-" + name)
	}
}

func TestSecretsRotate(t *testing.T) {
	t.Parallel()
	server := startBroker(t, natsserver.Options{}, "default")
	x := ready(t, config(server.URL(), func(c *ingest.Config) { c.Instances[0].Secrets = []string{secretB, secretA} }))
	expect(t, "new secret", x.send(t, delivery{id: "msg_1", secret: secretB}), 204, "")
	expect(t, "old secret", x.send(t, delivery{id: "msg_2", secret: secretA}), 204, "")
	expect(t, "old secret again", x.send(t, delivery{id: "msg_3", secret: secretA}), 204, "")
	both := func(h http.Header) {
		h.Set("svix-signature", "v1a,AAAA v1,AAAA "+h.Get("svix-signature"))
	}
	expect(t, "several signatures", x.send(t, delivery{id: "msg_4", secret: secretA, change: both}), 204, "")
	for index, want := range []string{"1", "3"} {
		if got := x.metric(t, fmt.Sprintf(`secret_matched_total{index="%d",instance="default"}`, index)); got != want {
			t.Errorf("secret %d matched %s times, want %s", index, got, want)
		}
	}
}

func TestWebhookAliasesOfTheHeaders(t *testing.T) {
	t.Parallel()
	server := startBroker(t, natsserver.Options{}, "default")
	js := operator(t, server.URL())
	x := ready(t, config(server.URL()))
	expect(t, "aliases", x.send(t, delivery{id: "msg_alias", change: alias}), 204, "")
	expect(t, "aliases, forged", x.send(t, delivery{secret: secretB, change: alias}), 401, "signature_mismatch")
	all := messages(t, js, "default")
	if len(all) != 1 || all[0].Header.Get("ce-id") != "msg_alias" {
		t.Errorf("stored %d messages: %v", len(all), all)
	}
}

// An unsigned svix-id beside three signed webhook-* headers must not become the event's id: with a fresh one each time, one observed
// delivery could be appended as many events.
func TestAnUnsignedIDIsNotTheEventsID(t *testing.T) {
	t.Parallel()
	server := startBroker(t, natsserver.Options{}, "default")
	js := operator(t, server.URL())
	x := ready(t, config(server.URL()))
	for i := range 3 {
		smuggle := func(h http.Header) { alias(h); h.Set("svix-id", fmt.Sprintf("msg_fresh_%d", i)) }
		expect(t, "smuggled", x.send(t, delivery{id: "msg_signed", change: smuggle}), 204, "")
	}
	all := messages(t, js, "default")
	if len(all) != 1 || all[0].Header.Get("ce-id") != "msg_signed" {
		t.Errorf("stored %d messages: %v", len(all), all)
	}
}

// The guard against empty secrets is needed: the library itself takes what is signed with the empty key. This is the negative control.
func TestTheLibraryVerifiesAForgeryUnderAnEmptySecret(t *testing.T) {
	t.Parallel()
	now := time.Now()
	h := http.Header{}
	h.Set("svix-id", "msg_1")
	h.Set("svix-timestamp", fmt.Sprint(now.Unix()))
	h.Set("svix-signature", sign(t, "", "msg_1", now, small))
	w, err := svix.NewWebhook("")
	if err != nil {
		t.Skipf("the library now refuses an empty secret by itself: %v", err)
	}
	if err := w.Verify(small, h); err != nil {
		t.Skipf("the library now refuses the forgery by itself: %v", err)
	}
	if _, err := ingest.New(config("nats://127.0.0.1:1", func(c *ingest.Config) { c.Instances[0].Secrets = []string{""} })); err == nil {
		t.Error("ingest starts with an empty secret")
	}
}
