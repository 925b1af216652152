package broker_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
	"github.com/clerkstream/clerkstream/internal/natsserver"
)

func TestWatchAppendsAndReads(t *testing.T) {
	t.Parallel()
	s := startBroker(t)
	operator := provision(t, s)
	watch := connectAs(t, s, broker.UserWatch)
	appendEvents(t, watch.js, 0, 50)
	if got := lastSeq(t, operator, "prod"); got != 50 {
		t.Errorf("stream ends at %d, want 50", got)
	}
	stream, err := broker.Open(t.Context(), watch.js, "prod")
	if err != nil {
		t.Fatalf("watch cannot check its stream: %v", err)
	}
	readToEnd(t, watch.js, 1, 50)
	if msg, err := stream.GetLastMsgForSubject(t.Context(), "clerk.prod.user.user_7.updated"); err != nil || msg.Sequence != 8 {
		t.Errorf("get by subject: %v, error %v", msg, err)
	}
	if _, err := watch.js.OrderedConsumer(t.Context(), "CLERK_PROD", jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{"clerk.prod.user.>"}, HeadersOnly: true,
	}); err != nil {
		t.Errorf("headers of one object: %v", err)
	}
	if err := watch.LastError(); err != nil {
		t.Errorf("watch was refused something it needs: %v", err)
	}
}

// answering makes watch answer every request for an object with the request's own text.
func answering(t *testing.T, s *natsserver.Server) *client {
	t.Helper()
	watch := connectAs(t, s, broker.UserWatch)
	if _, err := watch.Subscribe(broker.HydrateSubject("*"), func(m *nats.Msg) { _ = m.Respond(m.Data) }); err != nil {
		t.Fatal(err)
	}
	if err := watch.Flush(); err != nil {
		t.Fatal(err)
	}
	return watch
}

func TestReadersMayAskForAnObjectAndOnlyWatchHears(t *testing.T) {
	t.Parallel()
	s := startBroker(t)
	readers := []*client{connectAs(t, s, broker.UserProjector), connectAs(t, s, broker.UserSubscriber)}
	for _, c := range readers {
		if _, err := c.Request(broker.HydrateSubject("prod"), nil, 20*time.Second); !errors.Is(err, nats.ErrNoResponders) {
			t.Errorf("without a watch: %v, want at once that nobody answers", err)
		}
	}
	watch := answering(t, s)
	for _, c := range readers {
		for range 3 {
			reply, err := c.Request(broker.HydrateSubject("prod"), []byte("user_1"), 20*time.Second)
			if err != nil || string(reply.Data) != "user_1" {
				t.Fatalf("answer %v, error %v", reply, err)
			}
		}
		if err := c.LastError(); err != nil {
			t.Errorf("a reader was refused: %v", err)
		}
	}
	if err := watch.LastError(); err != nil {
		t.Errorf("watch was refused: %v", err)
	}
}

// The right to answer is the one that carries: without it the reader waits in vain.
func TestWithoutTheResponseRightWatchCannotAnswer(t *testing.T) {
	t.Parallel()
	const right = `allow_responses: { max: 1, expires: "1m" }`
	conf := broker.ServerConf()
	if strings.Count(conf, right) != 1 {
		t.Fatalf("accounts.conf grants %q %d times", right, strings.Count(conf, right))
	}
	s := startConf(t, strings.Replace(conf, right, "", 1))
	watch := answering(t, s)
	if err := connectAs(t, s, broker.UserProjector).PublishRequest(broker.HydrateSubject("prod"), "_INBOX.x.y", nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a refusal", func() bool { return errors.Is(watch.LastError(), nats.ErrPermissionViolation) })
}

// Watch may append, and it answers where the asker says. In the reader's account that is no way to a stream.
func TestReaderCannotAppendThroughWatchsAnswer(t *testing.T) {
	t.Parallel()
	s := startBroker(t)
	operator := provision(t, s)
	answering(t, s)
	reader := connectAs(t, s, broker.UserProjector)
	for _, target := range []string{"clerk.staging.user.user_1.banned", "clerk.prod.user.user_1.banned"} {
		if err := reader.PublishRequest(broker.HydrateSubject("prod"), target, []byte(`{}`)); err != nil {
			t.Fatal(err)
		}
	}
	// Answers come in order: with this one the others were given.
	if _, err := reader.Request(broker.HydrateSubject("prod"), nil, 20*time.Second); err != nil {
		t.Fatal(err)
	}
	if staging, prod := lastSeq(t, operator, "staging"), lastSeq(t, operator, "prod"); staging+prod != 0 {
		t.Errorf("%d and %d messages were appended", staging, prod)
	}
	// The control: within watch's own account the same request does append.
	if err := operator.PublishRequest(broker.HydrateSubject("prod"), "clerk.staging.user.user_1.banned", []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "an appended answer", func() bool { return lastSeq(t, operator, "staging") == 1 })
}

func TestWatchWithoutItsInboxGetsNoAnswer(t *testing.T) {
	t.Parallel()
	s := startBroker(t)
	provision(t, s)
	watch := connectAs(t, s, broker.UserWatch)
	inbox, err := watch.SubscribeSync("_INBOX.shared")
	if err != nil {
		t.Fatal(err)
	}
	if err := watch.PublishRequest("$JS.API.STREAM.INFO.CLERK_PROD", "_INBOX.shared", nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a refusal", func() bool { return errors.Is(watch.LastError(), nats.ErrPermissionViolation) })
	if msg, err := inbox.NextMsg(100 * time.Millisecond); err == nil {
		t.Errorf("an answer came to an inbox that all share: %d bytes", len(msg.Data))
	}
}
