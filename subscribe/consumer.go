package subscribe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/clerkstream/clerkstream/events"
)

// ensureConsumer makes the group's durable consumer, or brings the one there is up to date, and puts a new one at its start. Processes may do so
// at the same time; nobody reads before it is done.
//
// A consumer that could only begin at a given message could not be reset to an earlier one (nats-server 2.15, resetStartingSeqLocked). So it could begin
// anywhere, remembers where it should, and is moved there while it has delivered nothing from before. If we crash in between, the next start does it.
func (g *Group) ensureConsumer(ctx context.Context) error {
	consumer, err := g.config.JetStream.Consumer(ctx, g.stream, g.config.Service)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		consumer, err = g.createConsumer(ctx)
	}
	if err != nil {
		return fmt.Errorf("open consumer %s of %s: %w", g.config.Service, g.stream, err)
	}
	start, err := startOf(consumer.CachedInfo())
	if err != nil {
		return err
	}
	if err := g.updateConsumer(ctx, consumer); err != nil {
		return err
	}
	info, err := consumer.Info(ctx)
	if err != nil {
		return fmt.Errorf("look at consumer %s: %w", g.config.Service, err)
	}
	if info.Delivered.Stream+1 >= start {
		return nil
	}
	// Another process may have done the same and begun since: then its first events come twice.
	if _, err := g.config.JetStream.ResetConsumerToSequence(ctx, g.stream, g.config.Service, start); err != nil {
		return fmt.Errorf("move consumer %s to its start %d: %w", g.config.Service, start, err)
	}
	return nil
}

func (g *Group) createConsumer(ctx context.Context) (jetstream.Consumer, error) {
	start, err := g.config.Start.sequenceIn(ctx, g.config.JetStream, g.stream)
	if err != nil {
		return nil, err
	}
	consumer, err := g.config.JetStream.CreateConsumer(ctx, g.stream, g.wanted(jetstream.ConsumerConfig{
		Durable: g.config.Service, Description: "handlers of " + g.config.Service, AckPolicy: jetstream.AckExplicitPolicy,
		// How often an event may fail is for the group to say: the broker would drop it without a trace.
		MaxDeliver: -1, DeliverPolicy: jetstream.DeliverAllPolicy,
		Metadata: map[string]string{metaStart: strconv.FormatUint(start, 10)},
	}))
	if errors.Is(err, jetstream.ErrConsumerExists) {
		// Another process was a moment faster, and its start is the start.
		return g.config.JetStream.Consumer(ctx, g.stream, g.config.Service)
	}
	return consumer, err
}

// maxAckPending is how many events may be unacknowledged in a group of parallel processes, those that stay away after a failure included. When a whole
// service fails, the group stands still at that many instead of putting everything aside.
const maxAckPending = 1000

// wanted is have with the settings that follow the configuration. Filters are added and never taken away: an older process that starts beside a newer
// one would otherwise stop what the newer one reads.
func (g *Group) wanted(have jetstream.ConsumerConfig) jetstream.ConsumerConfig {
	filters := slices.Clone(have.FilterSubjects)
	if have.FilterSubject != "" {
		filters = append(filters, have.FilterSubject)
	}
	for typ := range g.byType {
		object, verb, _ := events.SplitType(typ)
		filters = append(filters, events.Subject{Instance: g.config.Instance, Object: object, EntityID: "*", Verb: verb}.String())
	}
	slices.Sort(filters)
	want := have
	want.FilterSubject, want.FilterSubjects = "", slices.Compact(filters)
	want.AckWait = g.config.AckWait
	want.MaxAckPending = maxAckPending
	if g.config.Parallel == 1 {
		// One event in flight in the whole group is what makes its order hold over processes, failures and crashes.
		want.MaxAckPending = 1
	}
	return want
}

func (g *Group) updateConsumer(ctx context.Context, consumer jetstream.Consumer) error {
	have := consumer.CachedInfo().Config
	want := g.wanted(have)
	if slices.Equal(have.FilterSubjects, want.FilterSubjects) && have.AckWait == want.AckWait && have.MaxAckPending == want.MaxAckPending {
		return nil
	}
	if _, err := g.config.JetStream.UpdateConsumer(ctx, g.stream, want); err != nil {
		return fmt.Errorf("update consumer %s: %w", g.config.Service, err)
	}
	return nil
}
