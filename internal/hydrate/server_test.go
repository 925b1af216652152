package hydrate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/clerkstream/clerkstream/internal/hydrate/wire"
	"github.com/clerkstream/clerkstream/internal/testkit"
)

// clerk is what stands behind Fetch: it counts, and may hold its answers back.
type clerk struct {
	calls   atomic.Int64
	asked   sync.Map // id → true
	held    chan struct{}
	holding atomic.Int64
}

func (c *clerk) fetch(ctx context.Context, kind, id string) (uint64, error) {
	n := c.calls.Add(1)
	c.asked.Store(kind+" "+id, true)
	if c.held != nil {
		c.holding.Add(1)
		defer c.holding.Add(-1)
		select {
		case <-c.held:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	switch {
	case strings.HasPrefix(id, "user_nobody"):
		return 0, fmt.Errorf("get user: %w", ErrAbsent)
	case id == "user_trouble":
		return 0, errors.New("clerk is away")
	}
	return uint64(100 + n), nil
}

var instances atomic.Int64

// served is a running Server and a service that asks it.
type served struct {
	*clerk
	*Server
	service *nats.Conn
	now     atomic.Int64 // nanoseconds
	stop    func() error
}

func serve(t *testing.T, c *clerk, set func(*Config)) *served {
	t.Helper()
	s := &served{clerk: c, service: connect(t)}
	s.now.Store(time.Now().UnixNano())
	cfg := Config{Conn: connect(t), Instance: fmt.Sprintf("t%d", instances.Add(1)), Fetch: c.fetch}
	cfg.Now = func() time.Time { return time.Unix(0, s.now.Load()) }
	if set != nil {
		set(&cfg)
	}
	var err error
	if s.Server, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	s.stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	testkit.Eventually(t, func() error {
		a, err := s.try(`{}`)
		if err == nil && a.Status != wire.Invalid {
			err = fmt.Errorf("an empty request is %s", a.Status)
		}
		return err
	})
	return s
}

func connect(t *testing.T) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(stack.NATS(t).URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

func (s *served) try(request string) (a wire.Answer, err error) {
	m, err := s.service.Request(wire.Subject(s.cfg.Instance), []byte(request), time.Minute)
	if err == nil {
		err = json.Unmarshal(m.Data, &a)
	}
	return a, err
}

func (s *served) ask(t *testing.T, request string) wire.Answer {
	t.Helper()
	a, err := s.try(request)
	if err != nil {
		t.Error(err)
	}
	return a
}

func user(id string) string { return fmt.Sprintf(`{"kind":"users","id":%q}`, id) }

func (s *served) untilWaiting(t *testing.T, n int) {
	t.Helper()
	testkit.Eventually(t, func() error {
		if got := s.flights.waiting(); got != n {
			return fmt.Errorf("%d wait, not %d", got, n)
		}
		return nil
	})
}

func TestAThousandRequestsForOneObjectAreOneCall(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		alone bool
		calls int64
	}{"together": {false, 1}, "control: each alone": {true, 1000}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clerk := &clerk{held: make(chan struct{})}
			s := serve(t, clerk, func(cfg *Config) { cfg.switches.eachAlone, cfg.switches.forgetful = c.alone, c.alone })
			var all sync.WaitGroup
			for range 1000 {
				all.Go(func() {
					if a := s.ask(t, user("user_a")); a.Status != wire.Found || a.Sequence <= 100 {
						t.Errorf("the answer is %+v", a)
					}
				})
			}
			s.untilWaiting(t, 1000)
			close(clerk.held)
			all.Wait()
			if a := s.ask(t, user("user_a")); a.Status != wire.Found {
				t.Errorf("one who comes later is answered %+v", a)
			}
			if got := clerk.calls.Load(); !c.alone && got != c.calls || c.alone && got < c.calls {
				t.Errorf("%d calls, not %d", got, c.calls)
			}
		})
	}
}

func TestAnAnswerIsRememberedForTenSeconds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		request string
		after   time.Duration
		calls   int64
	}{
		"nobody, within":                    {user("user_nobody"), 10*time.Second - 1, 1},
		"nobody, after":                     {user("user_nobody"), 10 * time.Second, 2},
		"somebody, within":                  {user("user_a"), 10*time.Second - 1, 1},
		"somebody, after":                   {user("user_a"), 10 * time.Second, 2},
		"applied and still missing":         {`{"kind":"users","id":"user_a","seen":101}`, time.Second, 2},
		"applied and still missing, hasty":  {`{"kind":"users","id":"user_a","seen":101}`, time.Second - 1, 1},
		"not applied yet":                   {`{"kind":"users","id":"user_a","seen":100}`, time.Second, 1},
		"clerk's trouble is not remembered": {user("user_trouble"), 0, 2},
		"after the clock went back":         {user("user_nobody"), -time.Hour, 2},
		"another kind of the same id":       {`{"kind":"organizations","id":"user_a"}`, 0, 2},
		"an id that another id begins with": {user("user_nobody2"), 0, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, &clerk{}, nil)
			first := user("user_a")
			if strings.Contains(c.request, "user_nobody") {
				first = user("user_nobody")
			} else if strings.Contains(c.request, "user_trouble") {
				first = c.request
			}
			before := s.ask(t, first)
			s.now.Add(int64(c.after))
			after := s.ask(t, c.request)
			if before.Status != after.Status {
				t.Errorf("first %+v, then %+v", before, after)
			}
			if got := s.calls.Load(); got != c.calls {
				t.Errorf("%d calls, not %d", got, c.calls)
			}
		})
	}
}

func TestWhatNoObjectCanBeMeantByReachesNobody(t *testing.T) {
	t.Parallel()
	s := serve(t, &clerk{}, nil)
	for _, request := range []string{
		``, `{`, `[]`, `"users"`, `{"kind":"users"}`, `{"kind":"sessions","id":"sess_a"}`, `{"kind":"users/../instance","id":"user_a"}`,
		`{"kind":"Users","id":"user_a"}`, user("user_a/../user_b"), user("user_a?expand=x"), user("user a"), user("user.a"), user("*"), user(">"), user("user_é"),
		user("user_a\n"), user(strings.Repeat("a", 3000)), user("org_a/user_a"), `{"kind":"organization_memberships","id":"org_a"}`,
		`{"kind":"organization_memberships","id":"org_a/user_a/x"}`, `{"kind":"organization_memberships","id":"/user_a"}`,
		`{"kind":"organization_memberships","id":"org_a/"}`, `{"kind":"users","id":"user_a","seen":-1}`,
	} {
		if a := s.ask(t, request); a != (wire.Answer{Status: wire.Invalid}) {
			t.Errorf("%.80s is answered %+v", request, a)
		}
	}
	if n := s.calls.Load(); n != 0 {
		t.Errorf("%d calls", n)
	}
	for _, request := range []string{user("user_a"), `{"kind":"organizations","id":"org_a"}`, `{"kind":"organization_memberships","id":"org_a/user_a"}`} {
		if a := s.ask(t, request); a.Status != wire.Found {
			t.Errorf("control: %s is answered %+v", request, a)
		}
	}
}

func TestWhoFindsNoPlaceIsToldWhenToComeBack(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(*Config){
		"no place for an object": func(c *Config) { c.Workers, c.Queue = 1, 1 },
		"no place for an asker":  func(c *Config) { c.Workers, c.Askers = 1, 2 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clerk := &clerk{held: make(chan struct{})}
			s := serve(t, clerk, set)
			var waiting sync.WaitGroup
			wait := func(id string, n int) {
				waiting.Go(func() {
					if a := s.ask(t, user(id)); a.Status != wire.Found {
						t.Errorf("%s is answered %+v", id, a)
					}
				})
				s.untilWaiting(t, n)
				testkit.Eventually(t, func() error {
					if clerk.holding.Load() == 0 {
						return errors.New("the worker has not begun")
					}
					return nil
				})
			}
			wait("user_a", 1)
			wait("user_b", 2)
			if a := s.ask(t, user("user_c")); a != busy() {
				t.Errorf("the third is answered %+v", a)
			}
			close(clerk.held)
			waiting.Wait()
			if a := s.ask(t, user("user_c")); a.Status != wire.Found {
				t.Errorf("the third is answered %+v when it comes back", a)
			}
		})
	}
}

func TestWhoHasWaitedTooLongCostsNoCall(t *testing.T) {
	t.Parallel()
	clerk := &clerk{held: make(chan struct{})}
	s := serve(t, clerk, func(c *Config) { c.Workers = 1 })
	first, second := make(chan wire.Answer, 1), make(chan wire.Answer, 1)
	go func() { first <- s.ask(t, user("user_a")) }()
	testkit.Eventually(t, func() error {
		if clerk.holding.Load() == 0 {
			return errors.New("the worker has not begun")
		}
		return nil
	})
	go func() { second <- s.ask(t, user("user_b")) }()
	s.untilWaiting(t, 2)
	s.now.Add(int64(s.cfg.FetchTimeout) + 1)
	close(clerk.held)
	if a, b := <-first, <-second; a.Status != wire.Found || b != busy() {
		t.Errorf("answers %+v and %+v", a, b)
	}
	if n := clerk.calls.Load(); n != 1 {
		t.Errorf("%d calls", n)
	}
}

func TestAnEndIsToldToAllWhoWait(t *testing.T) {
	t.Parallel()
	clerk := &clerk{held: make(chan struct{})}
	s := serve(t, clerk, func(c *Config) { c.Workers = 1 })
	first, second := make(chan wire.Answer, 1), make(chan wire.Answer, 1)
	go func() { first <- s.ask(t, user("user_a")) }()
	testkit.Eventually(t, func() error {
		if clerk.holding.Load() == 0 {
			return errors.New("the worker has not begun")
		}
		return nil
	})
	go func() { second <- s.ask(t, user("user_b")) }()
	s.untilWaiting(t, 2)
	ended := make(chan error, 1)
	go func() { ended <- s.stop() }()
	testkit.Eventually(t, func() error {
		if _, err := s.try(`{}`); !errors.Is(err, nats.ErrNoResponders) {
			return fmt.Errorf("one who comes now gets %w", err)
		}
		return nil
	})
	close(clerk.held) // Clerk's answer comes while the server is ending, and is still told
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if a, b := <-first, <-second; a.Status != wire.Found || b.Status != wire.Unavailable {
		t.Errorf("the one in hand is answered %+v, the one in the queue %+v", a, b)
	}
	if n := clerk.calls.Load(); n != 1 {
		t.Errorf("%d calls", n)
	}
}

func TestConfigSaysAllThatIsWrong(t *testing.T) {
	t.Parallel()
	_, err := New(Config{Instance: "a.b", Workers: -1})
	for _, want := range []string{"Conn", "Fetch", `"a.b"`, "Workers"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no word of %s in: %v", want, err)
		}
	}
}
