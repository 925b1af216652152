package projector

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/clerkstream/clerkstream/internal/testkit"
)

// BenchmarkSwitch measures the slowest read of eight readers in a loop: undisturbed, then while readers are switched to and fro without end, then the
// same beside a report that holds the tables for two seconds at a time. Any error or missing row fails it.
//
//	go test ./projector -run '^$' -bench Switch -benchtime 1x
func BenchmarkSwitch(b *testing.B) {
	bed := newBed(b)
	w := &author{names: map[string]string{}}
	for i := range sideUsers {
		w.write(b, bed, i)
	}
	c := bed.config()
	c.Log = slog.New(slog.DiscardHandler)
	_, _ = bed.start(b, c)
	bed.until(b, w.end)
	o := bed.operator(b, bed.config())
	if _, err := o.Rebuild(b.Context(), nil); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		for _, phase := range []struct {
			name            string
			switch_, report bool
		}{{"undisturbed", false, false}, {"switching", true, false}, {"switching-beside-report", true, true}} {
			a := bed.audience(b, 8)
			switches := 0
			report(b, bed, phase.report, func() {
				for end := time.Now().Add(5 * time.Second); time.Now().Before(end); {
					if !phase.switch_ {
						<-time.After(100 * time.Millisecond)
						continue
					}
					bed.must(b, "switch", func() error { _, err := o.Switch(b.Context(), SwitchOptions{Generation: other(switches)}); return err })
					switches++
					<-time.After(20 * time.Millisecond)
				}
				if switches%2 == 1 {
					bed.must(b, "switch", func() error { _, err := o.Rollback(b.Context(), SwitchOptions{}); return err })
				}
			})
			a.leave()
			for _, wrong := range a.complaints() {
				b.Error(wrong)
			}
			b.ReportMetric(float64(a.slowest.Load())/1e6, phase.name+"-max-ms")
			b.ReportMetric(float64(a.slow.Load()), phase.name+"-over-50-ms")
			b.ReportMetric(float64(a.reads.Load())/5, phase.name+"-reads/s")
			if phase.switch_ {
				b.ReportMetric(float64(switches), phase.name+"-switches")
			}
		}
	}
}

// other is the generation that is not live after n switches from generation 1.
func other(n int) int { return 2 - n%2 }

// report runs while what it is given runs, if it is to: queries that read the tables for two seconds each.
func report(b *testing.B, bed *bed, run bool, meanwhile func()) {
	if !run {
		meanwhile()
		return
	}
	conn := testkit.Connect(b, bed.url)
	ctx, cancel := context.WithCancel(b.Context())
	var reporting sync.WaitGroup
	reporting.Go(func() {
		for ctx.Err() == nil {
			if _, err := conn.Exec(ctx, `select count(*), pg_sleep(2) from clerk.users, clerk.user_identifiers`); err != nil && ctx.Err() == nil {
				b.Error(fmt.Errorf("report: %w", err))
				return
			}
		}
	})
	meanwhile()
	cancel()
	reporting.Wait()
}
