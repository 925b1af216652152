package projector

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clerkstream/clerkstream/internal/testkit"
)

// audience is readers of a read model that never stop, through a pool in pgx's default mode, and what they complain of.
type audience struct {
	pool    *pgxpool.Pool
	reads   atomic.Int64
	mu      sync.Mutex
	wrong   []string
	stop    context.CancelFunc
	ended   sync.WaitGroup
	slowest atomic.Int64
	// slow counts the reads of more than 50 ms.
	slow atomic.Int64
}

const sideUsers = 200

func (b *bed) audience(t testing.TB, readers int) *audience {
	t.Helper()
	config, err := pgxpool.ParseConfig(b.url)
	if err != nil {
		t.Fatal(err)
	}
	config.MaxConns = int32(readers)
	ctx, stop := context.WithCancel(context.Background())
	a := &audience{stop: stop}
	if a.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		t.Fatal(err)
	}
	for i := range readers {
		a.ended.Go(func() { a.read(ctx, rand.New(rand.NewPCG(7, uint64(i)))) })
	}
	t.Cleanup(func() { a.leave() })
	return a
}

func (a *audience) leave() {
	a.stop()
	a.ended.Wait()
	a.pool.Close()
}

// read asks for what both releases have: one user, all users, and users joined with their identifiers.
func (a *audience) read(ctx context.Context, random *rand.Rand) {
	for ctx.Err() == nil {
		var (
			n    int
			sql  string
			want int
			args []any
		)
		switch random.IntN(3) {
		case 0:
			sql, args, want = `select count(*) from clerk.users where id = $1`, []any{sideUser(random.IntN(sideUsers))}, 1
		case 1:
			sql, want = `select count(*) from clerk.users`, sideUsers
		default:
			sql, want = `select count(distinct u.id) from clerk.user_identifiers i join clerk.users u on u.id = i.user_id`, sideUsers
		}
		began := time.Now()
		err := a.pool.QueryRow(ctx, sql, args...).Scan(&n)
		took := time.Since(began)
		if ctx.Err() != nil {
			return
		}
		a.reads.Add(1)
		a.slowest.Store(max(a.slowest.Load(), int64(took)))
		if took > 50*time.Millisecond {
			a.slow.Add(1)
		}
		if err != nil {
			a.complain(fmt.Sprintf("%s: %v", sql, err))
		} else if n != want {
			a.complain(fmt.Sprintf("%s: %d instead of %d", sql, n, want))
		}
	}
}

func (a *audience) complain(what string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.wrong = append(a.wrong, what)
}

func (a *audience) complaints() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.wrong
}

func sideUser(i int) string { return fmt.Sprintf("user_%d", i) }

// author writes without end, and knows the newest name of every user.
type author struct {
	mu     sync.Mutex
	names  map[string]string
	end    uint64
	change int
}

func (w *author) write(t testing.TB, b *bed, user int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.change++
	id, name := sideUser(user), fmt.Sprintf("name %d", w.change)
	w.end = b.Publish(t, fmt.Sprintf("msg_side_%d", w.change), testkit.Body("user.updated", noon.Add(time.Duration(w.change)*time.Second), testkit.Data{
		"id": id, "last_name": name, "username": "login_" + id,
	}))
	w.names[id] = name
}

// last is the sequence of the newest message.
func (w *author) last() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.end
}

// pause holds the pen, so that what readers see can be compared with all that was written.
func (w *author) pause(t testing.TB, b *bed, generations ...int) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	var ids, names []string
	for id, name := range w.names {
		ids, names = append(ids, id), append(names, name)
	}
	for _, g := range generations {
		b.generationReaches(t, g, w.end)
		lost := value[int](t, b, fmt.Sprintf(`
select count(*)
from unnest($1::text[], $2::text[]) as want(id, name)
left join clerk_g%d.users u using (id)
where u.last_name is distinct from want.name`, g), ids, names)
		if lost > 0 {
			t.Errorf("generation %d lost the updates of %d users", g, lost)
		}
	}
}

func TestOldAndNewCodeRunSideBySideThroughEverySwitch(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	w := &author{names: map[string]string{}}
	for i := range sideUsers {
		w.write(t, b, i)
	}
	old := b.config()
	later := b.config()
	later.Projections = newCode()
	codes := []struct {
		name   string
		config Config
	}{{"old code", old}, {"new code", later}}

	b.spawn(t, codes[0].name)
	b.generationReaches(t, 1, w.end)
	a := b.audience(t, 8)
	writing, stopWriting := context.WithCancel(t.Context())
	var wrote sync.WaitGroup
	wrote.Go(func() {
		random := rand.New(rand.NewPCG(3, 3))
		pace := time.NewTicker(3 * time.Millisecond)
		defer pace.Stop()
		for writing.Err() == nil {
			w.write(t, b, random.IntN(sideUsers))
			<-pace.C
		}
	})
	for round := range switchRounds {
		live, next := round+1, round+2
		code := codes[(round+1)%2]
		o := b.operator(t, code.config)
		if _, err := o.Rebuild(t.Context(), nil); err != nil {
			t.Fatalf("rebuild %d: %v", next, err)
		}
		b.spawn(t, code.name)
		b.generationReaches(t, next, w.last())
		b.must(t, "diff", func() error { _, err := o.Diff(t.Context(), DiffOptions{}); return err })
		b.must(t, "switch", func() error { _, err := o.Switch(t.Context(), SwitchOptions{}); return err })
		w.pause(t, b, next)
		b.must(t, "rollback", func() error { _, err := o.Rollback(t.Context(), SwitchOptions{}); return err })
		w.pause(t, b, live, next)
		b.must(t, "switch", func() error { _, err := o.Switch(t.Context(), SwitchOptions{}); return err })
		b.must(t, "retire", func() error { return o.Retire(t.Context(), live) })
		w.pause(t, b, next)
	}
	stopWriting()
	wrote.Wait()
	a.leave()
	t.Logf("%d reads, the slowest %s, %d writes", a.reads.Load(), time.Duration(a.slowest.Load()), w.change)
	for i, wrong := range a.complaints() {
		if t.Error(wrong); i == 10 {
			break
		}
	}
	if a.reads.Load() == 0 {
		t.Error("nobody read")
	}
}

func (b *bed) must(t testing.TB, verb string, do func() error) {
	t.Helper()
	if err := do(); err != nil {
		t.Fatalf("%s: %v", verb, err)
	}
}
