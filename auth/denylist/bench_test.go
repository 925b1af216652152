package denylist

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/clerkstream/clerkstream/auth"
	"github.com/clerkstream/clerkstream/internal/demo"
	"github.com/clerkstream/clerkstream/internal/testkit"
)

// BenchmarkRevocation measures the way from a webhook's arrival to the first refusal, with everything on this machine: ingest, stream, projector, notice,
// list. At 50 revocations a second, each begins when it is due, whether or not the ones before were enforced.
func BenchmarkRevocation(b *testing.B) {
	const rate, revocations = 50, 500
	for b.Loop() {
		err := demo.Run(b.Context(), demo.StackConfig{Instance: "bench", ListenAddr: "127.0.0.1:0", Reachable: true, Log: slog.New(slog.DiscardHandler)},
			func(ctx context.Context, s *demo.Stack) error {
				took, err := revoke(ctx, s, rate, revocations)
				if err != nil {
					return err
				}
				slices.Sort(took)
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
				b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
				b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "max-ms")
				return nil
			})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// revoke takes somebody's access away at each due moment, and returns how long each of them still had it.
func revoke(ctx context.Context, s *demo.Stack, rate, revocations int) ([]time.Duration, error) {
	pool, err := pgxpool.New(ctx, s.ReaderURL())
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	d, err := New(Config{Pool: pool, Leeway: time.Millisecond})
	if err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	group, running := errgroup.WithContext(running)
	group.Go(func() error { return d.Run(running) })
	defer func() { _ = group.Wait() }()
	defer stop()
	for !d.Listening() {
		if running.Err() != nil {
			return nil, group.Wait()
		}
		time.Sleep(time.Millisecond)
	}
	client := &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	defer client.CloseIdleConnections()
	var (
		all    errgroup.Group
		mu     sync.Mutex
		took   []time.Duration
		issued = time.Now().Add(time.Second).Truncate(time.Second)
		begin  = issued.Add(time.Second)
	)
	for i := range revocations {
		due := begin.Add(time.Duration(i) * time.Second / time.Duration(rate))
		time.Sleep(time.Until(due))
		all.Go(func() error {
			m := newMember(fmt.Sprint(i))
			token := m.token(issued, "org:admin")
			if err := d.Check(ctx, token); err != nil {
				return fmt.Errorf("%s is refused before anything happened: %w", m.user, err)
			}
			posted := make(chan error, 1)
			go func() {
				posted <- testkit.Post(ctx, client, s.WebhookURL(), s.Secret, fmt.Sprint("msg_", i), m.revocation(i))
			}()
			for d.Check(ctx, token) == nil {
				if time.Since(due) > 10*time.Second {
					return fmt.Errorf("%s still has access: %w", m.user, <-posted)
				}
				time.Sleep(100 * time.Microsecond)
			}
			mu.Lock()
			took = append(took, time.Since(due))
			mu.Unlock()
			return <-posted
		})
	}
	return took, all.Wait()
}

// revocation is one of three ways in turn.
func (m member) revocation(i int) []byte {
	switch i % 3 {
	case 0:
		return m.userEvent("user.updated", time.Now(), testkit.Data{"banned": true})
	case 1:
		return m.sessionEvent("revoked", time.Now(), "revoked")
	default:
		return m.membershipEvent("deleted", time.Now(), "org:admin")
	}
}

func quiet(c *Config) { c.Log = slog.New(slog.DiscardHandler) }

// BenchmarkCheck is what the list costs a request whose token is in order: when nothing is denied, when much is, and when the token was looked up.
func BenchmarkCheck(b *testing.B) {
	m := newMember("2abcdefghijklmnopqrstuvwxyz")
	for _, one := range []struct {
		name    string
		entries int
		issued  time.Time
	}{{"empty", 0, at(10)}, {"entries=10000", 10_000, at(10)}, {"looked-up", 10_000, at(-10)}} {
		b.Run(one.name, func(b *testing.B) {
			bed := prepare(b, stack.Database(b))
			bed.exists(b, m)
			bed.listen(b, quiet)
			bed.Denylist.mu.Lock()
			for i := range one.entries {
				kind := kind(i % len(parts))
				bed.entries.set(subject{kind, fmt.Sprintf("user_2abcdefghijklmnopqrst%d", i), ""}, entry{until: forever, code: auth.CodeUserBanned, made: noon.UnixMilli()})
			}
			bed.Denylist.mu.Unlock()
			token := m.token(one.issued, "org:admin")
			b.ReportAllocs()
			for b.Loop() {
				if err := bed.Check(b.Context(), token); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("parallel", func(b *testing.B) {
		bed := newBed(b, quiet)
		token := m.token(at(10), "org:admin")
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := bed.Check(b.Context(), token); err != nil {
					b.Error(err)
				}
			}
		})
	})
}
