package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/clerkstream/clerkstream/internal/clerksim"
	"github.com/clerkstream/clerkstream/internal/testkit"
)

// bed is an instance whose parts are processes of their own.
type bed struct {
	*testkit.Log
	listen, database string
	conn             *pgx.Conn

	// total is how many messages there are to deliver, acked which of them were answered 2xx.
	total int
	mu    sync.Mutex
	acked map[string]bool
}

func newBed(t *testing.T) *bed {
	t.Helper()
	database := stack.Database(t)
	return &bed{
		Log: stack.Log(t), listen: freeAddress(t), database: database, conn: testkit.Connect(t, database), acked: map[string]bool{},
	}
}

// freeAddress is one that nobody else takes while its owner is dead: below the ports that the kernel deals out.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(20_000))
		if l, err := net.Listen("tcp", address); err == nil {
			l.Close()
			return address
		}
	}
	t.Fatal("no free port")
	return ""
}

// process is a part that runs.
type process struct {
	cmd   *exec.Cmd
	stdin interface{ Close() error }
}

// spawn starts a part. It ends with its standard input at the latest, and so with this process.
func (b *bed) spawn(t *testing.T, part string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(context.Background(), self)
	cmd.Env = append(os.Environ(), envPart+"="+part, "CLERK_INSTANCE="+b.Instance, "NATS_URL="+b.URL, "LISTEN_ADDR="+b.listen, "OPS_ADDR=127.0.0.1:0",
		"DATABASE_URL="+b.database, "SERVICE=test", "LOG_LEVEL=error",
		// Small transactions, so that a kill finds many of them in all states.
		"MAX_BATCH=20")
	cmd.Stderr = t.Output()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	return &process{cmd, stdin}, cmd.Start()
}

// kill is kill -9: nothing is finished, flushed or said.
func (p *process) kill() error {
	err := p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	_ = p.stdin.Close()
	if code := p.cmd.ProcessState.ExitCode(); code >= 0 {
		return fmt.Errorf("the process had ended by itself, with status %d", code)
	}
	return err
}

// torment is what happens to a part: it is killed each time that progress reaches a mark.
type torment struct {
	part     string
	marks    []int
	progress func() int
}

// keep keeps a part running through its torment, for a group; the last process ends with the test.
func (b *bed) keep(ctx context.Context, t *testing.T, of torment) func() error {
	return func() error {
		for _, mark := range of.marks {
			p, err := b.spawn(t, of.part)
			if err != nil {
				return err
			}
			err = reach(ctx, mark, of.progress)
			acked := b.acknowledged()
			if err := errors.Join(err, p.kill()); err != nil {
				return fmt.Errorf("kill %s at %d: %w", of.part, mark, err)
			}
			// A projector may lag so far that all is delivered; then it is the backlog that it dies in.
			last, err := b.last(ctx)
			if err != nil {
				return err
			}
			if acked >= b.total && of.progress() >= last {
				return fmt.Errorf("%s was killed at %d when there was nothing left to do", of.part, mark)
			}
		}
		p, err := b.spawn(t, of.part)
		if err == nil {
			t.Cleanup(func() { _ = p.kill() })
		}
		return err
	}
}

func reach(ctx context.Context, mark int, progress func() int) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for progress() < mark {
		select {
		case <-ctx.Done():
			return fmt.Errorf("only %d reached: %w", progress(), context.Cause(ctx))
		case <-tick.C:
		}
	}
	return nil
}

// send delivers messages as Svix does, with its retries in compressed time, until each is accepted.
func (b *bed) send(ctx context.Context, messages []clerksim.Message) (clerksim.SendReport, error) {
	transport := &http.Transport{MaxIdleConnsPerHost: 16}
	defer transport.CloseIdleConnections()
	s, err := clerksim.NewSender(clerksim.SenderConfig{
		URL: "http://" + b.listen + "/webhooks/clerk", Secret: secret, Client: &http.Client{Transport: transport}, Seed: 1, Rate: 500, Compress: compress,
		DuplicateRate: 0.1, ReorderRate: 0.2, LateRate: 0.02,
		OnAck: func(m clerksim.Message, _ time.Time) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.acked[m.ID] = true
		},
	})
	if err != nil {
		return clerksim.SendReport{}, err
	}
	next := 0
	report, err := s.Send(ctx, func() (clerksim.Message, bool) {
		if next == len(messages) {
			return clerksim.Message{}, false
		}
		next++
		return messages[next-1], true
	})
	if err == nil && report.GivenUp > 0 {
		err = fmt.Errorf("%d messages were given up: %s", report.GivenUp, report)
	}
	return report, err
}

// compress gives a delivery 20 s of retries, in which a killed ingest is long back.
const compress = 5000

func (b *bed) acknowledged() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.acked)
}

// lost are the acknowledged events that do not lie on the stream, twice is how many lie there more than once.
func (b *bed) lost(t *testing.T) (lost []string, twice int) {
	t.Helper()
	stored := map[string]int{}
	for _, id := range b.stored(t) {
		if stored[id]++; stored[id] == 2 {
			twice++
		}
	}
	for id := range b.acked {
		if stored[id] == 0 {
			lost = append(lost, id)
		}
	}
	return lost, twice
}

// stored is the event id of every message of the stream.
func (b *bed) stored(t *testing.T) (ids []string) {
	t.Helper()
	last, err := b.last(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	consumer, err := b.JS.OrderedConsumer(t.Context(), b.Stream.CachedInfo().Config.Name, jetstream.OrderedConsumerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	messages, err := consumer.Messages()
	if err != nil {
		t.Fatal(err)
	}
	defer messages.Stop()
	for range last {
		m, err := messages.Next(jetstream.NextMaxWait(time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, m.Headers().Get("ce-id"))
	}
	return ids
}

// last is the sequence of the stream's last message.
func (b *bed) last(ctx context.Context) (int, error) {
	info, err := b.Stream.Info(ctx)
	if err != nil {
		return 0, fmt.Errorf("read stream: %w", err)
	}
	return int(info.State.LastSeq), nil
}

// position is the projector's, and 0 while it has none. It has a connection of its own, for it is asked beside the test.
func (b *bed) position(conn *pgx.Conn) int {
	var at int
	err := conn.QueryRow(context.Background(), `select sequence from clerkstream.checkpoints where service = 'test'`).Scan(&at)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return -1
	}
	return at
}
