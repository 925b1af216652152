package subscribe

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/components/cqrs"
	"github.com/ThreeDotsLabs/watermill/message"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
)

// Group is the handlers of one service on one instance's stream.
type Group struct {
	config  Config
	stream  string
	byType  map[string][]Handler
	metrics *metrics
}

// New checks the configuration; the error lists every problem. Nothing is connected or changed before Run.
func New(c Config) (*Group, error) {
	c = c.withDefaults()
	if err := c.validate(); err != nil {
		return nil, fmt.Errorf("configure handlers: %w", err)
	}
	g := &Group{config: c, stream: broker.StreamName(c.Instance), byType: map[string][]Handler{}, metrics: newMetrics(c.Metrics, c.Service)}
	for _, h := range c.Handlers {
		g.byType[h.typ] = append(g.byType[h.typ], h)
	}
	return g, nil
}

// Run handles events until ctx ends, and then returns nil once what was in hand came to its end, or ErrHandlersHang when that took longer than
// CloseTimeout. It fails when it cannot begin, and when the consumer is deleted, reading is forbidden or the connection is closed for good; what was not
// acknowledged comes again at the next Run. Call it once.
func (g *Group) Run(ctx context.Context) error {
	if err := g.check(ctx); err != nil {
		return unlessEnded(ctx, err)
	}
	if err := g.ensureConsumer(ctx); err != nil {
		return unlessEnded(ctx, err)
	}
	var lost error // written before the channel closes, read after
	subscriber := NewSubscriber(g.config.JetStream, SubscriberConfig{
		Stream: g.stream, Parallel: g.config.Parallel, Backoff: g.config.Backoff, CloseTimeout: g.config.CloseTimeout,
		Lost: func(err error) { lost = err }, Log: g.config.Log, metrics: g.metrics,
	})
	// Before the router, which leaves a goroutine behind when it cannot subscribe.
	messages, err := subscriber.Subscribe(context.WithoutCancel(ctx), g.config.Service)
	if err != nil {
		return err
	}
	router, err := g.router(&opened{subscriber, messages})
	if err != nil {
		return errors.Join(err, subscriber.Close())
	}
	hang := make(chan error, 1)
	ended := make(chan struct{})
	var closing sync.WaitGroup
	closing.Go(func() {
		select {
		case <-ctx.Done():
		case <-ended:
		}
		select {
		case <-router.Running():
			// It closes the subscriber and ends behind the last message. What it would say about a handler that hangs, the subscriber says too.
			_ = router.Close()
		case <-ended:
		}
		hang <- subscriber.Close()
	})
	err = router.Run(context.WithoutCancel(ctx))
	close(ended)
	closing.Wait()
	return errors.Join(err, lost, <-hang)
}

// unlessEnded is no error when it comes of the end of ctx, which is how Run is told to end.
func unlessEnded(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return nil
}

// opened is a Subscriber whose one subscription stands already.
type opened struct {
	*Subscriber
	messages <-chan *message.Message
}

func (o *opened) Subscribe(context.Context, string) (<-chan *message.Message, error) {
	return o.messages, nil
}

// check finds out at start what would otherwise fail event by event.
func (g *Group) check(ctx context.Context) error {
	if _, err := broker.Open(ctx, g.config.JetStream, g.config.Instance); err != nil {
		return err
	}
	if _, err := g.config.Pool.Exec(ctx, `select from clerkstream.inbox, clerkstream.handler_letters limit 0`); err != nil {
		return fmt.Errorf("look at the inbox: %w (clerkstream migrate makes it; the login must be a member of clerkstream_subscriber)", err)
	}
	return nil
}

// closeSlack is what the router waits for handlers beyond their time: as long as it takes to see that their context was cancelled.
const closeSlack = time.Second

func (g *Group) router(subscriber message.Subscriber) (*message.Router, error) {
	log := watermill.NewSlogLoggerWithLevelMapping(g.config.Log, map[slog.Level]slog.Level{
		slog.LevelInfo: slog.LevelDebug, slog.LevelDebug: watermill.LevelTrace,
	})
	router, err := message.NewRouter(message.RouterConfig{CloseTimeout: g.config.CloseTimeout + closeSlack}, log)
	if err != nil {
		return nil, err
	}
	router.AddMiddleware(g.guard)
	router.AddMiddleware(g.config.Middleware...)
	group, err := cqrs.NewEventGroupProcessorWithConfig(router, cqrs.EventGroupProcessorConfig{
		GenerateSubscribeTopic: func(cqrs.EventGroupProcessorGenerateSubscribeTopicParams) (string, error) {
			return g.config.Service, nil
		},
		SubscriberConstructor: func(cqrs.EventGroupProcessorSubscriberConstructorParams) (message.Subscriber, error) {
			return subscriber, nil
		},
		OnHandle: g.onHandle, AckOnUnknownEvent: true, Marshaler: marshaler{}, Logger: log,
	})
	if err != nil {
		return nil, err
	}
	handlers := make([]cqrs.GroupEventHandler, len(g.config.Handlers))
	for i, h := range g.config.Handlers {
		handlers[i] = member{h, g.config.Service}
	}
	return router, group.AddHandlersGroup(g.config.Service, handlers...)
}

// member is a handler as Watermill sees it.
type member struct {
	Handler
	service string
}

func (m member) NewEvent() any { return m.blank() }

// Handle is Watermill's way to call a handler; ours, which keeps account of it, is attempt.
func (m member) Handle(ctx context.Context, event any) error {
	_, err := m.handle(ctx, m.service, event)
	return err
}
