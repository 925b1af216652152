package ingest_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	svix "github.com/svix/svix-webhooks/go"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/internal/ingest"
	"github.com/clerkstream/clerkstream/internal/natsserver"
	"github.com/clerkstream/clerkstream/internal/settings"
)

const (
	benchConnections = 64
	benchRound       = 4096 // deliveries a round: a quarter of a second
	benchStream      = "CLERK_BENCH"
)

// BenchmarkIngestAgainstBareHandler measures what everything beyond the bare necessities costs. The bare handler reads the body,
// verifies it with svix and publishes it asynchronously with a Nats-Msg-Id, awaiting the acknowledgement: no routing, no reading of the
// JSON, no limits, no metrics. "plain" publishes with that one header; "same_message" is given our fourteen ready-made, which leaves
// what the handlers themselves cost. All stand behind real HTTP on loopback and append to file streams of one real nats-server, with
// the same subjects; rounds alternate, because the machine is shared.
//
//	go test ./internal/ingest -run '^$' -bench Bare -benchtime 20x
func BenchmarkIngestAgainstBareHandler(b *testing.B) {
	for name, header := range map[string]func(id string) nats.Header{"plain": plainHeader, "same_message": ourHeader()} {
		b.Run(name, func(b *testing.B) { compare(b, header) })
	}
}

func plainHeader(id string) nats.Header { return nats.Header{"Nats-Msg-Id": {id}} }

func ourHeader() func(id string) nats.Header {
	e, _ := events.New(events.Intake{
		ID: "msg_bench000000000000000000", Instance: "bench", Source: events.SourceWebhook, Received: time.Now(),
		TraceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
	}, userBody)
	header := nats.Header(e.Header())
	header[jetstream.ExpectedStreamHeader] = []string{benchStream}
	return func(id string) nats.Header {
		h := maps.Clone(header)
		h["Nats-Msg-Id"] = []string{id}
		return h
	}
}

func compare(b *testing.B, header func(id string) nats.Header) {
	nc, js := benchBroker(b)
	bare := benchTarget{bareIngest(b, nc, header), func(user string) string { return "/" + user }}
	ours := benchTarget{realIngest(b, nc.ConnectedUrl()), func(string) string { return "/webhooks/clerk" }}
	makeStream(b, js, benchStream, "clerk.bench.>")

	load := newBenchLoad(b)
	for _, t := range []benchTarget{bare, ours} { // warm up
		load.round(b, t, benchRound/2)
	}
	var bareRounds, ourRounds []benchResult
	b.ResetTimer()
	for i := range b.N {
		if i%2 == 0 {
			bareRounds = append(bareRounds, load.round(b, bare, benchRound))
			ourRounds = append(ourRounds, load.round(b, ours, benchRound))
		} else {
			ourRounds = append(ourRounds, load.round(b, ours, benchRound))
			bareRounds = append(bareRounds, load.round(b, bare, benchRound))
		}
	}
	b.StopTimer()
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(bareRounds, benchResult.rate), "bare_req/s")
	b.ReportMetric(median(ourRounds, benchResult.rate), "ingest_req/s")
	b.ReportMetric(medianRatio(ourRounds, bareRounds, benchResult.rate), "throughput_ratio")
	// What a delivery costs is steadier than the rate when something else runs on the machine.
	b.ReportMetric(median(bareRounds, benchResult.work), "bare_cpu_us/req")
	b.ReportMetric(median(ourRounds, benchResult.work), "ingest_cpu_us/req")
	b.ReportMetric(1/medianRatio(ourRounds, bareRounds, benchResult.work), "cpu_ratio")
	b.ReportMetric(1000*median(bareRounds, benchResult.p99), "bare_p99_ms")
	b.ReportMetric(1000*median(ourRounds, benchResult.p99), "ingest_p99_ms")
	b.ReportMetric(medianRatio(ourRounds, bareRounds, benchResult.p99), "p99_ratio")
}

// benchTarget is where a round goes. The bare handler is told the user in the path, so that both streams have the same subjects.
type benchTarget struct {
	addr string
	path func(user string) string
}

type benchResult struct {
	took      time.Duration
	cpu       time.Duration   // of this process: client, handler and broker
	latencies []time.Duration // sorted
}

func (r benchResult) rate() float64 { return float64(len(r.latencies)) / r.took.Seconds() }
func (r benchResult) work() float64 { return 1e6 * r.cpu.Seconds() / float64(len(r.latencies)) }
func (r benchResult) p99() float64  { return r.latencies[len(r.latencies)*99/100].Seconds() }

func median(rounds []benchResult, of func(benchResult) float64) float64 {
	var v []float64
	for _, r := range rounds {
		v = append(v, of(r))
	}
	slices.Sort(v)
	return v[len(v)/2]
}

// medianRatio pairs the rounds that ran next to each other.
func medianRatio(a, b []benchResult, of func(benchResult) float64) float64 {
	var v []float64
	for i := range a {
		v = append(v, of(a[i])/of(b[i]))
	}
	slices.Sort(v)
	return v[len(v)/2]
}

func benchBroker(b *testing.B) (*nats.Conn, jetstream.JetStream) {
	b.Helper()
	server, err := natsserver.Start(b.Context(), natsserver.Options{StoreDir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(server.Stop)
	nc, err := nats.Connect(server.URL())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := broker.Provision(b.Context(), js, "default", broker.Settings{}); err != nil {
		b.Fatal(err)
	}
	return nc, js
}

func makeStream(b *testing.B, js jetstream.JetStream, name, subject string) {
	b.Helper()
	cfg, err := broker.StreamConfig("bench", broker.Settings{})
	if err != nil {
		b.Fatal(err)
	}
	cfg.Name, cfg.Subjects = name, []string{subject}
	if _, err := js.CreateStream(b.Context(), cfg); err != nil {
		b.Fatal(err)
	}
}

func bareIngest(b *testing.B, nc *nats.Conn, header func(id string) nats.Header) (addr string) {
	b.Helper()
	own, err := nats.Connect(nc.ConnectedUrl())
	if err != nil {
		b.Fatal(err)
	}
	js, err := jetstream.New(own)
	if err != nil {
		b.Fatal(err)
	}
	webhook, err := svix.NewWebhook(secretA)
	if err != nil {
		b.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		if err := webhook.Verify(body, r.Header); err != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		future, err := js.PublishMsgAsync(&nats.Msg{
			Subject: "clerk.bench.user." + r.URL.Path[1:] + ".updated", Data: body, Header: header(r.Header.Get("svix-id")),
		})
		if err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		select {
		case <-future.Ok():
			w.WriteHeader(http.StatusNoContent)
		case <-future.Err():
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	b.Cleanup(func() { server.Close(); <-served; own.Close() })
	return l.Addr().String()
}

func realIngest(b *testing.B, url string) (addr string) {
	b.Helper()
	s, err := ingest.New(ingest.Config{
		ListenAddr: "127.0.0.1:0", OpsAddr: "127.0.0.1:0", NATS: settings.NATS{URL: url},
		Instances: []ingest.Instance{{Name: "default", Secrets: []string{secretA}}},
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- s.Run(ctx) }()
	b.Cleanup(func() {
		cancel()
		if err := <-ran; err != nil {
			b.Error(err)
		}
	})
	await(b, "ready", func() bool {
		r, err := http.Get("http://" + s.OpsAddr() + "/readyz")
		if err != nil {
			return false
		}
		r.Body.Close()
		return r.StatusCode == http.StatusOK
	})
	return s.Addr()
}

// benchLoad sends from keep-alive connections that write requests made beforehand, so that the client takes little of the machine.
type benchLoad struct {
	webhook *svix.Webhook
	body    []byte
	n       int
}

func newBenchLoad(b *testing.B) *benchLoad {
	b.Helper()
	w, err := svix.NewWebhook(secretA)
	if err != nil {
		b.Fatal(err)
	}
	return &benchLoad{webhook: w, body: userBody}
}

func (l *benchLoad) request(b *testing.B, t benchTarget) []byte {
	l.n++
	id, now := fmt.Sprintf("msg_bench%018d", l.n), time.Now()
	// Another user each time, of the same length, so that subjects vary as they do in life.
	user := fmt.Sprintf("user_bench%022d", l.n%50_000)
	body := strings.Replace(string(l.body), "user_29w83sxmDNGwOuEthce5gg56FcC", user, 1)
	signature, err := l.webhook.Sign(id, now, []byte(body))
	if err != nil {
		b.Fatal(err)
	}
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nUser-Agent: Svix-Webhooks/1.76.1\r\n"+
		"Svix-Id: %s\r\nSvix-Timestamp: %d\r\nSvix-Signature: %s\r\nContent-Length: %s\r\n\r\n%s",
		t.path(user), t.addr, id, now.Unix(), signature, strconv.Itoa(len(body)), body)
}

func (l *benchLoad) round(b *testing.B, t benchTarget, n int) benchResult {
	b.Helper()
	requests := make([][]byte, n)
	for i := range requests {
		requests[i] = l.request(b, t)
	}
	var (
		all     sync.WaitGroup
		mu      sync.Mutex
		result  benchResult
		per     = n / benchConnections
		started = make(chan struct{})
	)
	for c := range benchConnections {
		conn, err := net.Dial("tcp", t.addr)
		if err != nil {
			b.Fatal(err)
		}
		all.Go(func() {
			defer conn.Close()
			<-started
			took, err := sendAll(conn, requests[c*per:(c+1)*per])
			if err != nil {
				b.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			result.latencies = append(result.latencies, took...)
		})
	}
	start, before := time.Now(), cpuTime(b)
	close(started)
	all.Wait()
	result.took, result.cpu = time.Since(start), cpuTime(b)-before
	slices.Sort(result.latencies)
	return result
}

func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func sendAll(conn net.Conn, requests [][]byte) (took []time.Duration, err error) {
	answers := bufio.NewReader(conn)
	for _, r := range requests {
		start := time.Now()
		if _, err := conn.Write(r); err != nil {
			return took, err
		}
		status, err := answers.ReadString('\n')
		if err != nil {
			return took, err
		}
		if !strings.Contains(status, " 204 ") {
			return took, fmt.Errorf("answer %q", status)
		}
		for line := status; line != "\r\n"; {
			if line, err = answers.ReadString('\n'); err != nil {
				return took, err
			}
		}
		took = append(took, time.Since(start))
	}
	return took, nil
}
