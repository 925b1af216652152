package main_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
	"github.com/clerkstream/clerkstream/internal/clerksim"
	"github.com/clerkstream/clerkstream/internal/natsserver"
	"github.com/clerkstream/clerkstream/internal/testkit/syncbuffer"
)

const (
	secret  = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	another = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
)

// binary is the program under test, built once.
var binary string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "ingest-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "ingest")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// process is a running ingest.
type process struct {
	cmd    *exec.Cmd
	stderr *syncbuffer.Buffer
	ended  chan struct{}
	code   int
}

// start runs the binary with nothing in its environment but env.
func start(t testing.TB, env []string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(binary, args...), stderr: &syncbuffer.Buffer{}, ended: make(chan struct{})}
	p.cmd.Env, p.cmd.Stderr, p.cmd.Stdout = env, p.stderr, p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		var exit *exec.ExitError
		if err := p.cmd.Wait(); errors.As(err, &exit) {
			p.code = exit.ExitCode()
		}
	}()
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		<-p.ended
		if t.Failed() {
			t.Logf("ingest printed:\n%s", p.stderr)
		}
	})
	return p
}

func (p *process) expectExit(t testing.TB, code int) (printed string) {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(15 * time.Second):
		t.Fatal("did not end")
	}
	if p.code != code {
		t.Errorf("exit status %d, want %d", p.code, code)
	}
	return p.stderr.String()
}

func startBroker(t testing.TB, instances ...string) (url string, js jetstream.JetStream) {
	t.Helper()
	server, err := natsserver.Start(t.Context(), natsserver.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	nc, err := nats.Connect(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	if js, err = jetstream.New(nc); err != nil {
		t.Fatal(err)
	}
	for _, name := range instances {
		if _, err := broker.Provision(t.Context(), js, name, broker.Settings{}); err != nil {
			t.Fatal(err)
		}
	}
	return server.URL(), js
}

// ready starts an ingest on free ports and waits until it takes deliveries, which is at base.
func ready(t testing.TB, env []string, args ...string) (p *process, base string) {
	t.Helper()
	p = start(t, append(env, "LISTEN_ADDR=127.0.0.1:0", "OPS_ADDR=127.0.0.1:0"), args...)
	var public, private string
	await(t, "the addresses", func() bool {
		public, private = p.attr("address"), p.attr("ops_address")
		return public != "" && private != ""
	})
	await(t, "ready", func() bool {
		r, err := http.Get("http://" + private + "/readyz")
		if err != nil {
			return false
		}
		r.Body.Close()
		return r.StatusCode == http.StatusOK
	})
	return p, "http://" + public
}

// attr is an attribute of the JSON log.
func (p *process) attr(name string) string {
	_, rest, _ := strings.Cut(p.stderr.String(), `"`+name+`":"`)
	value, _, _ := strings.Cut(rest, `"`)
	return value
}

func deliver(t testing.TB, client *http.Client, url, secret, id string, body []byte) (status int) {
	t.Helper()
	h, err := clerksim.Sign(secret, id, time.Now(), body)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = h
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode
}

func TestItServesAndStopsCleanly(t *testing.T) {
	t.Parallel()
	url, js := startBroker(t, "prod", "staging")
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p, base := ready(t, []string{
		"NATS_URL=" + url, "CLERK_INSTANCES=prod,staging",
		"CLERK_WEBHOOK_SIGNING_SECRET_PROD_FILE=" + file, "CLERK_WEBHOOK_SIGNING_SECRET_STAGING=" + another, "CLERK_INSTANCE_ID_PROD=ins_1",
	}, "--ack-timeout=4s")
	body := func(instance string) []byte {
		return []byte(`{"type":"user.deleted","data":{"id":"user_1"},"instance_id":"` + instance + `"}`)
	}
	for what, d := range map[string]struct {
		path, secret, instance string
		want                   int
	}{
		"prod":              {"/webhooks/clerk/prod", secret, "ins_1", 204},
		"staging":           {"/webhooks/clerk/staging", another, "ins_2", 204},
		"staging's at prod": {"/webhooks/clerk/prod", another, "ins_1", 401},
		"not the pinned":    {"/webhooks/clerk/prod", secret, "ins_2", 403},
	} {
		if got := deliver(t, http.DefaultClient, base+d.path, d.secret, "msg_1", body(d.instance)); got != d.want {
			t.Errorf("%s: answer %d, want %d", what, got, d.want)
		}
	}
	for _, name := range []string{"CLERK_PROD", "CLERK_STAGING"} {
		stream, err := js.Stream(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if n := stream.CachedInfo().State.Msgs; n != 1 {
			t.Errorf("%s holds %d messages, want 1", name, n)
		}
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if printed := p.expectExit(t, 0); strings.Contains(printed, secret[6:]) || strings.Contains(printed, another[6:]) {
		t.Errorf("a secret was printed:\n%s", printed)
	}
}

func TestWrongSettingsAreListedInOneMessage(t *testing.T) {
	t.Parallel()
	p := start(t, []string{
		"CLERK_INSTANCES=prod,staging", "CLERK_WEBHOOK_SIGNING_SECRET_PROD=whsec_c2hvcnQ=", "CLERK_WEBHOOK_SIGNING_SECRET_STAGING_FILE=/does/not/exist",
		"MAX_IN_FLIGHT=many", "NATS_URL=nats://user:hunter2@[", "LOG_LEVEL=loud", "REQUIRE_FSYNC=true",
	}, "--ack-timeout=1h")
	printed := p.expectExit(t, 2)
	for _, want := range []string{
		"CLERK_WEBHOOK_SIGNING_SECRET_PROD: secret 1 has 5 bytes", "CLERK_WEBHOOK_SIGNING_SECRET_STAGING_FILE: open /does/not/exist",
		"--max-in-flight (MAX_IN_FLIGHT): ", "NATS_URL: server 1 is not a URL", `"loud" is none of`, "REQUIRE_FSYNC: needs", "ACK_TIMEOUT: 1h0m0s",
	} {
		if strings.Count(printed, want) != 1 {
			t.Errorf("%q is not said once in:\n%s", want, printed)
		}
	}
	for _, hush := range []string{"hunter2", "c2hvcnQ"} {
		if strings.Contains(printed, hush) {
			t.Errorf("%q is said in:\n%s", hush, printed)
		}
	}
}

func TestASingleWrongSettingIsEnough(t *testing.T) {
	t.Parallel()
	good := "CLERK_WEBHOOK_SIGNING_SECRET=" + secret
	for name, c := range map[string]struct {
		env  []string
		args []string
		want string
	}{
		"nothing set":        {nil, nil, "CLERK_WEBHOOK_SIGNING_SECRET: is missing"},
		"empty secret":       {[]string{"CLERK_WEBHOOK_SIGNING_SECRET="}, nil, "CLERK_WEBHOOK_SIGNING_SECRET: is missing"},
		"unknown flag":       {[]string{good}, []string{"--port=80"}, "unknown flag --port"},
		"unknown argument":   {[]string{good}, []string{"serve"}, "unexpected argument serve"},
		"instance":           {[]string{good, "CLERK_INSTANCE=Prod"}, nil, `CLERK_INSTANCE: "Prod" is not`},
		"plain with several": {[]string{good, "CLERK_INSTANCES=a,b", "CLERK_WEBHOOK_SIGNING_SECRET_A=" + secret, "CLERK_WEBHOOK_SIGNING_SECRET_B=" + another}, nil, "CLERK_WEBHOOK_SIGNING_SECRET: is set without a suffix"},
		"duration":           {[]string{good, "IDLE_TIMEOUT=90"}, nil, "--idle-timeout (IDLE_TIMEOUT): "},
		"log format":         {[]string{good, "LOG_FORMAT=xml"}, nil, `log format "xml"`},
	} {
		if printed := start(t, c.env, c.args...).expectExit(t, 2); !strings.Contains(printed, c.want) {
			t.Errorf("%s: no %q in:\n%s", name, c.want, printed)
		}
	}
}

func TestAMissingStreamEndsIt(t *testing.T) {
	t.Parallel()
	url, _ := startBroker(t)
	p := start(t, []string{"NATS_URL=" + url, "CLERK_WEBHOOK_SIGNING_SECRET=" + secret, "LISTEN_ADDR=127.0.0.1:0", "OPS_ADDR=127.0.0.1:0"})
	printed := p.expectExit(t, 1)
	for _, want := range []string{"CLERK_DEFAULT", "clerkstream provision"} {
		if !strings.Contains(printed, want) {
			t.Errorf("no %q in:\n%s", want, printed)
		}
	}
}

func TestItStopsWhileTheBrokerIsAway(t *testing.T) {
	t.Parallel()
	p := start(t, []string{"NATS_URL=nats://127.0.0.1:1", "CLERK_WEBHOOK_SIGNING_SECRET=" + secret, "LISTEN_ADDR=127.0.0.1:0", "OPS_ADDR=127.0.0.1:0"})
	await(t, "listening", func() bool { return p.attr("address") != "" })
	if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	p.expectExit(t, 0)
}

func TestHelpAndVersion(t *testing.T) {
	t.Parallel()
	for arg, want := range map[string]string{"--help": "CLERK_WEBHOOK_SIGNING_SECRET", "--version": "\n"} {
		if printed := start(t, nil, arg).expectExit(t, 0); !strings.Contains(printed, want) {
			t.Errorf("%s printed:\n%s", arg, printed)
		}
	}
}

// The most memory it ever had, under as much load as 64 connections can make.
func TestMemoryUnderLoad(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("needs /proc to read another process' memory")
	}
	url, _ := startBroker(t, "default")
	p, base := ready(t, []string{"NATS_URL=" + url, "CLERK_WEBHOOK_SIGNING_SECRET=" + secret})
	const connections, each, limit = 64, 120, 64 << 10 // KiB
	transport := &http.Transport{MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	text := strings.Repeat("x", 2000)
	var all sync.WaitGroup
	for c := range connections {
		all.Go(func() {
			for i := range each {
				body := fmt.Appendf(nil, `{"type":"user.updated","data":{"id":"user_%d_%d","bio":%q,"updated_at":1654012824306}}`, c, i, text)
				if status := deliver(t, client, base+"/webhooks/clerk", secret, fmt.Sprintf("msg_%d_%d", c, i), body); status != 204 {
					t.Errorf("answer %d", status)
				}
			}
		})
	}
	all.Wait()
	if peak := p.peakMemory(t); peak > limit {
		t.Errorf("peak of %d KiB resident, more than %d", peak, limit)
	} else {
		t.Logf("peak of %d KiB resident", peak)
	}
}

func (p *process) peakMemory(t testing.TB) (kib int) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		t.Fatalf("no VmHWM: %v", err)
	}
	return kib
}

func await(t testing.TB, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	for !done() {
		if ctx.Err() != nil {
			t.Fatalf("waited in vain for: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
