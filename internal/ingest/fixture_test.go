package ingest_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
	"github.com/clerkstream/clerkstream/internal/ingest"
	"github.com/clerkstream/clerkstream/internal/natsserver"
	"github.com/clerkstream/clerkstream/internal/settings"
	"github.com/clerkstream/clerkstream/internal/testkit/syncbuffer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Two secrets as Svix makes them: whsec_ and 24 bytes.
const (
	secretA = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	secretB = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
)

// startBroker runs a nats-server with the streams of the instances.
func startBroker(t testing.TB, o natsserver.Options, instances ...string) *natsserver.Server {
	t.Helper()
	server, err := natsserver.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	if len(instances) > 0 {
		js := operator(t, server.URL())
		for _, name := range instances {
			provision(t, js, name)
		}
	}
	return server
}

func provision(t testing.TB, js jetstream.JetStream, instance string) {
	t.Helper()
	if _, err := broker.Provision(t.Context(), js, instance, broker.Settings{}); err != nil {
		t.Fatal(err)
	}
}

func provisionWindow(t testing.TB, js jetstream.JetStream, window time.Duration) {
	t.Helper()
	if _, err := broker.Provision(t.Context(), js, "default", broker.Settings{DuplicateWindow: window}); err != nil {
		t.Fatal(err)
	}
}

// operator is a connection beside the ingest's own.
func operator(t testing.TB, url string, o ...nats.Option) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect(url, append(o, nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// target is a running ingest.
type target struct {
	*ingest.Server
	log    *syncbuffer.Buffer
	client *http.Client
	stop   context.CancelFunc
	ended  chan struct{} // closed when Run has returned
	err    error         // what it returned
}

// config is a complete one on free ports; change alters it.
func config(url string, change ...func(*ingest.Config)) ingest.Config {
	c := ingest.Config{
		ListenAddr: "127.0.0.1:0", OpsAddr: "127.0.0.1:0", NATS: settings.NATS{URL: url},
		Instances: []ingest.Instance{{Name: "default", Secrets: []string{secretA}}},
	}
	for _, f := range change {
		f(&c)
	}
	return c
}

// run starts an ingest and, when the test ends, stops it and expects a clean end.
func run(t testing.TB, c ingest.Config) *target {
	t.Helper()
	x := &target{log: &syncbuffer.Buffer{}, ended: make(chan struct{}), client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	if c.Log == nil {
		c.Log = slog.New(slog.NewJSONHandler(x.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	var err error
	if x.Server, err = ingest.New(c); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	x.stop = cancel
	go func() {
		defer close(x.ended)
		x.err = x.Run(ctx)
	}()
	t.Cleanup(func() {
		x.client.CloseIdleConnections()
		x.stop()
		<-x.ended
		if x.err != nil {
			t.Errorf("ingest ended with: %v", x.err)
		}
		if t.Failed() {
			t.Logf("log of ingest:\n%s", x.log)
		}
	})
	return x
}

// ready runs an ingest and waits until it is.
func ready(t testing.TB, c ingest.Config) *target {
	t.Helper()
	x := run(t, c)
	x.awaitReady(t)
	return x
}

func (x *target) awaitReady(t testing.TB) {
	t.Helper()
	await(t, "ready", func() bool { status, _ := x.readyz(t); return status == http.StatusOK })
}

func (x *target) readyz(t testing.TB) (status int, reasons string) {
	t.Helper()
	return x.get(t, "http://"+x.OpsAddr()+"/readyz")
}

// metric is the value of a line of /metrics, or "" when there is none.
func (x *target) metric(t testing.TB, line string) string {
	t.Helper()
	_, all := x.get(t, "http://"+x.OpsAddr()+"/metrics")
	for l := range strings.Lines(all) {
		if value, ok := strings.CutPrefix(l, "clerkstream_ingest_"+line+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func (x *target) get(t testing.TB, url string) (int, string) {
	t.Helper()
	r, err := x.client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(body)
}

// delivery is what a test sends. The zero value of each field is the usual.
type delivery struct {
	method, path string
	id           string
	secret       string
	at           time.Time
	body         []byte // signed
	sent         []byte // if another than the signed one
	change       func(http.Header)
}

// reply is what came back.
type reply struct {
	status int
	code   string
	header http.Header
}

// send signs and delivers.
func (x *target) send(t testing.TB, d delivery) reply {
	t.Helper()
	r, err := x.client.Do(x.request(t, d))
	if err != nil {
		t.Fatal(err)
	}
	return readReply(t, r)
}

func (x *target) request(t testing.TB, d delivery) *http.Request {
	t.Helper()
	or(&d.method, http.MethodPost)
	or(&d.path, "/webhooks/clerk")
	or(&d.id, "msg_2cXVx0k1dDPyQPVg4IFXFUqcGJd")
	or(&d.secret, secretA)
	or(&d.at, time.Now())
	if d.body == nil {
		d.body = small
	}
	if d.sent == nil {
		d.sent = d.body
	}
	r, err := http.NewRequestWithContext(t.Context(), d.method, "http://"+x.Addr()+d.path, bytes.NewReader(d.sent))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("svix-id", d.id)
	r.Header.Set("svix-timestamp", strconv.FormatInt(d.at.Unix(), 10))
	r.Header.Set("svix-signature", sign(t, d.secret, d.id, d.at, d.body))
	if d.change != nil {
		d.change(r.Header)
	}
	return r
}

func readReply(t testing.TB, r *http.Response) reply {
	t.Helper()
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	if len(body) == 0 {
		return reply{status: r.StatusCode, header: r.Header}
	}
	var refusal struct{ Code string }
	if err := json.Unmarshal(body, &refusal); err != nil {
		t.Fatalf("body of a %d is not JSON: %q", r.StatusCode, body)
	}
	return reply{r.StatusCode, refusal.Code, r.Header}
}

// sign is Svix's scheme written down from its documentation, not the library under test.
func sign(t testing.TB, secret, id string, at time.Time, body []byte) string {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + strconv.FormatInt(at.Unix(), 10) + "."))
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// messages are all that lie on an instance's stream.
func messages(t testing.TB, js jetstream.JetStream, instance string) []*jetstream.RawStreamMsg {
	t.Helper()
	stream, err := js.Stream(t.Context(), broker.StreamName(instance))
	if err != nil {
		t.Fatal(err)
	}
	info := stream.CachedInfo()
	var all []*jetstream.RawStreamMsg
	for seq := info.State.FirstSeq; seq <= info.State.LastSeq && info.State.Msgs > 0; seq++ {
		m, err := stream.GetMsg(t.Context(), seq)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	return all
}

func expectStored(t testing.TB, js jetstream.JetStream, instance string, want int) {
	t.Helper()
	if got := len(messages(t, js, instance)); got != want {
		t.Errorf("stream of %s holds %d messages, want %d", instance, got, want)
	}
}

func expect(t testing.TB, what string, got reply, status int, code string) {
	t.Helper()
	if got.status != status || got.code != code {
		t.Errorf("%s: answer %d %q, want %d %q", what, got.status, got.code, status, code)
	}
}

// await polls until done, for as long as a loaded machine may need.
func await(t testing.TB, what string, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for !done() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func or[T comparable](v *T, otherwise T) {
	if zero := *new(T); *v == zero {
		*v = otherwise
	}
}
