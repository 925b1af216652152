package broker_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
	"github.com/clerkstream/clerkstream/internal/natsserver"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// startCluster runs three nodes of cluster.conf, each with the same routes, as a
// deployment does. Only the ports are not the file's: one machine has one 6222.
func startCluster(t *testing.T, edits ...func(node int, o *natsserver.Options)) []*natsserver.Server {
	t.Helper()
	ports := freePorts(t, 3)
	var routes []string
	for _, port := range ports {
		routes = append(routes, fmt.Sprintf(`"nats://route:p-cluster@127.0.0.1:%d"`, port))
	}
	conf := "NATS_ROUTES: [" + strings.Join(routes, ", ") + "]\n" + broker.ClusterConf()
	nodes := make([]*natsserver.Server, 3)
	errs := make(chan error, 3)
	for i := range nodes {
		vars := clusterVariables(fmt.Sprintf("node-%d", i+1), "")
		delete(vars, "NATS_ROUTES")
		options := natsserver.Options{
			Config: conf, Variables: vars,
			Adjust: func(o *server.Options) { o.Cluster.Port = ports[i] },
		}
		for _, edit := range edits {
			edit(i, &options)
		}
		go func() {
			var err error
			nodes[i], err = natsserver.Start(t.Context(), options)
			errs <- err
		}()
	}
	for range nodes {
		if err := <-errs; err != nil {
			t.Errorf("start node: %v", err)
		}
	}
	for _, n := range nodes {
		if n != nil {
			t.Cleanup(n.Stop)
		}
	}
	if t.Failed() {
		t.FailNow()
	}
	return nodes
}

// nextPort begins where another run of this test is unlikely to be.
var nextPort atomic.Int32

// freePorts takes from below the range in which the kernel gives ports to
// everybody who asks for any, among them the other tests here.
func freePorts(t *testing.T, n int) []int {
	t.Helper()
	nextPort.CompareAndSwap(0, int32(20000+os.Getpid()%10000))
	var ports []int
	for len(ports) < n {
		port := int(nextPort.Add(1))
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue // taken; the range does not end before a test does
		}
		l.Close()
		ports = append(ports, port)
	}
	return ports
}

// provisionCluster waits until the nodes have elected who creates streams: an
// election takes 4 to 9 s (raft.go of nats-server), and the first may have no winner.
func provisionCluster(t *testing.T, operator *client) jetstream.Stream {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		_, err := broker.Provision(t.Context(), operator.js, "prod", broker.Settings{Replicas: 3})
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("provision: %v", err)
		}
	}
	stream, err := broker.Open(t.Context(), operator.js, "prod")
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

// awaitReplicas polls the stream until it has a leader and two current replicas.
func awaitReplicas(t *testing.T, stream jetstream.Stream) *jetstream.StreamInfo {
	t.Helper()
	var info *jetstream.StreamInfo
	eventually(t, "a leader with two replicas", func() bool {
		var err error
		info, err = stream.Info(t.Context())
		return err == nil && info.Cluster != nil && info.Cluster.Leader != "" && len(info.Cluster.Replicas) == 2
	})
	return info
}

func TestThreeNodesKeepThreeCopiesAndReadersSurviveALostLeader(t *testing.T) {
	t.Parallel()
	nodes := startCluster(t)
	operator := connectAs(t, nodes[0], broker.UserOperator)
	info := awaitReplicas(t, provisionCluster(t, operator))
	if info.Config.Replicas != 3 {
		t.Fatalf("%d replicas", info.Config.Replicas)
	}

	var urls []string
	for _, n := range nodes {
		urls = append(urls, n.URL())
	}
	everywhere := func(o *nats.Options) error { o.Servers = urls; o.NoRandomize = true; return nil }
	follower := slices.IndexFunc(nodes, func(n *natsserver.Server) bool { return n.Name() != info.Cluster.Leader })
	leader := slices.IndexFunc(nodes, func(n *natsserver.Server) bool { return n.Name() == info.Cluster.Leader })

	const events = 2000
	ingest := connectAs(t, nodes[follower], broker.UserIngest, everywhere, nats.ReconnectWait(50*time.Millisecond), nats.MaxReconnects(-1))
	appendEvents(t, ingest.js, 0, events/2)

	// From a node that is not the leader, through the wall between the accounts.
	projector := connectAs(t, nodes[follower], broker.UserProjector, everywhere, nats.ReconnectWait(50*time.Millisecond), nats.MaxReconnects(-1))
	consumer, err := projector.js.OrderedConsumer(t.Context(), "CLERK_PROD", jetstream.OrderedConsumerConfig{})
	if err != nil {
		t.Fatalf("ordered consumer: %v", err)
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(100), jetstream.PullHeartbeat(time.Second), jetstream.PullExpiry(5*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	defer messages.Stop()
	read := func(from, to uint64) {
		t.Helper()
		for want := from; want <= to; {
			msg, err := messages.Next(jetstream.NextMaxWait(60 * time.Second))
			if err != nil {
				t.Logf("after %d: %v", want-1, err) // the engine goes on, and so does this
				continue
			}
			meta, err := msg.Metadata()
			if err != nil || meta.Sequence.Stream != want {
				t.Fatalf("message %+v (%v), want sequence %d", meta, err, want)
			}
			want++
		}
	}
	read(1, 500)
	nodes[leader].Stop()
	eventually(t, "an append without the lost node", func() bool {
		_, err := ingest.js.Publish(t.Context(), "clerk.prod.user.user_x.updated", nil, jetstream.WithMsgID("prod:x"))
		return err == nil
	})
	appendEvents(t, ingest.js, events/2, events/2)
	read(501, events+1)
}

func TestOnlyAServerWithThePasswordJoinsTheCluster(t *testing.T) {
	t.Parallel()
	nodes := startCluster(t)
	for name, password := range map[string]string{"friend": "p-cluster", "stranger": "guess"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log logBuffer
			s, err := natsserver.Start(t.Context(), natsserver.Options{
				Config: "server_name: " + name + "\n" + `system_account: SYS, accounts { SYS {} }
					cluster { name: clerkstream, host: "127.0.0.1", routes: ["` +
					strings.Replace(nodes[0].RouteURL(), "nats://", "nats://route:"+password+"@", 1) + `"] }`,
				Adjust: func(o *server.Options) { o.Cluster.Port = server.RANDOM_PORT },
				Logger: slog.New(slog.NewTextHandler(&log, nil)),
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(s.Stop)
			if name == "friend" {
				eventually(t, "a route to the friend", func() bool { return slices.Contains(routes(t, nodes[0]), name) })
				return
			}
			eventually(t, "a refusal", func() bool { return strings.Contains(log.String(), "Authorization Violation") })
			if joined := routes(t, nodes[0]); slices.Contains(joined, name) || len(joined) == 0 {
				t.Errorf("routes of node 1: %q", joined)
			}
		})
	}
}

// routes names the servers a node is connected to.
func routes(t *testing.T, node *natsserver.Server) []string {
	t.Helper()
	var routez struct {
		Routes []struct {
			Name string `json:"remote_name"`
		} `json:"routes"`
	}
	getJSON(t, node.MonitorURL()+"/routez", &routez)
	var names []string
	for _, r := range routez.Routes {
		names = append(names, r.Name)
	}
	return names
}

// logBuffer may be written to while a test reads.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func TestClusterTLSBlocksWorkWhenUncommented(t *testing.T) {
	t.Parallel()
	cert, key := selfSigned(t)
	nodes := startCluster(t, func(_ int, o *natsserver.Options) {
		o.Config = uncomment(t, o.Config, "# tls {")
		for from, to := range map[string]string{"server-cert.pem": cert, "server-key.pem": key, "ca.pem": cert} {
			o.Config = strings.ReplaceAll(o.Config, "/etc/nats/tls/"+from, to)
		}
	})
	operator := connectAs(t, nodes[0], broker.UserOperator, nats.RootCAs(cert))
	awaitReplicas(t, provisionCluster(t, operator))
}
