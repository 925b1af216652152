package broker_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
	"github.com/clerkstream/clerkstream/internal/natsserver"
)

// appendEvents publishes as ingest does: async, each with its id, each awaiting
// its own PubAck and checking the stream.
func appendEvents(t *testing.T, js jetstream.JetStream, from, n int) {
	t.Helper()
	acks := make([]jetstream.PubAckFuture, n)
	for i := range acks {
		msg := nats.NewMsg(fmt.Sprintf("clerk.prod.user.user_%d.updated", from+i))
		msg.Data = []byte(`{"type":"user.updated"}`)
		var err error
		acks[i], err = js.PublishMsgAsync(msg,
			jetstream.WithMsgID(fmt.Sprintf("prod:msg_%d", from+i)), jetstream.WithExpectStream("CLERK_PROD"))
		if err != nil {
			t.Fatalf("append %d: %v", i, err)
		}
	}
	for i, ack := range acks {
		select {
		case a := <-ack.Ok():
			if a.Stream != "CLERK_PROD" || a.Duplicate {
				t.Fatalf("append %d: ack %+v", i, a)
			}
		case err := <-ack.Err():
			t.Fatalf("append %d: %v", i, err)
		case <-time.After(10 * time.Second):
			t.Fatalf("append %d: no ack", i)
		}
	}
}

func TestIngestAppendsAndReadsNothing(t *testing.T) {
	t.Parallel()
	s := startBroker(t)
	operator := provision(t, s)
	ingest := connectAs(t, s, broker.UserIngest)

	appendEvents(t, ingest.js, 0, 50)
	if _, err := broker.Open(t.Context(), ingest.js, "prod"); err != nil {
		t.Errorf("ingest cannot check its stream: %v", err)
	}
	if got := lastSeq(t, operator, "prod"); got != 50 {
		t.Errorf("stream ends at %d, want 50", got)
	}
	if err := ingest.LastError(); err != nil {
		t.Errorf("ingest was refused something it needs: %v", err)
	}

	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	stream, err := ingest.js.Stream(ctx, "CLERK_PROD")
	if err != nil {
		t.Fatal(err)
	}
	if msg, err := stream.GetMsg(ctx, 1); err == nil {
		t.Errorf("ingest reads a message: %s", msg.Subject)
	}
}

// An inbox that all users share would let ingest read what the operator reads.
func TestIngestWithoutItsInboxGetsNoAnswer(t *testing.T) {
	t.Parallel()
	s := startBroker(t)
	provision(t, s)
	nc, err := nats.Connect(s.URL(), nats.UserInfo(broker.UserIngest, password(broker.UserIngest)),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := nc.Request("$JS.API.STREAM.INFO.CLERK_PROD", nil, time.Second); err == nil {
		t.Error("a shared inbox works")
	}
	if !errors.Is(nc.LastError(), nats.ErrPermissionViolation) {
		t.Errorf("last error %v, want a permission violation", nc.LastError())
	}
}

func TestProjectorReadsTheWholeStreamInOrder(t *testing.T) {
	t.Parallel()
	s := startBroker(t)
	provision(t, s)
	const events = 3000 // several pulls
	appendEvents(t, connectAs(t, s, broker.UserIngest).js, 0, events)

	projector := connectAs(t, s, broker.UserProjector)
	stream, err := broker.Open(t.Context(), projector.js, "prod")
	if err != nil {
		t.Fatalf("projector cannot check its stream: %v", err)
	}
	readToEnd(t, projector.js, 1, events)
	readToEnd(t, projector.js, 1001, events)

	msg, err := stream.GetMsg(t.Context(), events)
	if err != nil || msg.Sequence != events {
		t.Errorf("get the last message: %v, error %v", msg, err)
	}
	if msg, err = stream.GetLastMsgForSubject(t.Context(), "clerk.prod.user.user_7.updated"); err != nil || msg.Sequence != 8 {
		t.Errorf("get by subject: %v, error %v", msg, err)
	}
	if err := projector.LastError(); err != nil {
		t.Errorf("projector was refused something it needs: %v", err)
	}
}

// readToEnd reads with an ordered consumer as the projector's engine does.
func readToEnd(t *testing.T, js jetstream.JetStream, from, to uint64) {
	t.Helper()
	consumer, err := js.OrderedConsumer(t.Context(), "CLERK_PROD", jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: from,
	})
	if err != nil {
		t.Fatalf("ordered consumer: %v", err)
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(500))
	if err != nil {
		t.Fatalf("messages: %v", err)
	}
	defer messages.Stop()
	for want := from; want <= to; want++ {
		msg, err := messages.Next(jetstream.NextMaxWait(20 * time.Second))
		if err != nil {
			t.Fatalf("next after %d of %d: %v", want-1, to, err)
		}
		meta, err := msg.Metadata()
		if err != nil || meta.Sequence.Stream != want || meta.Stream != "CLERK_PROD" {
			t.Fatalf("message %+v (%v), want sequence %d", meta, err, want)
		}
	}
}

func TestProjectorFollowsLive(t *testing.T) {
	t.Parallel()
	s := startBroker(t)
	provision(t, s)
	ingest, projector := connectAs(t, s, broker.UserIngest), connectAs(t, s, broker.UserProjector)
	consumer, err := projector.js.OrderedConsumer(t.Context(), "CLERK_PROD", jetstream.OrderedConsumerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	// Pulls that expire at an empty stream are what a quiet night is made of.
	messages, err := consumer.Messages(jetstream.PullExpiry(time.Second), jetstream.PullHeartbeat(500*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer messages.Stop()
	if _, err := messages.Next(jetstream.NextMaxWait(2500 * time.Millisecond)); !errors.Is(err, nats.ErrTimeout) {
		t.Fatalf("an empty stream gives %v, want a timeout", err)
	}
	for i := range 5 {
		appendEvents(t, ingest.js, i, 1)
		msg, err := messages.Next(jetstream.NextMaxWait(5 * time.Second))
		if err != nil || msg.Subject() != fmt.Sprintf("clerk.prod.user.user_%d.updated", i) {
			t.Fatalf("event %d: %v, error %v", i, msg, err)
		}
	}
}

func TestSubscriberKeepsItsPlaceByAcknowledging(t *testing.T) {
	t.Parallel()
	s := startBroker(t)
	operator := provision(t, s)
	appendEvents(t, connectAs(t, s, broker.UserIngest).js, 0, 20)
	subscriber := connectAs(t, s, broker.UserSubscriber)
	consumer, err := subscriber.js.CreateOrUpdateConsumer(t.Context(), "CLERK_PROD", jetstream.ConsumerConfig{
		Durable: "mailer", FilterSubject: "clerk.prod.user.>", AckPolicy: jetstream.AckExplicitPolicy,
	})
	if err != nil {
		t.Fatalf("durable consumer: %v", err)
	}
	batch, err := consumer.Fetch(20, jetstream.FetchMaxWait(10*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	for msg := range batch.Messages() {
		if err := msg.DoubleAck(t.Context()); err != nil {
			t.Fatalf("acknowledge: %v", err)
		}
	}
	seen, err := operator.js.Consumer(t.Context(), "CLERK_PROD", "mailer")
	if err != nil {
		t.Fatal(err)
	}
	if floor := seen.CachedInfo().AckFloor.Stream; floor != 20 {
		t.Errorf("acknowledged up to %d, want 20", floor)
	}
	if err := subscriber.LastError(); err != nil {
		t.Errorf("subscriber was refused something it needs: %v", err)
	}
}

// Whoever may ask chooses where the answer goes, and the broker is allowed to
// publish anywhere. In the account of the stream that is a way to append to it.
func TestReaderCannotAppendThroughAReply(t *testing.T) {
	t.Parallel()
	const target = "clerk.staging.user.user_1.banned"
	requests := []request{
		{name: "stream info", subject: "$JS.API.STREAM.INFO.CLERK_PROD"},
		{name: "get", subject: "$JS.API.STREAM.MSG.GET.CLERK_PROD", body: `{"seq":1}`},
		{name: "direct get", subject: "$JS.API.DIRECT.GET.CLERK_PROD", body: `{"seq":1}`},
		{name: "next", subject: "$JS.API.CONSUMER.MSG.NEXT.CLERK_PROD.c", body: `{"batch":1}`},
		{name: "push to", subject: "$JS.API.CONSUMER.CREATE.CLERK_PROD.push",
			body: `{"stream_name":"CLERK_PROD","config":{"name":"push","ack_policy":"none","deliver_subject":"` + target + `"}}`},
	}
	attack := func(t *testing.T, s *natsserver.Server, user string) uint64 {
		operator := provision(t, s)
		if _, err := operator.js.Publish(t.Context(), "clerk.prod.user.user_0.created", []byte(`{}`)); err != nil {
			t.Fatal(err)
		}
		if _, err := operator.js.CreateConsumer(t.Context(), "CLERK_PROD", jetstream.ConsumerConfig{Name: "c", AckPolicy: jetstream.AckNonePolicy}); err != nil {
			t.Fatal(err)
		}
		reader := connectAs(t, s, user)
		for _, r := range requests {
			if err := reader.PublishRequest(r.subject, target, []byte(r.body)); err != nil {
				t.Fatal(err)
			}
		}
		// What the attack asked for is done when later requests are answered.
		stream, err := reader.js.Stream(t.Context(), "CLERK_PROD")
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			if _, err := stream.GetMsg(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
			if _, err := stream.Info(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		return lastSeq(t, operator, "staging")
	}
	for _, user := range []string{broker.UserProjector, broker.UserSubscriber} {
		t.Run(user, func(t *testing.T) {
			t.Parallel()
			if appended := attack(t, startBroker(t), user); appended != 0 {
				t.Errorf("%d messages appended to another stream", appended)
			}
		})
	}
	// The control: the same list of permissions inside the account of the streams.
	t.Run("insider", func(t *testing.T) {
		t.Parallel()
		const insider = `{ user: insider, password: "p-insider", permissions {
			publish { allow: ["$JS.API.STREAM.INFO.*", "$JS.API.STREAM.MSG.GET.*", "$JS.API.DIRECT.GET.*", "$JS.API.CONSUMER.MSG.NEXT.*.*", "$JS.API.CONSUMER.CREATE.*.*"] }
			subscribe { allow: ["_INBOX.>"] } } }`
		const operator = "{ user: operator,"
		conf := strings.Replace(broker.ServerConf(), operator, insider+"\n"+operator, 1)
		if appended := attack(t, startConf(t, conf), "insider"); appended == 0 {
			t.Error("the attack does nothing, so the cases above show nothing")
		}
	})
}

// What permissions cannot tell apart is written in accounts.conf; this is the list.
func TestWhatPermissionsCannotTellApart(t *testing.T) {
	t.Parallel()
	s := startBroker(t)
	provision(t, s)
	projector := connectAs(t, s, broker.UserProjector)
	for name, cfg := range map[string]jetstream.ConsumerConfig{
		"several filters": {Name: "a", FilterSubjects: []string{"clerk.prod.user.>", "clerk.prod.session.>"}},
		"durable":         {Durable: "b", AckPolicy: jetstream.AckExplicitPolicy},
	} {
		if _, err := projector.js.CreateConsumer(t.Context(), "CLERK_PROD", cfg); err != nil {
			t.Errorf("%s: %v; if it can be refused now, accounts.conf should say so", name, err)
		}
	}
	if err := projector.js.DeleteConsumer(t.Context(), "CLERK_PROD", "b"); err != nil {
		t.Errorf("delete any consumer: %v", err)
	}
}
