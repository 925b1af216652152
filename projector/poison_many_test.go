package projector

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/clerkstream/clerkstream/internal/testkit"
)

// A poison event among ten thousand entities costs the others nothing.
func TestAPoisonEventAmongTenThousandEntities(t *testing.T) {
	t.Parallel()
	const entities = 10_000
	var took [2]time.Duration
	for round, poison := range []string{"good", "refused"} {
		b := newBed(t)
		b.publishMany(t, entities, func(i int) (string, []byte) {
			name := "good"
			if i == entities/2 {
				name = poison
			}
			return fmt.Sprintf("msg_%d", i), named(fmt.Sprintf("user_%d", i), noon, name)
		})
		c := b.pickyConfig()
		c.MaxBatch = 500
		var last time.Time
		c.Observe = func(done Commit) { last = done.At }
		began := time.Now()
		_, stop := b.start(t, c)
		b.until(t, entities)
		bad := value[int](t, b, `select count(*) from clerkstream.dead_letters where closed_at is null`)
		if rows := value[int](t, b, `select count(*) from clerk.users where first_name = 'good'`); rows+bad != entities || bad != round {
			t.Errorf("%d rows and %d letters of %d users", rows, bad, entities)
		}
		if bad == 1 {
			b.until(t, b.Publish(t, "msg_heal", named(fmt.Sprintf("user_%d", entities/2), noon.Add(time.Hour), "healed")))
			if how := b.letter(t, entities/2+1, "users"); how != "superseded 1" {
				t.Errorf("the letter is %s", how)
			}
			if name := value[string](t, b, `select first_name from clerk.users where id = $1`, fmt.Sprintf("user_%d", entities/2)); name != "healed" {
				t.Errorf("the row is %q", name)
			}
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		took[round] = last.Sub(began)
	}
	// Generous, for other tests run beside it: a message that blocked, or was found one by one, would cost minutes.
	if took[1] > 3*took[0]+5*time.Second {
		t.Errorf("with poison it took %s, without %s", took[1], took[0])
	}
}

// publishMany appends many small events, awaiting them together.
func (b *bed) publishMany(t *testing.T, n int, body func(i int) (id string, text []byte)) {
	t.Helper()
	for i := range n {
		id, text := body(i)
		if _, err := b.JS.PublishMsgAsync(testkit.Message(b.Event(id, text))); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	select {
	case <-b.JS.PublishAsyncComplete():
	case <-ctx.Done():
		t.Fatal(ctx.Err())
	}
}
