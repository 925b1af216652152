package broker_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
)

// `nats stream add --config` sends the file to the server, which knows every field.
func TestStreamFileIsWhatTheServerUnderstands(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("stream.json")
	if err != nil {
		t.Fatal(err)
	}
	var cfg server.StreamConfig
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&cfg); err != nil {
		t.Fatal(err)
	}
	if cfg.Name != broker.StreamName("default") || len(cfg.Subjects) != 1 || cfg.Subjects[0] != broker.Subjects("default") {
		t.Errorf("stream.json is %s with %q, not the instance default", cfg.Name, cfg.Subjects)
	}
}

func TestStreamKeepsEverythingForEver(t *testing.T) {
	t.Parallel()
	cfg, err := broker.StreamConfig("prod", broker.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case cfg.Retention != jetstream.LimitsPolicy, cfg.Discard != jetstream.DiscardNew, cfg.Storage != jetstream.FileStorage:
		t.Errorf("retention %s, discard %s, storage %s", cfg.Retention, cfg.Discard, cfg.Storage)
	case cfg.MaxAge != 0, cfg.MaxMsgs != -1, cfg.MaxBytes != -1, cfg.MaxMsgsPerSubject != -1:
		t.Errorf("limits: age %s, messages %d, bytes %d, per subject %d", cfg.MaxAge, cfg.MaxMsgs, cfg.MaxBytes, cfg.MaxMsgsPerSubject)
	case cfg.Duplicates != 2*time.Hour, cfg.Replicas != 1, cfg.Compression != jetstream.S2Compression:
		t.Errorf("duplicate window %s, replicas %d, compression %s", cfg.Duplicates, cfg.Replicas, cfg.Compression)
	case !cfg.AllowDirect, !cfg.AllowMsgTTL, cfg.DenyDelete, cfg.DenyPurge, cfg.AllowRollup:
		t.Errorf("direct %v, ttl %v, deny %v/%v, rollup %v", cfg.AllowDirect, cfg.AllowMsgTTL, cfg.DenyDelete, cfg.DenyPurge, cfg.AllowRollup)
	}
}

func TestStreamConfigOfAnInstance(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		instance string
		settings broker.Settings
		name     string
		subjects string
		err      error
	}{
		{instance: "prod", name: "CLERK_PROD", subjects: "clerk.prod.>"},
		{instance: "eu-west_2", name: "CLERK_EU-WEST_2", subjects: "clerk.eu-west_2.>"},
		{instance: "Prod", name: "CLERK_PROD", subjects: "clerk.Prod.>"},
		{instance: "prod", settings: broker.Settings{Replicas: 3, DuplicateWindow: time.Minute}, name: "CLERK_PROD", subjects: "clerk.prod.>"},
		{instance: "", err: broker.ErrInstanceName},
		{instance: "a.b", err: broker.ErrInstanceName},
		{instance: "*", err: broker.ErrInstanceName},
		{instance: ">", err: broker.ErrInstanceName},
		{instance: "a b", err: broker.ErrInstanceName},
		{instance: "a/b", err: broker.ErrInstanceName},
		{instance: "prod\n", err: broker.ErrInstanceName},
		{instance: "prod", settings: broker.Settings{Replicas: 2}, err: broker.ErrSettings},
		{instance: "prod", settings: broker.Settings{Replicas: -1}, err: broker.ErrSettings},
		{instance: "prod", settings: broker.Settings{DuplicateWindow: time.Millisecond}, err: broker.ErrSettings},
		{instance: "prod", settings: broker.Settings{DuplicateWindow: -time.Hour}, err: broker.ErrSettings},
	} {
		cfg, err := broker.StreamConfig(tc.instance, tc.settings)
		if !errors.Is(err, tc.err) {
			t.Errorf("%q %+v: error %v, want %v", tc.instance, tc.settings, err, tc.err)
			continue
		}
		if err != nil {
			continue
		}
		if cfg.Name != tc.name || cfg.Subjects[0] != tc.subjects {
			t.Errorf("%q: %s takes %q, want %s and %s", tc.instance, cfg.Name, cfg.Subjects, tc.name, tc.subjects)
		}
		if tc.settings.Replicas != 0 && (cfg.Replicas != 3 || cfg.Duplicates != time.Minute) {
			t.Errorf("%+v: replicas %d, window %s", tc.settings, cfg.Replicas, cfg.Duplicates)
		}
	}
}
