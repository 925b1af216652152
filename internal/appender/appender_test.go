package appender_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/internal/appender"
	"github.com/clerkstream/clerkstream/internal/testkit"
)

func newAppender(t *testing.T, url string, limit int, ackTime time.Duration) *appender.Appender {
	t.Helper()
	nc, err := nats.Connect(url, nats.ReconnectBufSize(-1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	a, err := appender.New(nc, limit, ackTime)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func user(log *testkit.Log, id string) events.Event {
	return log.Event("msg_"+id, testkit.Body("user.updated", time.Now(), testkit.Data{"id": id}))
}

func TestEachAppendLearnsItsOwnPlaceOnTheStream(t *testing.T) {
	t.Parallel()
	log := stack.Log(t)
	a := newAppender(t, log.URL, 64, time.Minute)
	var (
		all  sync.WaitGroup
		lock sync.Mutex
		at   = map[uint64]string{}
	)
	for i := range 50 {
		all.Go(func() {
			e := user(log, fmt.Sprintf("user_%d", i))
			ack, err := a.Append(broker.StreamName(log.Instance), &e)
			if err != nil || ack.Known {
				t.Errorf("append %d: %+v, %v", i, ack, err)
			}
			lock.Lock()
			defer lock.Unlock()
			at[ack.Sequence] = e.Subject()
		})
	}
	all.Wait()
	for sequence := uint64(1); sequence <= 50; sequence++ {
		msg, err := log.Stream.GetMsg(t.Context(), sequence)
		if err != nil || msg.Subject != at[sequence] {
			t.Errorf("at %d lies %v (%v), not %s", sequence, msg, err, at[sequence])
		}
	}
	if n := a.InFlight(); n != 0 {
		t.Errorf("%d are in flight still", n)
	}
}

func TestAnEventThatIsThereAlreadyIsKnownByItsFirstPlace(t *testing.T) {
	t.Parallel()
	log := stack.Log(t)
	if _, err := broker.Provision(t.Context(), log.JS, log.Instance, broker.Settings{DuplicateWindow: time.Hour}); err != nil {
		t.Fatal(err)
	}
	a := newAppender(t, log.URL, 1, time.Minute)
	first, other := user(log, "user_1"), user(log, "user_2")
	for _, step := range []struct {
		event *events.Event
		want  appender.Ack
	}{{&first, appender.Ack{Sequence: 1}}, {&other, appender.Ack{Sequence: 2}}, {&first, appender.Ack{Sequence: 1, Known: true}}} {
		if ack, err := a.Append(broker.StreamName(log.Instance), step.event); err != nil || ack != step.want {
			t.Errorf("%s: %+v, %v, want %+v", step.event.ID, ack, err, step.want)
		}
	}
}

func TestWhyAnAppendFails(t *testing.T) {
	t.Parallel()
	log := stack.Log(t)
	nowhere := user(log, "user_1")
	nowhere.Instance = "nobody_listens"
	here := user(log, "user_1")
	stream := broker.StreamName(log.Instance)

	if _, err := newAppender(t, log.URL, 1, time.Minute).Append(stream, &nowhere); !errors.Is(err, jetstream.ErrNoStreamResponse) {
		t.Errorf("where no stream listens: %v", err)
	}
	if _, err := newAppender(t, log.URL, 1, time.Minute).Append("CLERK_OTHER", &here); err == nil {
		t.Error("another stream acknowledges in the name of the one that was meant")
	}
	if _, err := newAppender(t, log.URL, 1, time.Nanosecond).Append(stream, &here); err == nil {
		t.Error("an acknowledgement came before its limit of a nanosecond")
	}
}

// silence is a subject that somebody listens to and nobody answers.
func silence(t *testing.T, log *testkit.Log) events.Event {
	t.Helper()
	nc, err := nats.Connect(log.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	e := user(log, "user_1")
	e.Instance = "silent_" + log.Instance
	if _, err := nc.SubscribeSync(e.Subject()); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	return e
}

func TestBeyondTheLimitAnAppendIsRefusedAndStopReleasesWhoeverWaits(t *testing.T) {
	t.Parallel()
	log := stack.Log(t)
	e := silence(t, log)
	a := newAppender(t, log.URL, 1, time.Hour)
	failed := make(chan error, 1)
	go func() {
		_, err := a.Append("CLERK_SILENT", &e)
		failed <- err
	}()
	testkit.Eventually(t, func() error {
		if a.InFlight() == 0 {
			return errors.New("no append is in flight")
		}
		return nil
	})
	if _, err := a.Append("CLERK_SILENT", &e); !errors.Is(err, appender.ErrTooBusy) {
		t.Errorf("beyond the limit: %v", err)
	}
	a.Stop()
	if err := <-failed; !errors.Is(err, appender.ErrStopped) {
		t.Errorf("it ended with %v", err)
	}
}
