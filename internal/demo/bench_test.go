package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/internal/testkit"
	"github.com/clerkstream/clerkstream/projector"
)

// BenchmarkVisible measures the way from a delivery to its visible row, with everything on this machine, at 500 deliveries a second: each begins when it is
// due, whether or not the ones before were answered. A row is visible when the change feed tells a reader of it.
func BenchmarkVisible(b *testing.B) {
	const rate, deliveries = 500, 10_000
	for b.Loop() {
		err := Run(b.Context(), StackConfig{Instance: "bench", ListenAddr: "127.0.0.1:0", Reachable: true, Log: slog.New(slog.DiscardHandler)},
			func(ctx context.Context, s *Stack) error {
				lags, err := visible(ctx, s, rate, deliveries)
				if err != nil {
					return err
				}
				slices.Sort(lags)
				b.ReportMetric(float64(lags[len(lags)/2].Microseconds())/1000, "p50-ms")
				b.ReportMetric(float64(lags[len(lags)*99/100].Microseconds())/1000, "p99-ms")
				return nil
			})
		if err != nil {
			b.Fatal(err)
		}
	}
}

func visible(ctx context.Context, s *Stack, rate, deliveries int) (lags []time.Duration, err error) {
	conn, err := pgx.Connect(ctx, s.DatabaseURL())
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, `listen `+projector.FeedChannel("clerk")); err != nil {
		return nil, err
	}
	due := make([]time.Time, deliveries)
	begin := time.Now().Add(100 * time.Millisecond)
	for i := range due {
		due[i] = begin.Add(time.Duration(i) * time.Second / time.Duration(rate))
	}
	failed := make(chan error, deliveries)
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() { deliver(ctx, s, due, failed) })
	for len(lags) < deliveries {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return nil, err
		}
		select {
		case err := <-failed:
			return nil, err
		default:
		}
		var change struct{ Changes map[string][]string }
		if err := json.Unmarshal([]byte(n.Payload), &change); err != nil {
			return nil, err
		}
		now := time.Now()
		for _, id := range change.Changes["users"] {
			var i int
			if _, err := fmt.Sscanf(id, "user_%d", &i); err != nil {
				return nil, err
			}
			lags = append(lags, now.Sub(due[i]))
		}
	}
	return lags, nil
}

// deliver posts one delivery at each due moment, each in a goroutine of its own, and waits for all.
func deliver(ctx context.Context, s *Stack, due []time.Time, failed chan<- error) {
	client := &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
	defer client.CloseIdleConnections()
	var all sync.WaitGroup
	defer all.Wait()
	for i, at := range due {
		time.Sleep(time.Until(at))
		body := testkit.Body("user.updated", time.Now(), testkit.Data{
			"id": fmt.Sprintf("user_%d", i), "unsafe_metadata": testkit.Data{"filler": strings.Repeat("x", 2000)},
			"email_addresses":   []any{testkit.Data{"id": "idn_1", "email_address": fmt.Sprintf("u%d@x.example", i)}},
			"external_accounts": []any{testkit.Data{"id": "eac_1", "provider": "oauth_google", "provider_user_id": fmt.Sprint(i)}},
		})
		all.Go(func() {
			if err := testkit.Post(ctx, client, s.WebhookURL(), s.Secret, fmt.Sprintf("msg_%d", i), body); err != nil {
				failed <- err
			}
		})
	}
}
