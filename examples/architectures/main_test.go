package architectures

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/clerkstream/clerkstream/internal/clerksim"
	"github.com/clerkstream/clerkstream/internal/demo"
)

// shared is the stack of all tests here. Each test makes organizations and people of its own in it.
var shared *bed

func TestMain(m *testing.M) {
	code, err := 0, demo.Run(context.Background(), demo.StackConfig{
		Instance: "default", ListenAddr: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler),
		Clerk: clerksim.NewClerk(clerksim.ClerkConfig{World: clerksim.Config{Users: 20, Organizations: 5, Changes: -1}}),
	}, func(ctx context.Context, s *demo.Stack) error {
		b, err := newBed(ctx, s)
		if err != nil {
			return err
		}
		defer b.close()
		shared = b
		if code := m.Run(); code != 0 {
			said := b.log.String()
			fmt.Fprintln(os.Stderr, "the programs said last:\n"+said[max(0, len(said)-4000):])
			return fmt.Errorf("tests failed with status %d", code)
		}
		return nil
	})
	if err == nil {
		err = goleak.Find()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}
