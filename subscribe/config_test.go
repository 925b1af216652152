package subscribe

import (
	"context"
	"strings"
	"testing"

	"github.com/clerkstream/clerkstream/events"
)

func TestAWrongConfigurationIsToldAllAtOnce(t *testing.T) {
	t.Parallel()
	nothing := func(context.Context, *events.UserCreated) error { return nil }
	_, err := New(Config{
		Service: "Orders!", Instance: "a.b", Parallel: -1,
		Handlers: []Handler{On("No", nothing), On("twice", nothing), On("twice", nothing)},
	})
	if err == nil {
		t.Fatal("taken")
	}
	for _, want := range []string{`service "Orders!"`, `instance "a.b"`, "no JetStream", "no pool", "negative", `"No"`, "twice for user.created"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no word of %s in: %v", want, err)
		}
	}
	if _, err := New(Config{Service: "orders"}); err == nil || !strings.Contains(err.Error(), "no handlers") {
		t.Errorf("without handlers: %v", err)
	}
}
