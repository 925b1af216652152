package projector

import (
	"errors"
	"fmt"
	"testing"

	"github.com/nats-io/nats.go"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/schema"
)

func TestAProjectorRefusesWhatItsCheckpointDoesNotStandFor(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(t *testing.T, b *bed)
		want   error
	}{
		"the stream was made anew": {func(t *testing.T, b *bed) {
			b.deleteStream(t)
			b.provision(t)
			b.fill(t, 5, "new")
		}, ErrLogIdentity},
		"the stream is gone": {func(t *testing.T, b *bed) { b.deleteStream(t) }, broker.ErrStreamMissing},
		"the stream lost its end": {func(t *testing.T, b *bed) {
			b.exec(t, `update clerkstream.checkpoints set sequence = 50`)
		}, ErrLogIdentity},
		"another message lies at the position": {func(t *testing.T, b *bed) {
			b.exec(t, `update clerkstream.checkpoints set message_id = 'other'`)
		}, ErrLogIdentity},
		"other projections made the generation": {func(t *testing.T, b *bed) {
			b.exec(t, `update clerkstream.generations set definition_hash = 'other'`)
		}, ErrDefinition},
		"the schema is too new": {func(t *testing.T, b *bed) {
			b.exec(t, `update clerkstream.schema_version set version = 99`)
		}, schema.ErrTooNew},
		"the schema is too old": {func(t *testing.T, b *bed) {
			b.exec(t, `update clerkstream.schema_version set version = 0`)
		}, schema.ErrTooOld},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			b.project(t, b.config(), b.fill(t, 3, "old"))
			test.change(t, b)
			if err := Run(t.Context(), b.config()); !errors.Is(err, test.want) {
				t.Errorf("it ended with %v", err)
			}
		})
	}
}

func TestAHoleAtThePositionIsNormal(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	end := b.fill(t, 3, "old")
	b.project(t, b.config(), end)
	if err := b.Stream.SecureDeleteMsg(t.Context(), end); err != nil {
		t.Fatal(err)
	}
	b.project(t, b.config(), b.Publish(t, "msg_next", named("user_9", noon, "next")))
}

func TestAStreamThatIsReplacedUnderARunningProjectorStopsIt(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	p, err := New(b.config())
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- p.Run(t.Context()) }()
	b.until(t, b.fill(t, 3, "old"))
	b.deleteStream(t)
	b.provision(t)
	b.fill(t, 9, "new")
	if err := <-ended; !errors.Is(err, ErrLogIdentity) {
		t.Errorf("it ended with %v", err)
	}
}

func TestAMessageThatIsNoEventIsPutAside(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	subject := events.Subject{Instance: b.Instance, Object: "user", EntityID: "user_1", Verb: "updated"}.String()
	end := b.PublishMessage(t, &nats.Msg{Subject: subject, Data: []byte(`{}`)})
	b.project(t, b.config(), end)
	if reason := value[string](t, b, `select reason from clerkstream.dead_letters`); reason != string(reasonUnreadable) {
		t.Errorf("the reason is %q", reason)
	}
}

func (b *bed) fill(t testing.TB, n int, name string) (end uint64) {
	t.Helper()
	for i := range n {
		end = b.Publish(t, fmt.Sprintf("msg_%s_%d", name, i), named(fmt.Sprintf("user_%d", i), noon, name))
	}
	return end
}

func (b *bed) exec(t testing.TB, sql string) {
	t.Helper()
	if _, err := b.conn.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

func (b *bed) deleteStream(t *testing.T) {
	t.Helper()
	if err := b.JS.DeleteStream(t.Context(), broker.StreamName(b.Instance)); err != nil {
		t.Fatal(err)
	}
}

func (b *bed) provision(t *testing.T) {
	t.Helper()
	if _, err := broker.Provision(t.Context(), b.JS, b.Instance, broker.Settings{}); err != nil {
		t.Fatal(err)
	}
}
