package clerkapi

import "context"

type urgentKey struct{}

// Urgent marks the calls made with the context as going before those without the mark: somebody waits for the answer.
func Urgent(ctx context.Context) context.Context {
	return context.WithValue(ctx, urgentKey{}, true)
}

func isUrgent(ctx context.Context) bool {
	urgent, _ := ctx.Value(urgentKey{}).(bool)
	return urgent
}
