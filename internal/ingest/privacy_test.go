package ingest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/clerkstream/clerkstream/internal/ingest"
	"github.com/clerkstream/clerkstream/internal/natsserver"
)

// At the most talkative level, through every kind of outcome, neither log nor metrics hold a secret, a body, an e-mail address or a
// client's address.
func TestNothingPersonalInLogsAndMetrics(t *testing.T) {
	t.Parallel()
	server := startBroker(t, natsserver.Options{}, "default")
	withPassword := strings.Replace(server.URL(), "://", "://someone:hunter2@", 1) // the server asks for none and takes any
	x := ready(t, config(withPassword, func(c *ingest.Config) {
		c.Instances[0].ClerkID, c.Limits.BodyBytes = instanceID, 16<<10
	}))
	email := []byte(`{"type":"email.created","data":{"id":"ema_1","to_email_address":"bob@example.net","body":"your code is 424242"},"instance_id":"` + instanceID + `"}`)
	tainted := func(h http.Header) { h.Set("X-Forwarded-For", "198.51.100.7"); h.Set("svix-signature", "v1,c2VjcmV0") }
	for _, d := range []delivery{
		{id: "msg_1", body: userBody}, {id: "msg_1", body: userBody}, {id: "msg_2", body: email},
		{secret: secretB}, {change: tainted}, {id: "carol@example.com"}, {id: "carol@localhost", secret: secretB}, {path: "/webhooks/clerk/dave@example.org"}, {method: "GET"},
		{id: "msg_3", body: []byte(`{"type":"erin@example.org","data":{}}`)}, {body: []byte(strings.Repeat("frank@example.org", 2<<10))},
		{id: "msg_4", body: []byte(`{"instance_id":"gina@example.org"}`)},
	} {
		x.send(t, d)
	}
	begin(t, x, halfRequest).Close()
	begin(t, x, "nonsense\r\n\r\n").Close()
	await(t, "the hang-up", func() bool {
		return x.metric(t, `deliveries_total{instance="default",outcome="client_gone"}`) == "1"
	})
	server.Stop()
	await(t, "unready", func() bool { status, _ := x.readyz(t); return status == 503 })
	x.send(t, delivery{id: "msg_5", body: userBody})

	_, metrics := x.get(t, "http://"+x.OpsAddr()+"/metrics")
	_, reasons := x.readyz(t)
	log := x.log.String()
	for _, want := range []string{"msg_1", "email.created", "signature_mismatch", "wrong_instance", "broker_unavailable"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log does not speak of %q, so it proves nothing", want)
		}
	}
	for what, text := range map[string]string{"log": log, "metrics": metrics, "readyz": reasons} {
		for _, hush := range []string{
			secretA[6:], secretB[6:], "hunter2", "c2VjcmV0", "424242", "Lovelace", "198.51.100.7", "192.0.2.7",
			"ada@", "bob@", "carol@", "dave@", "erin@", "frank@", "gina@",
		} {
			if i := strings.Index(text, hush); i >= 0 {
				t.Errorf("%q in the %s: …%s…", hush, what, text[max(0, i-120):min(len(text), i+60)])
			}
		}
	}
}
