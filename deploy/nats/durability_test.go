package broker_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
	"github.com/clerkstream/clerkstream/internal/natsserver"
)

func getJSON(t *testing.T, url string, into any) {
	t.Helper()
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		t.Fatalf("%s: %v", url, err)
	}
}

func durability(t *testing.T, js jetstream.JetStream, stream string, urls ...string) broker.Durability {
	t.Helper()
	d, err := broker.DurabilityOf(t.Context(), js, stream, urls, nil)
	if err != nil {
		t.Fatalf("durability of %s: %v", stream, err)
	}
	return d
}

func TestOneNodeSaysWhatAnAckIsWorth(t *testing.T) {
	t.Parallel()
	always := startBroker(t)
	lazy := startConf(t, strings.Replace(broker.ServerConf(), "sync_interval: always", "sync_interval: 30s", 1))
	for _, tc := range []struct {
		name   string
		server *natsserver.Server
		fsync  broker.Fsync
		every  time.Duration
	}{
		{"as delivered", always, broker.FsyncAlways, 2 * time.Minute},
		{"sync_interval changed", lazy, broker.FsyncInterval, 30 * time.Second},
	} {
		provision(t, tc.server)
		// Ingest asks, with ingest's rights.
		got := durability(t, connectAs(t, tc.server, broker.UserIngest).js, "CLERK_PROD", tc.server.MonitorURL())
		want := broker.Durability{Replicas: 1, Storage: "file", Fsync: tc.fsync, SyncInterval: tc.every, Peers: []string{"clerkstream"}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s:\n%s", tc.name, diff)
		}
	}
}

func TestDurabilityIsNeverBetterThanWhatIsKnown(t *testing.T) {
	t.Parallel()
	s := startBroker(t)
	operator := provision(t, s)
	namesake := startBroker(t) // the same server name, another disk
	provision(t, namesake)
	hung := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(hung.Close)

	answering := func(status int, body string) string {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			w.Write([]byte(body))
		}))
		t.Cleanup(srv.Close)
		return srv.URL
	}
	for name, urls := range map[string][]string{
		"no URL":                  nil,
		"unreachable":             {"http://127.0.0.1:1"},
		"not a URL":               {"::", "nats-1:8222", ""},
		"another server":          {namesake.MonitorURL()},
		"hangs":                   {hung.URL},
		"answers 404":             {answering(404, `not found`)},
		"answers no JSON":         {answering(200, `<html>`)},
		"too old to tell":         {answering(200, `{"server_name":"clerkstream","jetstream":{"config":{"max_memory":1}}}`)},
		"JetStream off":           {answering(200, `{"server_name":"clerkstream","jetstream":{}}`)},
		"claims, without stream":  {answering(200, `{"server_name":"clerkstream","jetstream":{"config":{"sync_always":true}}}`)},
		"password in a dead link": {"http://user:s3cret@127.0.0.1:1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			got := durability(t, operator.js, "CLERK_PROD", urls...)
			if got.Fsync != broker.FsyncUnknown || len(got.Unknown) != 1 {
				t.Errorf("fsync %s, unknown %q, want unknown", got.Fsync, got.Unknown)
			}
			if len(got.Problems) != len(urls) {
				t.Errorf("%d URLs, problems %q", len(urls), got.Problems)
			}
			if strings.Contains(strings.Join(got.Problems, " "), "s3cret") {
				t.Errorf("a password in %q", got.Problems)
			}
			if took := time.Since(began); took > 8*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
	t.Run("one good URL among bad ones is enough for one node", func(t *testing.T) {
		t.Parallel()
		got := durability(t, operator.js, "CLERK_PROD", "http://127.0.0.1:1", namesake.MonitorURL(), s.MonitorURL()+"/")
		if got.Fsync != broker.FsyncAlways || len(got.Problems) != 2 {
			t.Errorf("fsync %s, problems %q", got.Fsync, got.Problems)
		}
	})
}

func TestStreamsThatDoNotReachTheDiskSaySo(t *testing.T) {
	t.Parallel()
	s := startBroker(t)
	js := connectAs(t, s, broker.UserOperator).js
	for stream, tc := range map[string]struct {
		cfg  jetstream.StreamConfig
		want broker.Fsync
	}{
		"MEMORY": {jetstream.StreamConfig{Storage: jetstream.MemoryStorage}, broker.FsyncNever},
		// The server says sync_interval: always, the stream overrides it.
		"ASYNC": {jetstream.StreamConfig{PersistMode: jetstream.AsyncPersistMode}, broker.FsyncInterval},
		"FILE":  {jetstream.StreamConfig{}, broker.FsyncAlways},
	} {
		tc.cfg.Name, tc.cfg.Subjects = stream, []string{strings.ToLower(stream) + ".>"}
		if _, err := js.CreateStream(t.Context(), tc.cfg); err != nil {
			t.Fatal(err)
		}
		if got := durability(t, js, stream, s.MonitorURL()); got.Fsync != tc.want {
			t.Errorf("%s: fsync %s, want %s", stream, got.Fsync, tc.want)
		}
	}
	if _, err := broker.DurabilityOf(t.Context(), js, "NONE", nil, nil); !errors.Is(err, broker.ErrStreamMissing) {
		t.Errorf("a missing stream: %v, want ErrStreamMissing", err)
	}
}

func TestEveryPeerOfAClusterHasToSay(t *testing.T) {
	t.Parallel()
	nodes := startCluster(t)
	operator := connectAs(t, nodes[0], broker.UserOperator)
	awaitReplicas(t, provisionCluster(t, operator))
	urls := make([]string, 3)
	for i, n := range nodes {
		urls[i] = n.MonitorURL()
	}

	want := broker.Durability{
		Replicas: 3, Storage: "file", Fsync: broker.FsyncAlways, SyncInterval: 2 * time.Minute,
		Peers: []string{"node-1", "node-2", "node-3"},
	}
	if diff := cmp.Diff(want, durability(t, operator.js, "CLERK_PROD", urls...)); diff != "" {
		t.Errorf("all three asked:\n%s", diff)
	}
	if got := durability(t, operator.js, "CLERK_PROD", urls[0], urls[2]); got.Fsync != broker.FsyncUnknown || !cmp.Equal(got.Unknown, []string{"node-2"}) {
		t.Errorf("node-2 not asked: fsync %s, unknown %q", got.Fsync, got.Unknown)
	}
	nodes[1].Stop()
	// Until the other two have chosen new leaders, nobody answers for the stream.
	eventually(t, "an answer of the two that are left", func() bool {
		_, err := broker.DurabilityOf(t.Context(), operator.js, "CLERK_PROD", urls, nil)
		return err == nil
	})
	if got := durability(t, operator.js, "CLERK_PROD", urls...); got.Fsync != broker.FsyncUnknown || !cmp.Equal(got.Unknown, []string{"node-2"}) {
		t.Errorf("node-2 gone: fsync %s, unknown %q", got.Fsync, got.Unknown)
	}
}

func TestOneLazyPeerDecides(t *testing.T) {
	t.Parallel()
	nodes := startCluster(t, func(node int, o *natsserver.Options) {
		if node == 2 {
			o.Config = strings.Replace(o.Config, "sync_interval: always", "sync_interval: 1m", 1)
		}
	})
	operator := connectAs(t, nodes[0], broker.UserOperator)
	awaitReplicas(t, provisionCluster(t, operator))
	got := durability(t, operator.js, "CLERK_PROD", nodes[0].MonitorURL(), nodes[1].MonitorURL(), nodes[2].MonitorURL())
	if got.Fsync != broker.FsyncInterval || len(got.Unknown) != 0 {
		t.Errorf("fsync %s, unknown %q, problems %q", got.Fsync, got.Unknown, got.Problems)
	}
}
