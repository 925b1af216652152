package projector

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
	"github.com/clerkstream/clerkstream/internal/testkit"
	"github.com/clerkstream/clerkstream/projections"
)

// effort is what a measured child says of itself.
type effort struct {
	Took time.Duration
	Peak int64 // bytes resident
}

// BenchmarkRebuild measures a rebuild into an indexed, ready generation, as a process of its own, beside the floor: a process that only reads the
// same stream with a bare ordered consumer. Both read from a broker in this process.
//
//	go test ./projector -run '^$' -bench 'Rebuild/1M' -benchtime 1x -timeout 1h
func BenchmarkRebuild(b *testing.B) {
	for name, messages := range map[string]int{"1M": 1_000_000, "4M": 4_000_000} {
		b.Run(name, func(b *testing.B) {
			const users = 100_000
			log, url := stack.Log(b), stack.Database(b)
			// The first generation is live and empty, as that of a service whose code changed: only its rebuild is measured.
			ctx, cancel := context.WithCancel(b.Context())
			first := Config{Service: "test", Instance: log.Instance, DatabaseURL: url, NATSURL: log.URL, Projections: newCode(), Observe: func(Commit) { cancel() }}
			log.PublishEvent(b, log.Event("msg_first", backlogUser(0, 0)))
			if err := Run(ctx, first); err != nil {
				b.Fatal(err)
			}
			fillBacklog(b, log, messages, users)
			conn := testkit.Connect(b, url)
			for b.Loop() {
				floor := measure(b, "floor", log, url, messages)
				rebuild := measure(b, "rebuild", log, url, messages)
				var rows int
				if err := conn.QueryRow(b.Context(), `select count(*) from clerk_v2.users`).Scan(&rows); err != nil || rows < users*99/100 {
					b.Fatalf("%d rows: %v", rows, err)
				}
				o, err := NewOperator(b.Context(), first)
				if err != nil {
					b.Fatal(err)
				}
				for g := 2; o.Retire(b.Context(), g) == nil; g++ {
				}
				o.Close()
				if _, err := conn.Exec(b.Context(), `delete from clerkstream.generations where generation > 1`); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(messages)/rebuild.Took.Seconds(), "events/s")
				b.ReportMetric(float64(messages)/floor.Took.Seconds(), "floor-events/s")
				b.ReportMetric(floor.Took.Seconds()/rebuild.Took.Seconds(), "of-floor")
				b.ReportMetric(float64(rebuild.Peak>>20), "MiB")
			}
		})
	}
}

const childMessages = "CLERKSTREAM_TEST_MESSAGES"

func measure(b *testing.B, mode string, log *testkit.Log, url string, messages int) (e effort) {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.CommandContext(b.Context(), self)
	cmd.Env = append(os.Environ(), childEnv+"=measure "+mode, childInstance+"="+log.Instance, childDatabase+"="+url, childNATS+"="+log.URL,
		childMessages+"="+strconv.Itoa(messages+1))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, &e)
	}
	if err != nil {
		b.Fatalf("%s: %v: %s", mode, err, out)
	}
	return e
}

// measured is a child's whole life.
func measured(ctx context.Context, c Config) error {
	c.Projections = projections.All()
	spendMemory(os.LookupEnv)
	var e effort
	switch os.Getenv(childEnv) {
	case "measure floor":
		var err error
		if e.Took, err = readBare(ctx, c); err != nil {
			return err
		}
	case "measure rebuild":
		o, err := NewOperator(ctx, c)
		if err != nil {
			return err
		}
		defer o.Close()
		began := time.Now()
		if _, err := o.Rebuild(ctx, nil); err != nil {
			return err
		}
		e.Took = time.Since(began)
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	if _, err := fmt.Sscan(after, &e.Peak); err != nil {
		return err
	}
	e.Peak <<= 10
	return json.NewEncoder(os.Stdout).Encode(e)
}

func readBare(ctx context.Context, c Config) (time.Duration, error) {
	end, err := strconv.Atoi(os.Getenv(childMessages))
	if err != nil {
		return 0, err
	}
	nc, err := nats.Connect(c.NATSURL)
	if err != nil {
		return 0, err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return 0, err
	}
	return readAll(ctx, js, broker.StreamName(c.Instance), end)
}
