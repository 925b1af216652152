package events_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clerkstream/clerkstream/events"
)

const (
	samples  = "../testdata/payloads/"
	sampleID = "msg_sample"
	idHash   = "16f6a6ddba4d9e052a2fd352fd40b82e8b7c87e37d233926e4b2d4de456c6e52"
)

// received is when every sample is taken in: the third day of the samples' story.
var received = time.Date(2026, 9, 3, 10, 0, 0, 0, time.UTC)

func intake() events.Intake {
	return events.Intake{ID: sampleID, Instance: "prod", Source: events.SourceWebhook, Received: received}
}

func sampleNames(tb testing.TB) []string {
	tb.Helper()
	files, err := filepath.Glob(samples + "*.json")
	if err != nil || len(files) == 0 {
		tb.Fatalf("no samples: %v", err)
	}
	for i, f := range files {
		files[i] = strings.TrimSuffix(filepath.Base(f), ".json")
	}
	return files
}

func sample(tb testing.TB, name string) []byte {
	tb.Helper()
	body, err := os.ReadFile(samples + name + ".json")
	if err != nil {
		tb.Fatal(err)
	}
	return body
}

// take is the event that a sample becomes.
func take(tb testing.TB, name string) events.Event {
	tb.Helper()
	return takeBody(sample(tb, name))
}

func takeBody(body []byte) events.Event {
	e, _ := events.New(intake(), body)
	return e
}
