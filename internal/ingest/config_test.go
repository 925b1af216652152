package ingest_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/clerkstream/clerkstream/internal/ingest"
	"github.com/clerkstream/clerkstream/internal/settings"
)

func TestEveryWrongSettingStopsTheStart(t *testing.T) {
	t.Parallel()
	secrets := func(s ...string) func(*ingest.Config) {
		return func(c *ingest.Config) { c.Instances[0].Secrets = s }
	}
	second := func(in ingest.Instance) func(*ingest.Config) {
		return func(c *ingest.Config) { c.Instances = append(c.Instances, in) }
	}
	for name, c := range map[string]struct {
		change func(*ingest.Config)
		want   string
	}{
		"no instance":          {func(c *ingest.Config) { c.Instances = nil }, "CLERK_INSTANCE: no instance is named"},
		"instance, a dot":      {func(c *ingest.Config) { c.Instances[0].Name = "a.b" }, `CLERK_INSTANCE: "a.b" is not [a-z0-9]`},
		"instance twice":       {second(ingest.Instance{Name: "default", Secrets: []string{secretB}}), `CLERK_INSTANCES: names "default" twice`},
		"instance, capitals":   {second(ingest.Instance{Name: "DEFAULT", Secrets: []string{secretB}}), `CLERK_INSTANCES: "DEFAULT" is not [a-z0-9]`},
		"no secret":            {secrets(), "CLERK_WEBHOOK_SIGNING_SECRET: is missing"},
		"empty secret":         {secrets(""), "secret 1 has 0 bytes, fewer than 16"},
		"prefix only":          {secrets("whsec_"), "secret 1 has 0 bytes, fewer than 16"},
		"short secret":         {secrets(secretA, "whsec_Zm9vYmFyYmF6"), "secret 2 has 9 bytes, fewer than 16"},
		"secret no base64":     {secrets("whsec_..."), "secret 1 is not whsec_ and base64"},
		"secret of Stripe":     {secrets("sk_test_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), "secret 1 is not whsec_ and base64"},
		"secret twice":         {secrets(secretA, strings.TrimPrefix(secretA, "whsec_")), "secret 2 repeats secret 1"},
		"too many secrets":     {secrets(manySecrets(9)...), "has 9 secrets, at most 8"},
		"secret of another":    {second(ingest.Instance{Name: "prod", Secrets: []string{secretA}, SecretsName: "X_PROD"}), "X_PROD: secret 1 is also one of instance default"},
		"pinned, odd":          {func(c *ingest.Config) { c.Instances[0].ClerkID = "ins 1" }, "CLERK_INSTANCE_ID: of default is not like ins_…"},
		"no broker":            {func(c *ingest.Config) { c.NATS.URL = "" }, "NATS_URL: names no server"},
		"broker no URL":        {func(c *ingest.Config) { c.NATS.URL = "http://x" }, "NATS_URL: server 1 is not a URL"},
		"listen address":       {func(c *ingest.Config) { c.ListenAddr = "8080" }, `LISTEN_ADDR: "8080" is not host:port`},
		"ops address":          {func(c *ingest.Config) { c.OpsAddr = "localhost" }, `OPS_ADDR: "localhost" is not host:port`},
		"monitor no URL":       {func(c *ingest.Config) { c.MonitorURLs = []string{"nats:8222"} }, "NATS_MONITOR_URL: URL 1 is not like http://host:8222"},
		"fsync, no monitor":    {func(c *ingest.Config) { c.RequireFsync = true }, "REQUIRE_FSYNC: needs NATS_MONITOR_URL"},
		"replicas":             {func(c *ingest.Config) { c.RequireReplicas = -1 }, "REQUIRE_REPLICAS: -1 is not between"},
		"body limit":           {func(c *ingest.Config) { c.Limits.BodyBytes = 1 << 30 }, "MAX_BODY_BYTES: 1073741824 is not between"},
		"in flight":            {func(c *ingest.Config) { c.Limits.InFlight = -1 }, "MAX_IN_FLIGHT: -1 is not between"},
		"connections":          {func(c *ingest.Config) { c.Limits.Connections = -1 }, "MAX_CONNECTIONS: -1 is not between"},
		"ack time":             {func(c *ingest.Config) { c.Limits.AckTime = 15 * time.Second }, "ACK_TIMEOUT: 15s is not below"},
		"header time":          {func(c *ingest.Config) { c.Limits.HeaderTime = -1 }, "HEADER_TIMEOUT: -1ns is negative"},
		"write time":           {func(c *ingest.Config) { c.Limits.WriteTime = time.Second }, "WRITE_TIMEOUT: 1s would cut answers off"},
		"credentials file":     {func(c *ingest.Config) { c.NATS.Creds = "/does/not/exist" }, "NATS_CREDS: open /does/not/exist"},
		"certificate of no CA": {func(c *ingest.Config) { c.NATS.CA = "/dev/null" }, "NATS_CA: /dev/null holds no PEM certificate"},
	} {
		s, err := ingest.New(config("nats://127.0.0.1:1", c.change))
		if err == nil {
			s.Close()
			t.Errorf("%s: accepted", name)
			continue
		}
		var wrong *settings.Error
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v\nwant %s", name, err, c.want)
		}
		if strings.Contains(err.Error(), "MfKQ9") || strings.Contains(err.Error(), "Zm9v") {
			t.Errorf("%s: a secret in: %v", name, err)
		}
	}
}

func TestAllWrongSettingsComeInOneMessage(t *testing.T) {
	t.Parallel()
	_, err := ingest.New(config("", func(c *ingest.Config) {
		c.Instances[0].Secrets = []string{"short"}
		c.ListenAddr, c.RequireFsync, c.Limits.AckTime = "nowhere", true, time.Hour
	}))
	if _, ok := errors.AsType[*settings.Error](err); !ok {
		t.Fatal(err)
	}
	for _, name := range []string{"CLERK_WEBHOOK_SIGNING_SECRET", "NATS_URL", "LISTEN_ADDR", "REQUIRE_FSYNC", "ACK_TIMEOUT"} {
		if strings.Count(err.Error(), name+": ") != 1 {
			t.Errorf("%s is not named once in:\n%v", name, err)
		}
	}
}

func manySecrets(n int) (all []string) {
	for i := range n {
		all = append(all, strings.Replace(secretA, "MfKQ", "MfK"+string(rune('A'+i)), 1))
	}
	return all
}
