package broker

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// setting is one line of stream.json: what it is called there, how to compare and
// to change it, and what hangs on it.
type setting struct {
	name string
	get  func(*jetstream.StreamConfig) any
	set  func(dst, want *jetstream.StreamConfig)
	// promised: a guarantee of ours is broken while it differs.
	promised bool
	// fixed says why an existing stream cannot be mended, or must not be.
	fixed string
}

// differs compares by value; wants and haves come from the same decoder, and the
// server reports absent limits as -1, as stream.json does.
func (s setting) differs(want, have *jetstream.StreamConfig) bool {
	return !reflect.DeepEqual(s.get(want), s.get(have))
}

func (s setting) fixedBecause(reason string) setting {
	s.fixed = reason
	return s
}

// promise and choice build a setting from the one field it is about.
func promise[T any](name string, field func(*jetstream.StreamConfig) *T) setting {
	s := choice(name, field)
	s.promised = true
	return s
}

func choice[T any](name string, field func(*jetstream.StreamConfig) *T) setting {
	return setting{
		name: name,
		get:  func(c *jetstream.StreamConfig) any { return *field(c) },
		set:  func(dst, want *jetstream.StreamConfig) { *field(dst) = *field(want) },
	}
}

// present compares only whether an optional part is there: ours never is.
func present(name string, get func(*jetstream.StreamConfig) bool, reason string) setting {
	return setting{
		name:     name,
		get:      func(c *jetstream.StreamConfig) any { return get(c) },
		promised: true,
		fixed:    reason,
	}
}

type (
	config   = jetstream.StreamConfig
	duration = time.Duration
)

// settings is every setting we have an opinion on. What is not here (placement,
// metadata, republish, consumer limits) is the operator's: it is neither compared
// nor touched.
func settings() []setting {
	return slices.Concat([]setting{
		promise("subjects", func(c *config) *[]string { return &c.Subjects }).
			fixedBecause("the stream belongs to something else, or to an instance whose name differs in case"),
		promise("storage", func(c *config) *jetstream.StorageType { return &c.Storage }).
			fixedBecause("a stream cannot change its storage"),
		promise("retention", func(c *config) *jetstream.RetentionPolicy { return &c.Retention }).
			fixedBecause("messages that were consumed are gone already"),
		promise("persist_mode", func(c *config) *jetstream.PersistModeType { return &c.PersistMode }).
			fixedBecause("appends are acknowledged before they are written, and a stream cannot change that"),
		promise("max_consumers", func(c *config) *int { return &c.MaxConsumers }).
			fixedBecause("a stream cannot change its number of consumers"),
		promise("sealed", func(c *config) *bool { return &c.Sealed }).
			fixedBecause("a sealed stream takes no more messages, for ever"),
		promise("deny_delete", func(c *config) *bool { return &c.DenyDelete }).
			fixedBecause("it cannot be taken back, and erasure needs to delete"),
		promise("deny_purge", func(c *config) *bool { return &c.DenyPurge }).
			fixedBecause("it cannot be taken back, and erasure needs to purge"),
		promise("allow_msg_counter", func(c *config) *bool { return &c.AllowMsgCounter }).
			fixedBecause("the stream holds counters, not events, and cannot change that"),
		present("mirror", func(c *config) bool { return c.Mirror != nil }, "its messages are another stream's: promote it by hand"),
		present("sources", func(c *config) bool { return len(c.Sources) > 0 }, "its messages are other streams' too"),
		present("subject_transform", func(c *config) bool { return c.SubjectTransform != nil }, "what is stored already has been changed by it"),
	}, limits(), []setting{
		promise("no_ack", func(c *config) *bool { return &c.NoAck }),
		promise("allow_rollup_hdrs", func(c *config) *bool { return &c.AllowRollup }),
		promise("allow_msg_ttl", func(c *config) *bool { return &c.AllowMsgTTL }),
		promise("allow_direct", func(c *config) *bool { return &c.AllowDirect }),
		choice("compression", func(c *config) *jetstream.StoreCompression { return &c.Compression }),
	})
}

// limits are the ways a stream can lose a message by itself. All can be lifted.
func limits() []setting {
	return []setting{
		promise("discard", func(c *config) *jetstream.DiscardPolicy { return &c.Discard }),
		promise("discard_new_per_subject", func(c *config) *bool { return &c.DiscardNewPerSubject }),
		promise("max_age", func(c *config) *duration { return &c.MaxAge }),
		promise("max_msgs", func(c *config) *int64 { return &c.MaxMsgs }),
		promise("max_bytes", func(c *config) *int64 { return &c.MaxBytes }),
		promise("max_msgs_per_subject", func(c *config) *int64 { return &c.MaxMsgsPerSubject }),
		promise("max_msg_size", func(c *config) *int32 { return &c.MaxMsgSize }),
		promise("subject_delete_marker_ttl", func(c *config) *duration { return &c.SubjectDeleteMarkerTTL }),
	}
}

func show(v any) string {
	switch v := v.(type) {
	case []string:
		return fmt.Sprintf("%q", v)
	case fmt.Stringer:
		return v.String()
	default:
		return fmt.Sprint(v)
	}
}
