package broker_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
)

type fault = func(*jetstream.StreamConfig)

// faults is each setting changed alone.
func faults() []struct {
	setting string
	spoil   fault
	// fixed: Provision refuses and changes nothing. Otherwise it mends.
	fixed bool
	// tolerated: Check says nothing.
	tolerated bool
} {
	return []struct {
		setting   string
		spoil     fault
		fixed     bool
		tolerated bool
	}{
		{setting: "storage", spoil: func(c *jetstream.StreamConfig) { c.Storage = jetstream.MemoryStorage }, fixed: true},
		{setting: "subjects", spoil: func(c *jetstream.StreamConfig) { c.Subjects = []string{"clerk.Prod.>"} }, fixed: true},
		{setting: "subjects", spoil: func(c *jetstream.StreamConfig) { c.Subjects = append(c.Subjects, "other.>") }, fixed: true},
		{setting: "retention", spoil: func(c *jetstream.StreamConfig) { c.Retention = jetstream.InterestPolicy }, fixed: true},
		{setting: "retention", spoil: func(c *jetstream.StreamConfig) { c.Retention = jetstream.WorkQueuePolicy }, fixed: true},
		{setting: "persist_mode", spoil: func(c *jetstream.StreamConfig) { c.PersistMode = jetstream.AsyncPersistMode }, fixed: true},
		{setting: "max_consumers", spoil: func(c *jetstream.StreamConfig) { c.MaxConsumers = 2 }, fixed: true},
		{setting: "deny_delete", spoil: func(c *jetstream.StreamConfig) { c.DenyDelete = true }, fixed: true},
		{setting: "deny_purge", spoil: func(c *jetstream.StreamConfig) { c.DenyPurge = true }, fixed: true},
		{setting: "allow_msg_counter", spoil: func(c *jetstream.StreamConfig) {
			c.AllowMsgCounter, c.AllowMsgTTL, c.Discard = true, false, jetstream.DiscardOld
		}, fixed: true},
		{setting: "mirror", spoil: func(c *jetstream.StreamConfig) { c.Subjects, c.Mirror = nil, &jetstream.StreamSource{Name: "OTHER"} }, fixed: true},
		{setting: "sources", spoil: func(c *jetstream.StreamConfig) { c.Sources = []*jetstream.StreamSource{{Name: "OTHER"}} }, fixed: true},
		{setting: "subject_transform", spoil: func(c *jetstream.StreamConfig) {
			c.SubjectTransform = &jetstream.SubjectTransformConfig{Source: ">", Destination: "clerk.prod.x.>"}
		}, fixed: true},

		{setting: "discard", spoil: func(c *jetstream.StreamConfig) { c.Discard = jetstream.DiscardOld }},
		{setting: "discard_new_per_subject", spoil: func(c *jetstream.StreamConfig) { c.DiscardNewPerSubject, c.MaxMsgsPerSubject = true, 1 }},
		{setting: "max_age", spoil: func(c *jetstream.StreamConfig) { c.MaxAge = 24 * time.Hour }},
		{setting: "max_msgs", spoil: func(c *jetstream.StreamConfig) { c.MaxMsgs = 1000 }},
		{setting: "max_bytes", spoil: func(c *jetstream.StreamConfig) { c.MaxBytes = 1 << 20 }},
		{setting: "max_msgs_per_subject", spoil: func(c *jetstream.StreamConfig) { c.MaxMsgsPerSubject = 1 }},
		{setting: "max_msg_size", spoil: func(c *jetstream.StreamConfig) { c.MaxMsgSize = 1000 }},
		{setting: "subject_delete_marker_ttl", spoil: func(c *jetstream.StreamConfig) { c.SubjectDeleteMarkerTTL, c.AllowRollup = time.Hour, true }},
		{setting: "no_ack", spoil: func(c *jetstream.StreamConfig) { c.NoAck = true }},
		{setting: "allow_rollup_hdrs", spoil: func(c *jetstream.StreamConfig) { c.AllowRollup = true }},
		{setting: "allow_msg_ttl", spoil: func(c *jetstream.StreamConfig) { c.AllowMsgTTL = false }},
		{setting: "allow_direct", spoil: func(c *jetstream.StreamConfig) { c.AllowDirect = false }},

		{setting: "compression", spoil: func(c *jetstream.StreamConfig) { c.Compression = jetstream.NoCompression }, tolerated: true},
		{setting: "duplicate_window", spoil: func(c *jetstream.StreamConfig) { c.Duplicates = time.Minute }, tolerated: true},
	}
}

func TestEachSettingIsCheckedAndMendedOrRefused(t *testing.T) {
	t.Parallel()
	for _, f := range faults() {
		t.Run(f.setting, func(t *testing.T) {
			t.Parallel()
			js := connectAs(t, startBroker(t), broker.UserOperator).js
			if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "OTHER", Subjects: []string{"another.>"}}); err != nil {
				t.Fatal(err)
			}
			cfg, err := broker.StreamConfig("prod", broker.Settings{})
			if err != nil {
				t.Fatal(err)
			}
			f.spoil(&cfg)
			stream, err := js.CreateStream(t.Context(), cfg)
			if err != nil {
				t.Fatalf("create the spoilt stream: %v", err)
			}
			before := stream.CachedInfo().Config

			checkNames(t, broker.Check(stream.CachedInfo(), "prod"), f.setting, f.tolerated)
			differences, err := broker.Differences(stream.CachedInfo(), "prod")
			if err != nil || len(differences) == 0 {
				t.Errorf("differences %v, error %v", differences, err)
			}

			outcome, err := broker.Provision(t.Context(), js, "prod", broker.Settings{})
			after, lookup := js.Stream(t.Context(), "CLERK_PROD")
			if lookup != nil {
				t.Fatal(lookup)
			}
			now := after.CachedInfo().Config
			switch {
			case f.fixed:
				if !errors.Is(err, broker.ErrCannotMend) || !strings.Contains(err.Error(), f.setting) {
					t.Errorf("provision: %v, want ErrCannotMend that names %s", err, f.setting)
				}
				if now.Storage != before.Storage || now.Retention != before.Retention || now.MaxAge != before.MaxAge {
					t.Errorf("a refused stream was changed: %+v", now)
				}
			case f.setting == "duplicate_window":
				// An installation's choice: nobody asked for another.
				if err != nil || outcome != broker.Unchanged || now.Duplicates != time.Minute {
					t.Errorf("outcome %s, error %v, window %s", outcome, err, now.Duplicates)
				}
			default:
				if err != nil || outcome != broker.Updated {
					t.Errorf("outcome %s, error %v, want updated", outcome, err)
				}
				if err := broker.Check(after.CachedInfo(), "prod"); err != nil {
					t.Errorf("after mending: %v", err)
				}
			}
		})
	}
}

func checkNames(t *testing.T, err error, setting string, tolerated bool) {
	t.Helper()
	if tolerated {
		if err != nil {
			t.Errorf("check refuses a tolerated difference: %v", err)
		}
		return
	}
	if !errors.Is(err, broker.ErrStreamDiffers) {
		t.Fatalf("check: %v, want ErrStreamDiffers", err)
	}
	for _, part := range []string{setting + " is ", "CLERK_PROD", "clerkstream provision"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error does not say %q: %v", part, err)
		}
	}
}

func TestSealedStreamIsRefused(t *testing.T) {
	t.Parallel()
	operator := provision(t, startBroker(t))
	stream, err := operator.js.Stream(t.Context(), "CLERK_PROD")
	if err != nil {
		t.Fatal(err)
	}
	cfg := stream.CachedInfo().Config
	cfg.Sealed = true // possible only by an update
	if stream, err = operator.js.UpdateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	checkNames(t, broker.Check(stream.CachedInfo(), "prod"), "sealed", false)
	if _, err := broker.Provision(t.Context(), operator.js, "prod", broker.Settings{}); !errors.Is(err, broker.ErrCannotMend) {
		t.Errorf("provision: %v, want ErrCannotMend", err)
	}
}

func TestCheckListsEveryDifferenceAtOnce(t *testing.T) {
	t.Parallel()
	js := connectAs(t, startBroker(t), broker.UserOperator).js
	cfg, err := broker.StreamConfig("prod", broker.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	cfg.MaxAge, cfg.MaxMsgs, cfg.AllowDirect, cfg.DenyPurge = 24*time.Hour, 5, false, true
	stream, err := js.CreateStream(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	err = broker.Check(stream.CachedInfo(), "prod")
	for _, setting := range []string{"max_age", "max_msgs", "allow_direct", "deny_purge"} {
		checkNames(t, err, setting, false)
	}
}

func TestProvisionIsCreatedThenUnchangedThenUpdated(t *testing.T) {
	t.Parallel()
	js := connectAs(t, startBroker(t), broker.UserOperator).js
	if _, err := broker.Open(t.Context(), js, "prod"); !errors.Is(err, broker.ErrStreamMissing) || !strings.Contains(err.Error(), "clerkstream provision") {
		t.Errorf("before: %v, want ErrStreamMissing with the command", err)
	}
	for _, step := range []struct {
		settings broker.Settings
		want     broker.Outcome
		window   time.Duration
	}{
		{broker.Settings{}, broker.Created, 2 * time.Hour},
		{broker.Settings{}, broker.Unchanged, 2 * time.Hour},
		{broker.Settings{DuplicateWindow: time.Hour}, broker.Updated, time.Hour},
		{broker.Settings{DuplicateWindow: time.Hour, Replicas: 1}, broker.Unchanged, time.Hour},
		{broker.Settings{}, broker.Unchanged, time.Hour},
	} {
		outcome, err := broker.Provision(t.Context(), js, "prod", step.settings)
		if err != nil || outcome != step.want {
			t.Fatalf("%+v: %s, %v, want %s", step.settings, outcome, err, step.want)
		}
		stream, err := broker.Open(t.Context(), js, "prod")
		if err != nil {
			t.Fatal(err)
		}
		if got := stream.CachedInfo().Config.Duplicates; got != step.window {
			t.Errorf("%+v: window %s, want %s", step.settings, got, step.window)
		}
	}
}

func TestProvisionLeavesTheOperatorsChoicesAlone(t *testing.T) {
	t.Parallel()
	js := connectAs(t, startBroker(t), broker.UserOperator).js
	cfg, err := broker.StreamConfig("prod", broker.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	cfg.MaxAge = 24 * time.Hour // something to mend
	cfg.Description, cfg.Metadata = "ours", map[string]string{"team": "identity"}
	if _, err := js.CreateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), "clerk.prod.user.user_1.created", nil); err != nil {
		t.Fatal(err)
	}
	if outcome, err := broker.Provision(t.Context(), js, "prod", broker.Settings{}); err != nil || outcome != broker.Updated {
		t.Fatalf("%s, %v", outcome, err)
	}
	stream, err := broker.Open(t.Context(), js, "prod")
	if err != nil {
		t.Fatal(err)
	}
	info := stream.CachedInfo()
	if info.Config.Description != "ours" || info.Config.Metadata["team"] != "identity" || info.State.Msgs != 1 {
		t.Errorf("description %q, metadata %v, messages %d", info.Config.Description, info.Config.Metadata, info.State.Msgs)
	}
}

func TestTwoInstancesThatDifferInCaseOnlyAreRefused(t *testing.T) {
	t.Parallel()
	operator := provision(t, startBroker(t))
	if _, err := broker.Provision(t.Context(), operator.js, "Prod", broker.Settings{}); !errors.Is(err, broker.ErrCannotMend) {
		t.Errorf("second instance of the same name: %v, want ErrCannotMend", err)
	}
	if _, err := broker.Open(t.Context(), operator.js, "Prod"); !errors.Is(err, broker.ErrStreamDiffers) {
		t.Errorf("open: %v, want ErrStreamDiffers", err)
	}
}

func TestProvisionTwiceAtOnce(t *testing.T) {
	t.Parallel()
	js := connectAs(t, startBroker(t), broker.UserOperator).js
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := broker.Provision(t.Context(), js, "prod", broker.Settings{}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestReplicasNeedACluster(t *testing.T) {
	t.Parallel()
	operator := provision(t, startBroker(t))
	_, err := broker.Provision(t.Context(), operator.js, "prod", broker.Settings{Replicas: 3})
	if err == nil || !strings.Contains(err.Error(), "replicas > 1 not supported") {
		t.Errorf("three replicas on one node: %v", err)
	}
}

func TestOnlyTheOperatorProvisions(t *testing.T) {
	t.Parallel()
	s := startBroker(t)
	ingest := connectAs(t, s, broker.UserIngest)
	if outcome, err := broker.Provision(t.Context(), ingest.js, "prod", broker.Settings{}); err == nil {
		t.Errorf("ingest has %s the stream", outcome)
	}
}
