package subscribe

import (
	"context"

	"github.com/clerkstream/clerkstream/events"
)

type traceKey struct{}

// TraceParent returns the W3C trace context (traceparent) of the event that is being handled, or empty. It began with the delivery of the webhook. A
// handler passes it on as a header; a Publisher does so by itself.
func TraceParent(ctx context.Context) string {
	s, _ := ctx.Value(traceKey{}).(string)
	return s
}

// withTrace puts a message's trace context where TraceParent finds it.
func withTrace(ctx context.Context, metadata map[string]string) context.Context {
	if s := metadata[events.HeaderTraceParent]; s != "" {
		return context.WithValue(ctx, traceKey{}, s)
	}
	return ctx
}
