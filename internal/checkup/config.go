package checkup

import (
	"net/http"
	"time"

	"github.com/clerkstream/clerkstream/internal/settings"
)

// Config says what there is to look at. Whatever is left out is skipped, and its line says how to have it looked at. In parentheses: the setting.
type Config struct {
	// Instance is the Clerk environment (CLERK_INSTANCE). Required.
	Instance string
	// ClerkID pins it (CLERK_INSTANCE_ID, ins_…). Empty: compared with the newest messages of the stream.
	ClerkID string
	// WebhookSecrets are those that ingest has (CLERK_WEBHOOK_SIGNING_SECRET).
	WebhookSecrets []string
	// WebhookURL is the endpoint as Clerk's dashboard has it (CLERK_WEBHOOK_URL). It is asked with a GET, which no ingest takes for a delivery.
	WebhookURL string
	// IngestURLs are the private addresses of every ingest (INGEST_OPS_URL, http://host:9090).
	IngestURLs []string
	// SecretKey and APIURL lead to the Backend API (CLERK_SECRET_KEY, CLERK_API_URL). The key is used for one request.
	SecretKey, APIURL string
	// NATS leads to the broker (NATS_URL …), as any user that may read the stream's information; Inbox is the prefix of the replies that it may hear. Empty:
	// that of deploy/nats for a user of this name.
	NATS  *settings.NATS
	Inbox string
	// MonitorURLs are the monitoring endpoints of all the broker's servers (NATS_MONITOR_URL).
	MonitorURLs []string
	// DatabaseURL is a service's database (DATABASE_URL), as any login of clerkstream_reader.
	DatabaseURL string
	// Within bounds each check. Default 10 s.
	Within time.Duration
	HTTP   *http.Client
	// Now is this machine's clock. Default time.Now.
	Now func() time.Time
}

// The limits past which something is worth a line. They are those of the runbook in docs/operations.md.
const (
	// skewWorth: Clerk's Date header has full seconds. Between two clocks that are further apart, an object read from the API may count for newer than the
	// webhook that overtook it.
	skewWorth = 2 * time.Second
	// skewFatal leaves time to act before Svix' five minutes, past which every delivery is refused.
	skewFatal = time.Minute
	// lagWorth and lagFatal are how long the oldest message that is not in the read model has been waiting.
	lagWorth, lagFatal = 10 * time.Second, 5 * time.Minute
	// Whoever holds the lock writes a heartbeat every 5 s: three of them missed say that a verb is done, a minute that the watch is dead.
	heartbeatLate, heartbeatFatal = 15 * time.Second, time.Minute
	// reconcileWorth: every kind is walked in full each night.
	reconcileWorth = 50 * time.Hour
)

func (c Config) withDefaults() Config {
	if c.Within <= 0 {
		c.Within = 10 * time.Second
	}
	if c.HTTP == nil {
		c.HTTP = &http.Client{Transport: &http.Transport{DisableKeepAlives: true, Proxy: http.ProxyFromEnvironment}}
	}
	// A redirect is an answer of its own: Svix follows none.
	client := *c.HTTP
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.HTTP = &client
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}
