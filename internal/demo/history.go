package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/internal/clerksim"
	"github.com/clerkstream/clerkstream/internal/verdict"
)

// Config is a run of `clerkstream demo`.
type Config struct {
	// Seed of the history; the same seed gives the same one.
	Seed uint64
	// Users, Organizations and Changes: see clerksim.Config. Rate is deliveries a second.
	Users, Organizations, Changes int
	Rate                          float64
	// Out gets the report, Progress is told how many messages were accepted of how many.
	Out      io.Writer
	Progress func(accepted, total int)
	Stack    StackConfig
}

// ErrVerdict says that the demonstration failed: the rows are not the truth, or a guard that it was to show had nothing to do.
var ErrVerdict = errors.New("the demonstration failed")

const (
	// compress makes Svix's retries, which take 27 hours, fit into a demonstration, and lets late duplicates come after the window below.
	compress = 2000
	// window is short, so that some duplicates come after it and only the version gate can stop them.
	window = 2 * time.Second
)

// Demo runs a seeded history through a private stack, with duplicates, reordering, late retries and an outage, and compares the read model with
// what the simulator knows to be true.
func Demo(ctx context.Context, c Config) error {
	t := &tally{}
	c.Stack.DuplicateWindow = window
	c.Stack.Observe = t.observe
	return Run(ctx, c.Stack, func(ctx context.Context, s *Stack) error {
		began := time.Now()
		sent, world, err := c.send(ctx, s)
		if err != nil {
			return err
		}
		if err := s.Settle(ctx); err != nil {
			return err
		}
		r, err := c.judge(ctx, s, t, world)
		if err != nil {
			return err
		}
		r.sent, r.took = sent, time.Since(began)
		r.print(c.Out)
		return r.verdict()
	})
}

func (c Config) send(ctx context.Context, s *Stack) (clerksim.SendReport, *clerksim.World, error) {
	world := clerksim.NewWorld(clerksim.Config{Seed: c.Seed, Users: c.Users, Organizations: c.Organizations, Changes: c.Changes})
	var messages []clerksim.Message
	for m, ok := world.Next(); ok; m, ok = world.Next() {
		messages = append(messages, m)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 16}
	defer transport.CloseIdleConnections()
	sender, err := clerksim.NewSender(clerksim.SenderConfig{
		URL: s.WebhookURL(), Secret: s.Secret, Client: &http.Client{Transport: transport}, Rate: c.Rate, Compress: compress, Seed: c.Seed,
		DuplicateRate: 0.1, ReorderRate: 0.2, LateRate: 0.05,
		Outage:   &clerksim.Outage{From: len(messages) / 3, To: len(messages)/3 + len(messages)/20},
		Progress: func(r clerksim.SendReport) { c.Progress(r.Accepted, len(messages)) },
	})
	if err != nil {
		return clerksim.SendReport{}, nil, err
	}
	next := 0
	sent, err := sender.Send(ctx, func() (clerksim.Message, bool) {
		if next == len(messages) {
			return clerksim.Message{}, false
		}
		next++
		return messages[next-1], true
	})
	return sent, world, err
}

func (c Config) judge(ctx context.Context, s *Stack, t *tally, world *clerksim.World) (*report, error) {
	conn, err := pgx.Connect(ctx, s.DatabaseURL())
	if err != nil {
		return nil, fmt.Errorf("connect to postgres: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	r := &report{tally: t.sum()}
	if r.differences, r.rows, err = verdict.Compare(ctx, conn, "clerk", Expected(world), 20); err != nil {
		return nil, err
	}
	info, err := s.Stream.Info(ctx)
	if err != nil {
		return nil, fmt.Errorf("read stream: %w", err)
	}
	r.events = info.State.Msgs
	r.windowed, err = windowDuplicates(s.Registry)
	return r, err
}

// Expected is a world's truth as a verdict wants it.
func Expected(w *clerksim.World) verdict.Expected { return expected(w.Truth()) }

func expected(truth clerksim.Truth) verdict.Expected {
	want := verdict.Expected{Rows: map[string]map[string]verdict.Row{}, Open: truth.Ties}
	for model, rows := range truth.Rows {
		want.Rows[model] = map[string]verdict.Row{}
		for key, row := range rows {
			want.Rows[model][key] = verdict.Row(row)
		}
	}
	return want
}
