package ingest_test

import (
	"strings"
	"testing"

	"github.com/clerkstream/clerkstream/internal/ingest"
	"github.com/clerkstream/clerkstream/internal/natsserver"
)

func TestDurabilityBelowWhatIsRequiredIsRefused(t *testing.T) {
	t.Parallel()
	lazy := startBroker(t, natsserver.Options{Monitor: true}, "default")
	careful := startBroker(t, natsserver.Options{Monitor: true, SyncAlways: true}, "default")
	for name, c := range map[string]struct {
		server *natsserver.Server
		change func(*ingest.Config)
		reason string // "" means ready
		fsync  string
	}{
		"nothing required": {lazy, func(c *ingest.Config) { c.MonitorURLs = []string{lazy.MonitorURL()} }, "", "interval"},
		"nothing asked":    {lazy, func(*ingest.Config) {}, "", "unknown"},
		"three replicas":   {careful, func(c *ingest.Config) { c.RequireReplicas = 3 }, "1 replicas, REQUIRE_REPLICAS=3", "unknown"},
		"one replica":      {careful, func(c *ingest.Config) { c.RequireReplicas = 1 }, "", "unknown"},
		"fsync, lazy": {lazy, func(c *ingest.Config) {
			c.RequireFsync, c.MonitorURLs = true, []string{lazy.MonitorURL()}
		}, "fsync is interval", "interval"},
		"fsync, careful": {careful, func(c *ingest.Config) {
			c.RequireFsync, c.MonitorURLs = true, []string{careful.MonitorURL()}
		}, "", "always"},
		"fsync, nobody answers": {careful, func(c *ingest.Config) {
			c.RequireFsync, c.MonitorURLs = true, []string{"http://127.0.0.1:1"}
		}, "fsync is unknown", "unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := run(t, config(c.server.URL(), c.change))
			id := "msg_" + strings.Map(letters, name)
			if c.reason == "" {
				x.awaitReady(t)
				expect(t, "delivery", x.send(t, delivery{id: id}), 204, "")
			} else {
				await(t, "the reason", func() bool {
					status, reasons := x.readyz(t)
					return status == 503 && strings.Contains(reasons, c.reason)
				})
				expect(t, "delivery", x.send(t, delivery{id: id}), 503, "not_ready")
			}
			if got := x.metric(t, `stream_fsync{instance="default",state="`+c.fsync+`"}`); got != "1" {
				t.Errorf("fsync is not shown as %s", c.fsync)
			}
			if got := x.metric(t, `stream_replicas{instance="default"}`); got != "1" {
				t.Errorf("replicas shown as %q", got)
			}
			if !strings.Contains(x.log.String(), `"fsync":"`+c.fsync+`"`) {
				t.Errorf("durability is not in the log:\n%s", x.log)
			}
		})
	}
}

// Once the stream was found right, its loss is an outage, also while it is not durable enough: the process waits for the repair.
func TestALostStreamThatWasNotDurableEnoughIsWaitedFor(t *testing.T) {
	t.Parallel()
	server := startBroker(t, natsserver.Options{}, "default")
	x := run(t, config(server.URL(), func(c *ingest.Config) { c.RequireReplicas = 3 }))
	reason := func(part string) {
		await(t, part, func() bool { _, reasons := x.readyz(t); return strings.Contains(reasons, part) })
	}
	reason("REQUIRE_REPLICAS=3")
	if err := operator(t, server.URL()).DeleteStream(t.Context(), "CLERK_DEFAULT"); err != nil {
		t.Fatal(err)
	}
	reason("stream missing")
}
