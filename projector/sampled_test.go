package projector

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/clerkstream/clerkstream/internal/testkit"
	"github.com/clerkstream/clerkstream/internal/testkit/syncbuffer"
)

func TestSampledVerificationFindsAPlantedChangeAndTellsTheMetric(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.populate(t)
	registry := prometheus.NewRegistry()
	log := &syncbuffer.Buffer{}
	c := b.config()
	c.Metrics, c.VerifyEvery, c.VerifySample, c.Log = registry, 50*time.Millisecond, 100, slog.New(slog.NewTextHandler(log, nil))
	_, stop := b.start(t, c)
	names, stopWriting := b.writing(t)

	// Ten rounds beside a writer find nothing wrong with anybody.
	seen := float64(0)
	for range 10 {
		testkit.Eventually(t, func() error {
			at := metric(t, registry, "clerkstream_projector_verified_at_seconds")
			if at <= seen {
				return fmt.Errorf("the last round was at %f", at)
			}
			seen = at
			return nil
		})
		if n := metric(t, registry, "clerkstream_projector_verify_differences"); n != 0 {
			t.Fatalf("%f rows of a healthy database differ: %s", n, log.String())
		}
	}
	if metric(t, registry, "clerkstream_projector_verified_entities_total") < 100 {
		t.Error("hardly an entity was looked at")
	}
	stopWriting()
	names.mu.Lock()
	last := names.all[len(names.all)-1]
	names.mu.Unlock()
	b.until(t, last.sequence)

	// Of the writer's users, whose messages are most of the stream: any round is likely to pick them, however long the rounds before took.
	id := value[string](t, b, `update clerk_g1.users set first_name = 'planted secret' where id = $1 returning id`, last.id)
	testkit.Eventually(t, func() error {
		if n := metric(t, registry, "clerkstream_projector_verify_differences"); n != 1 {
			return fmt.Errorf("%f rows differ", n)
		}
		return nil
	})
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if out := log.String(); !strings.Contains(out, "users "+id) || !strings.Contains(out, "level=ERROR") || strings.Contains(out, "planted secret") || strings.Contains(out, "level=WARN") {
		t.Errorf("it logged %s", out)
	}
}

// metric is the value of the only series of this name.
func metric(t *testing.T, registry *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue() + f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	return 0
}
