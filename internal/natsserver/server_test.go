package natsserver_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/clerkstream/clerkstream/internal/natsserver"
	"github.com/clerkstream/clerkstream/internal/testkit/syncbuffer"
)

func start(t *testing.T, o natsserver.Options) *natsserver.Server {
	t.Helper()
	s, err := natsserver.Start(t.Context(), o)
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	t.Cleanup(s.Stop)
	return s
}

func connect(t *testing.T, s *natsserver.Server, opts ...nats.Option) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect(s.URL(), opts...)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func TestServerIsReadyAtOnceAndTakesEvents(t *testing.T) {
	t.Parallel()
	s := start(t, natsserver.Options{})
	js := connect(t, s)
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}}); err != nil {
		t.Fatalf("first request after Start: %v", err)
	}
	ack, err := js.Publish(t.Context(), "s.one", make([]byte, natsserver.DefaultMaxPayload-100))
	if err != nil || ack.Sequence != 1 {
		t.Fatalf("publish of nearly 2 MiB: ack %v, error %v", ack, err)
	}
	if s.MonitorURL() != "" {
		t.Errorf("monitoring is open without being asked for: %s", s.MonitorURL())
	}
}

func TestPrivateStoreGoesWithTheServerAndAGivenOneStays(t *testing.T) {
	t.Parallel()
	private := start(t, natsserver.Options{})
	private.Stop()
	if _, err := os.Stat(private.StoreDir()); !os.IsNotExist(err) {
		t.Errorf("store %s of a stopped private server: %v", private.StoreDir(), err)
	}

	dir := t.TempDir()
	first := start(t, natsserver.Options{StoreDir: dir})
	js := connect(t, first)
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), "s.one", []byte("kept")); err != nil {
		t.Fatal(err)
	}
	first.Stop()
	first.Stop() // a second Stop is nothing

	second := start(t, natsserver.Options{StoreDir: dir})
	stream, err := connect(t, second).Stream(t.Context(), "S")
	if err != nil {
		t.Fatalf("stream after a restart: %v", err)
	}
	if msg, err := stream.GetMsg(t.Context(), 1); err != nil || string(msg.Data) != "kept" {
		t.Errorf("message after a restart: %v, error %v", msg, err)
	}
}

func TestSecondServerOnAStoreIsRefusedUntilTheFirstIsGone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := start(t, natsserver.Options{StoreDir: dir})
	if second, err := natsserver.Start(t.Context(), natsserver.Options{StoreDir: dir}); !errors.Is(err, natsserver.ErrStoreInUse) {
		if err == nil {
			second.Stop()
		}
		t.Fatalf("second server on %s: error %v, want ErrStoreInUse", dir, err)
	}
	first.Stop()
	start(t, natsserver.Options{StoreDir: dir})
}

func TestStartFailsQuicklyAndSaysWhy(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() }) // the cases run after this function returned
	notADir := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(notADir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	unusable := t.TempDir()
	if err := os.WriteFile(filepath.Join(unusable, "jetstream"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()

	for name, tc := range map[string]struct {
		ctx  context.Context
		opts natsserver.Options
		want string
	}{
		"port taken":          {t.Context(), natsserver.Options{Port: taken.Addr().(*net.TCPAddr).Port}, "address already in use"},
		"store is a file":     {t.Context(), natsserver.Options{StoreDir: notADir}, "not a directory"},
		"store is unusable":   {t.Context(), natsserver.Options{StoreDir: unusable}, "JetStream"},
		"no such config file": {t.Context(), natsserver.Options{ConfigFile: "/nonexistent.conf"}, "no such file"},
		"config is wrong":     {t.Context(), natsserver.Options{Config: "jetsteam: on"}, `unknown field "jetsteam"`},
		"config twice":        {t.Context(), natsserver.Options{Config: "port: 1", ConfigFile: "x"}, "both"},
		"variable missing":    {t.Context(), natsserver.Options{Config: "server_name: $CLERKSTREAM_NO_SUCH_NAME"}, "CLERKSTREAM_NO_SUCH_NAME"},
		"cancelled":           {cancelled, natsserver.Options{}, "not ready"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			s, err := natsserver.Start(tc.ctx, tc.opts)
			if err == nil {
				s.Stop()
				t.Fatal("started")
			}
			if !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %q does not say %q", err, tc.want)
			}
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("took %s to fail", took)
			}
		})
	}
}

func TestOptionsWinOverTheConfig(t *testing.T) {
	t.Parallel()
	const conf = `
		server_name: $NAME
		host: "0.0.0.0"
		port: 4222
		http_port: 8222
		max_payload: 3MB
		jetstream { store_dir: "/nonexistent/store" }
		authorization { users: [ { user: u, password: $PASSWORD } ] }
	`
	const password = `12345 "quoted" # \ and $more`
	s := start(t, natsserver.Options{
		Config:     conf,
		Variables:  map[string]string{"NAME": "one", "PASSWORD": password},
		SyncAlways: true,
	})
	if s.Name() != "one" {
		t.Errorf("name %q, want what the config says", s.Name())
	}
	host, port, err := net.SplitHostPort(strings.TrimPrefix(s.URL(), "nats://"))
	if err != nil || host != "127.0.0.1" || port == "4222" {
		t.Errorf("listens at %s (%v), want a free port of 127.0.0.1", s.URL(), err)
	}
	connect(t, s, nats.UserInfo("u", password))
	if nc, err := nats.Connect(s.URL(), nats.UserInfo("u", "wrong")); err == nil {
		nc.Close()
		t.Error("a wrong password is accepted")
	}

	var varz struct {
		MaxPayload int `json:"max_payload"`
		JetStream  struct {
			Config struct {
				SyncAlways bool   `json:"sync_always"`
				StoreDir   string `json:"store_dir"`
			} `json:"config"`
		} `json:"jetstream"`
	}
	getJSON(t, s.MonitorURL()+"/varz", &varz)
	if varz.MaxPayload != 3<<20 {
		t.Errorf("max payload %d, want the config's 3 MiB", varz.MaxPayload)
	}
	if !varz.JetStream.Config.SyncAlways {
		t.Error("sync_always is off")
	}
	if !strings.HasPrefix(varz.JetStream.Config.StoreDir, s.StoreDir()) {
		t.Errorf("store %s is not under %s", varz.JetStream.Config.StoreDir, s.StoreDir())
	}
}

func getJSON(t *testing.T, url string, into any) {
	t.Helper()
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(body, into); err != nil {
		t.Fatalf("%s: %v in %s", url, err, body)
	}
}

func TestLogIsQuietAndWarningsAreNot(t *testing.T) {
	t.Parallel()
	var log syncbuffer.Buffer
	s := start(t, natsserver.Options{
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Config: `authorization { users: [ { user: u, password: correct } ] }`,
	})
	connect(t, s, nats.UserInfo("u", "correct"))
	// The server warns of a plain password; everything else at start is a notice.
	if got := strings.Count(log.String(), "\n"); got > 1 || strings.Contains(log.String(), "level=INFO") {
		t.Errorf("a quiet start logs %s", log.String())
	}
	if nc, err := nats.Connect(s.URL(), nats.UserInfo("u", "wrong-secret")); err == nil {
		nc.Close()
		t.Fatal("a wrong password is accepted")
	}
	for deadline := time.Now().Add(5 * time.Second); !strings.Contains(log.String(), "authentication error"); {
		if time.Now().After(deadline) {
			t.Fatalf("a refused login is not logged: %s", log.String())
		}
		time.Sleep(5 * time.Millisecond)
	}
	if strings.Contains(log.String(), "wrong-secret") {
		t.Error("the log holds a password")
	}
}

func TestManyServersAtOnce(t *testing.T) {
	t.Parallel()
	urls := map[string]bool{}
	for i := range 4 {
		s := start(t, natsserver.Options{Monitor: true, Config: "server_name: n" + strconv.Itoa(i)})
		urls[s.URL()], urls[s.MonitorURL()] = true, true
	}
	if len(urls) != 8 {
		t.Errorf("4 servers listen at %d addresses, want 8", len(urls))
	}
}
