package ingest_test

import (
	"bytes"
	"testing"

	"github.com/clerkstream/clerkstream/internal/ingest"
	"github.com/clerkstream/clerkstream/internal/natsserver"
)

func TestSeveralInstancesKeepApart(t *testing.T) {
	t.Parallel()
	server := startBroker(t, natsserver.Options{}, "prod", "staging-eu")
	js := operator(t, server.URL())
	x := ready(t, config(server.URL(), func(c *ingest.Config) {
		c.Instances = []ingest.Instance{
			{Name: "prod", Secrets: []string{secretA}, ClerkID: instanceID},
			{Name: "staging-eu", Secrets: []string{secretB}},
		}
	}))
	expect(t, "prod", x.send(t, delivery{path: "/webhooks/clerk/prod"}), 204, "")
	// The same svix-id in another instance is another event.
	expect(t, "staging", x.send(t, delivery{path: "/webhooks/clerk/staging-eu", secret: secretB}), 204, "")
	expect(t, "without a name", x.send(t, delivery{}), 404, "instance_unknown")
	expect(t, "prod's secret for staging", x.send(t, delivery{path: "/webhooks/clerk/staging-eu"}), 401, "signature_mismatch")
	expectStored(t, js, "prod", 1)
	expectStored(t, js, "staging-eu", 1)
	if got := messages(t, js, "staging-eu")[0].Subject; got != "clerk.staging-eu.organization.org_29w9IfBrPmcpi0IeBVaKtA7R94W.updated" {
		t.Errorf("subject %s", got)
	}
}

func TestPinnedInstance(t *testing.T) {
	t.Parallel()
	server := startBroker(t, natsserver.Options{}, "default")
	js := operator(t, server.URL())
	other := bytes.Replace(small, []byte(instanceID), []byte("ins_other"), 1)
	old := []byte(`{"type":"user.deleted","data":{"id":"user_1"}}`)

	pinned := ready(t, config(server.URL(), func(c *ingest.Config) { c.Instances[0].ClerkID = instanceID }))
	expect(t, "its own", pinned.send(t, delivery{id: "msg_1"}), 204, "")
	expect(t, "another's", pinned.send(t, delivery{id: "msg_2", body: other}), 403, "wrong_instance")
	expect(t, "nobody's", pinned.send(t, delivery{id: "msg_3", body: old}), 204, "")
	expectStored(t, js, "default", 2)
	if got := pinned.metric(t, `instance_id_missing_total{instance="default"}`); got != "1" {
		t.Errorf("missing instance_id counted %s times, want 1", got)
	}
	// The guard is what refuses: without it the same delivery is stored.
	open := ready(t, config(server.URL()))
	expect(t, "another's, not pinned", open.send(t, delivery{id: "msg_2", body: other}), 204, "")
	expectStored(t, js, "default", 3)
}
