package subscribe

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/internal/testkit"
)

// open subscribes to a new durable consumer of the whole stream.
func (b *bed) open(t *testing.T, ackWait time.Duration, c SubscriberConfig) (*Subscriber, <-chan *message.Message) {
	t.Helper()
	b.durable(t, jetstream.ConsumerConfig{Durable: "test", AckWait: ackWait})
	return b.reopen(t, c)
}

func (b *bed) reopen(t *testing.T, c SubscriberConfig) (*Subscriber, <-chan *message.Message) {
	t.Helper()
	c.Stream = b.stream()
	if c.CloseTimeout == 0 {
		c.CloseTimeout = 5 * time.Second
	}
	s := NewSubscriber(b.JS, c)
	t.Cleanup(func() { _ = s.Close() })
	messages, err := s.Subscribe(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	return s, messages
}

// next is the next message, which has to come soon.
func next(t testing.TB, messages <-chan *message.Message) *message.Message {
	t.Helper()
	select {
	case m := <-messages:
		if m == nil {
			t.Fatal("the subscription ended")
		}
		return m
	case <-time.After(30 * time.Second):
		t.Fatal("no message came")
	}
	return nil
}

func (b *bed) info(t testing.TB) *jetstream.ConsumerInfo {
	t.Helper()
	c, err := b.JS.Consumer(t.Context(), b.stream(), "test")
	if err != nil {
		t.Fatal(err)
	}
	return c.CachedInfo()
}

func TestAMessageTellsAllThatNATSKnows(t *testing.T) {
	t.Parallel()
	b := newLog(t)
	e := b.Event("msg_1", testkit.Body("user.created", now, testkit.Data{"id": "user_1"}))
	e.TraceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	b.user(t, "msg_0", "created", "user_0")
	b.PublishEvent(t, e)
	_, messages := b.open(t, time.Minute, SubscriberConfig{Backoff: []time.Duration{time.Millisecond}})
	next(t, messages).Ack()
	next(t, messages).Nack()
	m := next(t, messages)
	want := map[string]string{
		MetaSubject: e.Subject(), MetaStream: b.stream(), MetaSequence: "2", MetaDeliveries: "2",
		events.HeaderType: "user.created", events.HeaderMessageID: b.Instance + ":msg_1", events.HeaderTraceParent: e.TraceParent, events.HeaderVersion: string(e.Version),
	}
	for name, value := range want {
		if got := m.Metadata[name]; got != value {
			t.Errorf("%s is %q, want %q", name, got, value)
		}
	}
	if stored, err := time.Parse(time.RFC3339Nano, m.Metadata[MetaStored]); err != nil || time.Since(stored) > time.Hour {
		t.Errorf("stored at %q: %v", m.Metadata[MetaStored], err)
	}
	if m.UUID != b.Instance+":msg_1" || TraceParent(m.Context()) != e.TraceParent {
		t.Errorf("uuid %q, trace context %q", m.UUID, TraceParent(m.Context()))
	}
	m.Ack()
	if got, err := EventOf(m); err != nil || got.ID != "msg_1" || got.Version != e.Version || string(got.Body) != string(e.Body) {
		t.Errorf("event %+v: %v", got, err)
	}
}

func TestAHeaderCannotPassItselfOffAsTheMessagesPlace(t *testing.T) {
	t.Parallel()
	b := newLog(t)
	b.PublishMessage(t, &nats.Msg{Subject: "clerk." + b.Instance + ".user.user_1.created", Header: nats.Header{
		MetaSubject: {"clerk.other.user.user_2.deleted"}, MetaSequence: {"77"}, "X-Many": {"one", "two"},
	}, Data: []byte("\xff not JSON")})
	_, messages := b.open(t, time.Minute, SubscriberConfig{})
	m := next(t, messages)
	if m.Metadata[MetaSubject] != "clerk."+b.Instance+".user.user_1.created" || m.Metadata[MetaSequence] != "1" || m.Metadata["X-Many"] != "one" {
		t.Errorf("metadata %v", m.Metadata)
	}
	m.Ack()
	if m.UUID != b.stream()+":1" || string(m.Payload) != "\xff not JSON" {
		t.Errorf("uuid %q, payload %q", m.UUID, m.Payload)
	}
}

func TestANackedMessageComesAgainAfterItsBackoffAndHoldsUpNobody(t *testing.T) {
	t.Parallel()
	b := newLog(t)
	first := b.user(t, "msg_1", "created", "user_1")
	b.user(t, "msg_2", "updated", "user_1")
	waits := []time.Duration{300 * time.Millisecond, 600 * time.Millisecond}
	// The deadline for acks is far shorter than the waits: moving it on must not undo them.
	_, messages := b.open(t, 100*time.Millisecond, SubscriberConfig{Backoff: waits})
	m := next(t, messages)
	for i, wait := range waits {
		nacked := time.Now()
		m.Nack()
		if i == 0 {
			// Meanwhile the next one has its turn.
			other := next(t, messages)
			if waited := time.Since(nacked); sequenceOf(other) == first || waited > wait {
				t.Errorf("message %d came after %s", sequenceOf(other), waited)
			}
			other.Ack()
		}
		m = next(t, messages)
		waited := time.Since(nacked)
		if sequenceOf(m) != first || deliveriesOf(m) != i+2 || waited < wait || waited > wait+10*time.Second {
			t.Errorf("message %d came again after %s, delivery %d; want %s", sequenceOf(m), waited, deliveriesOf(m), wait)
		}
	}
	m.Ack()
	b.settled(t)
}

func TestALongHandlerKeepsItsMessagesAndThoseThatWait(t *testing.T) {
	t.Parallel()
	const ackWait = 150 * time.Millisecond
	b := newLog(t)
	b.user(t, "msg_1", "created", "user_1")
	b.user(t, "msg_2", "updated", "user_1")
	_, messages := b.open(t, ackWait, SubscriberConfig{})
	m := next(t, messages)
	// The control: a client that holds its messages without a word.
	b.durable(t, jetstream.ConsumerConfig{Durable: "silent", AckWait: ackWait})
	silent, err := b.JS.Consumer(t.Context(), b.stream(), "silent")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := silent.Next(); err != nil {
		t.Fatal(err)
	}
	again, err := silent.Fetch(2, jetstream.FetchMaxWait(10*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	for copied := range again.Messages() {
		if meta, err := copied.Metadata(); err == nil && meta.NumDelivered > 1 {
			break
		}
	}
	time.Sleep(4 * ackWait)
	if i := b.info(t); i.NumRedelivered > 0 {
		t.Errorf("%d redelivered", i.NumRedelivered)
	}
	m.Ack()
	waiting := next(t, messages)
	waiting.Ack()
	if n := deliveriesOf(waiting); n != 1 {
		t.Errorf("the message that waited was delivered %d times", n)
	}
}

func TestAnAckIsConfirmedBeforeTheLaneGoesOn(t *testing.T) {
	t.Parallel()
	b := newLog(t)
	const messagesOfOne = 50
	for i := range messagesOfOne {
		b.user(t, fmt.Sprintf("msg_%d", i), "updated", "user_1")
	}
	_, messages := b.open(t, time.Minute, SubscriberConfig{Parallel: 4})
	for i := range uint64(messagesOfOne) {
		m := next(t, messages)
		if floor := b.info(t).AckFloor.Stream; floor != i || sequenceOf(m) != i+1 {
			t.Fatalf("message %d came while %d were acknowledged", sequenceOf(m), floor)
		}
		m.Ack()
	}
	b.settled(t)
}

func TestEntitiesGoSideBySideAndEachInOrder(t *testing.T) {
	t.Parallel()
	const parallel, entities, rounds = 4, 8, 25
	b := newLog(t)
	for i := range entities * rounds {
		b.user(t, fmt.Sprintf("msg_%d", i), "updated", fmt.Sprintf("user_%d", i%entities))
	}
	_, messages := b.open(t, time.Minute, SubscriberConfig{Parallel: parallel})
	var (
		mu       sync.Mutex
		last     = map[string]uint64{}
		inHand   = map[string]int{}
		most     int
		handlers sync.WaitGroup
	)
	for range entities * rounds {
		m := next(t, messages)
		handlers.Go(func() {
			entity := laneOf(m.Metadata[MetaSubject])
			mu.Lock()
			inHand[entity]++
			if inHand[entity] > 1 || sequenceOf(m) <= last[entity] {
				t.Errorf("message %d of %s came out of order or beside another", sequenceOf(m), entity)
			}
			last[entity] = sequenceOf(m)
			all := 0
			for _, n := range inHand {
				all += n
			}
			most = max(most, all)
			mu.Unlock()
			time.Sleep(time.Millisecond)
			mu.Lock()
			inHand[entity]--
			mu.Unlock()
			m.Ack()
		})
	}
	handlers.Wait()
	if most < 2 || most > parallel {
		t.Errorf("at most %d in hand at the same time, want 2 to %d", most, parallel)
	}
}

func TestCloseWaitsForWhatIsInHandAndLosesNothing(t *testing.T) {
	t.Parallel()
	const count = 200
	b := newLog(t)
	for i := range count {
		b.user(t, fmt.Sprintf("msg_%d", i), "updated", fmt.Sprintf("user_%d", i%20))
	}
	b.durable(t, jetstream.ConsumerConfig{Durable: "test", AckWait: 2 * time.Second})
	var mu sync.Mutex
	handled := map[uint64]int{}
	for round := 0; b.info(t).AckFloor.Stream < count; round++ {
		s, messages := b.reopen(t, SubscriberConfig{Parallel: 4})
		var handlers sync.WaitGroup
		var begun, ended atomic.Int32
		closed := make(chan error, 1)
		for m := range messages {
			if begun.Add(1) == 20 {
				go func() { closed <- s.Close() }()
			}
			handlers.Go(func() {
				time.Sleep(2 * time.Millisecond)
				if m.Context().Err() != nil {
					t.Error("a handler was cancelled")
				}
				mu.Lock()
				handled[sequenceOf(m)]++
				mu.Unlock()
				ended.Add(1)
				m.Ack()
			})
			if b.info(t).NumPending == 0 && len(closed) == 0 && begun.Load() < 20 {
				go func() { closed <- s.Close() }()
				begun.Store(20)
			}
		}
		handlers.Wait()
		if err := <-closed; err != nil {
			t.Error(err)
		}
		if round > count {
			t.Fatal("no end to it")
		}
	}
	if len(handled) != count {
		t.Errorf("%d of %d handled", len(handled), count)
	}
	for sequence, n := range handled {
		if n != 1 {
			t.Errorf("message %d was handled %d times", sequence, n)
		}
	}
}

func TestAHandlerThatNeverEndsIsCancelledAndItsMessageComesAgain(t *testing.T) {
	t.Parallel()
	b := newLog(t)
	b.user(t, "msg_1", "created", "user_1")
	s, messages := b.open(t, 100*time.Millisecond, SubscriberConfig{CloseTimeout: 50 * time.Millisecond})
	m := next(t, messages)
	if err := s.Close(); !errors.Is(err, ErrHandlersHang) {
		t.Errorf("close: %v", err)
	}
	if m.Context().Err() == nil {
		t.Error("its context was not cancelled")
	}
	if m.Ack(); b.info(t).NumAckPending != 1 {
		t.Error("acknowledged behind Close")
	}
	_, messages = b.reopen(t, SubscriberConfig{})
	again := next(t, messages)
	again.Ack()
	if sequenceOf(again) != 1 || deliveriesOf(again) < 2 {
		t.Errorf("message %d came, delivery %d", sequenceOf(again), deliveriesOf(again))
	}
}

func TestACopyOfWhatIsInHandIsNotBegun(t *testing.T) {
	t.Parallel()
	b := newLog(t)
	b.user(t, "msg_1", "created", "user_1")
	_, messages := b.open(t, time.Minute, SubscriberConfig{})
	inHand := next(t, messages)
	// The broker forgets what it delivered, and delivers it again.
	if _, err := b.JS.ResetConsumerToSequence(t.Context(), b.stream(), "test", 1); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, func() error {
		if b.info(t).NumAckPending == 0 {
			return errors.New("no copy was sent")
		}
		return nil
	})
	inHand.Ack()
	b.user(t, "msg_2", "updated", "user_1")
	m := next(t, messages)
	m.Ack()
	if sequenceOf(m) != 2 {
		t.Errorf("message %d came behind message %d", sequenceOf(m), sequenceOf(inHand))
	}
	b.settled(t)
}

func TestASubscriptionThatCannotGoOnSaysWhy(t *testing.T) {
	t.Parallel()
	b := newLog(t)
	b.user(t, "msg_1", "created", "user_1")
	lost := make(chan error, 1)
	_, messages := b.open(t, time.Minute, SubscriberConfig{Lost: func(err error) { lost <- err }})
	next(t, messages).Ack()
	if err := b.JS.DeleteConsumer(t.Context(), b.stream(), "test"); err != nil {
		t.Fatal(err)
	}
	if err := <-lost; !errors.Is(err, jetstream.ErrConsumerNotFound) {
		t.Errorf("lost: %v", err)
	}
	if m, ok := <-messages; ok {
		t.Errorf("message %v after the end", m.UUID)
	}
}

func TestSubscribingToWhatCannotBeAcknowledgedFails(t *testing.T) {
	t.Parallel()
	b := newLog(t)
	s := NewSubscriber(b.JS, SubscriberConfig{Stream: b.stream()})
	if _, err := s.Subscribe(t.Context(), "nobody"); !errors.Is(err, jetstream.ErrConsumerNotFound) {
		t.Errorf("no consumer: %v", err)
	}
	if _, err := b.JS.CreateConsumer(t.Context(), b.stream(), jetstream.ConsumerConfig{Durable: "none", AckPolicy: jetstream.AckNonePolicy}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Subscribe(t.Context(), "none"); err == nil {
		t.Error("a consumer without acks was taken")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	b.durable(t, jetstream.ConsumerConfig{Durable: "test"})
	if _, err := s.Subscribe(context.WithoutCancel(t.Context()), "test"); !errors.Is(err, ErrClosed) {
		t.Errorf("behind Close: %v", err)
	}
}

func TestABrokerThatComesBackIsReadOn(t *testing.T) {
	t.Parallel()
	b := newLog(t)
	nc, err := nats.Connect(b.URL, nats.ReconnectWait(10*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	b.durable(t, jetstream.ConsumerConfig{Durable: "test", AckWait: time.Second})
	s := NewSubscriber(js, SubscriberConfig{Stream: b.stream()})
	t.Cleanup(func() { _ = s.Close() })
	messages, err := s.Subscribe(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		b.user(t, "msg_"+strconv.Itoa(i), "created", "user_"+strconv.Itoa(i))
		m := next(t, messages)
		// In the middle of a message.
		if err := nc.ForceReconnect(); err != nil {
			t.Fatal(err)
		}
		m.Ack()
	}
	b.settled(t)
}
