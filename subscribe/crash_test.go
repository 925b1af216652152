package subscribe

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/internal/testkit"
)

// The names of what a child process is told.
const (
	childEnv      = "CLERKSTREAM_TEST_HANDLERS"
	childInstance = "CLERKSTREAM_TEST_INSTANCE"
	childDatabase = "CLERKSTREAM_TEST_DATABASE"
	childNATS     = "CLERKSTREAM_TEST_NATS"
)

// The lines at which a child dies.
const (
	beforeCommit = "between the effect and its commit"
	beforeAck    = "between the commit and the ack"
	inHandler    = "in the handler"
)

// die ends this process as kill -9 does: nothing is flushed, closed or rolled back.
func die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // the signal is on its way
}

// child is this binary as a service with one handler, which ends it at a line of the way for the event that says so.
func child() int {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, os.Getenv(childDatabase))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	nc, err := nats.Connect(os.Getenv(childNATS))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	js, err := jetstream.New(nc)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	b := &bed{Log: &testkit.Log{JS: js, Instance: os.Getenv(childInstance)}, pool: pool}
	c := b.config()
	c.MaxDeliveries = 1
	line, inbox := os.Getenv(childEnv), true
	if line[0] == '!' {
		line, inbox = line[1:], false
	}
	c.Handlers = []Handler{b.dying(line, inbox)}
	c.Middleware = []message.HandlerMiddleware{func(next message.HandlerFunc) message.HandlerFunc {
		return func(m *message.Message) ([]*message.Message, error) {
			made, err := next(m)
			if e, _ := EventOf(m); line == beforeAck && e.EntityID == "user_deadly" {
				die()
			}
			return made, err
		}
	}}
	g, err := New(c)
	if err == nil {
		err = g.Run(ctx)
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// dying is a handler with one effect, with or without the inbox.
func (b *bed) dying(line string, inbox bool) Handler {
	handle := func(ctx context.Context, db Execer, e *events.UserCreated) error {
		if e.EntityID == "user_deadly" && line == inHandler {
			die()
		}
		err := note(ctx, db, "effect", e.Fact())
		if e.EntityID == "user_deadly" && line == beforeCommit {
			die()
		}
		return err
	}
	if inbox {
		return InTx("effect", b.pool, func(ctx context.Context, tx pgx.Tx, e *events.UserCreated) error { return handle(ctx, tx, e) })
	}
	return On("effect", func(ctx context.Context, e *events.UserCreated) error { return handle(ctx, b.pool, e) })
}

// killed runs a service process until it has killed itself.
func (b *bed) killed(t *testing.T, line string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), childEnv+"="+line, childInstance+"="+b.Instance, childDatabase+"="+b.url, childNATS+"="+b.URL)
	cmd.Stderr = os.Stderr
	err = cmd.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || ctx.Err() != nil || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("the process was not killed: %v", err)
	}
}

func TestAKilledHandlersEffectIsThereExactlyOnce(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		line  string
		inbox bool
		want  int
	}{
		{beforeCommit, true, 1},
		{beforeAck, true, 1},
		// The control: without the inbox the same crash shows.
		{beforeAck, false, 2},
	} {
		t.Run(fmt.Sprintf("%s, inbox %v", tc.line, tc.inbox), func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			b.user(t, "msg_1", "created", "user_deadly")
			line := tc.line
			if !tc.inbox {
				line = "!" + line
			}
			b.killed(t, line)
			if handed := b.info(t); handed.NumAckPending != 1 {
				t.Fatalf("the process died with %d unacknowledged events", handed.NumAckPending)
			}
			b.start(t, b.config(b.dying("", tc.inbox)))
			b.user(t, "msg_2", "created", "user_2")
			b.settled(t)
			if got, want := b.effects(t), map[string]int{"effect msg_1": tc.want, "effect msg_2": 1}; fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("effects %v, want %v", got, want)
			}
		})
	}
}

// An event that ends every process that takes it would else keep a service down for ever.
func TestAnEventThatKillsItsProcessesBecomesADeadLetterUntried(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	deadly := b.user(t, "msg_1", "created", "user_deadly")
	for range 2 {
		b.killed(t, inHandler)
	}
	// It has been delivered twice, and once is all that this service grants.
	c := b.config(b.dying(inHandler, true))
	c.MaxDeliveries = 1
	g, _ := b.start(t, c)
	b.user(t, "msg_2", "created", "user_2")
	b.settled(t)
	l := b.letters(t, g, 1)[0]
	if l.Sequence != deadly || l.Reason != reasonNeverEnds || l.Handler != "effect" || l.Deliveries != 3 {
		t.Errorf("letter %+v", l)
	}
	if got := b.effects(t); fmt.Sprint(got) != fmt.Sprint(map[string]int{"effect msg_2": 1}) {
		t.Errorf("effects %v", got)
	}
}
