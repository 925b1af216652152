package watch

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// beatEvery is how often the heartbeat is written: who reads it may take a beat that is three times as old for nobody.
const beatEvery = 5 * time.Second

// Status is what the holder of the lock says of itself, as it stands in clerkstream.watchers.
type Status struct {
	Verb          string     `json:"verb"`
	Process       string     `json:"process"`
	Version       string     `json:"version,omitempty"`
	State         string     `json:"state"` // working or stopping
	Doing         string     `json:"doing"` // the walk under way, or empty
	ClerkInstance string     `json:"clerk_instance"`
	Budget        Spent      `json:"budget"`
	Waiting       int        `json:"hydrate_waiting"`
	NextRecent    *time.Time `json:"next_recent,omitempty"`
	NextFull      *time.Time `json:"next_full,omitempty"`
	// LastError is the last walk's, until one goes well.
	LastError string `json:"last_error,omitempty"`
	Sentinel  any    `json:"sentinel,omitempty"`
}

// Spent are requests to Clerk of the last ten seconds.
type Spent struct {
	Used  int `json:"used"`
	Limit int `json:"limit"`
}

// state is the Status as it changes. Its methods are safe for concurrent use.
type state struct {
	started time.Time
	now     func() time.Time

	mu   sync.Mutex
	at   Status
	live func(*Status) // adds what is asked for when it is written; nil at first
}

func newState(c Config, verb string) *state {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	at := Status{Verb: verb, Process: fmt.Sprintf("process %d on %s", os.Getpid(), host), Version: c.Version, State: "working"}
	return &state{started: c.Now(), now: c.Now, at: at}
}

func (s *state) change(how func(*Status)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	how(&s.at)
}

// alsoSay adds something to each heartbeat.
func (s *state) alsoSay(live func(*Status)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live = live
}

func (s *state) read() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at
}

// current is the Status with what is asked for at this moment.
func (s *state) current() Status {
	s.mu.Lock()
	at, live := s.at, s.live
	s.mu.Unlock()
	if live != nil {
		live(&at)
	}
	return at
}

// beat writes the heartbeat.
func (s *state) beat(instance string) func(context.Context, *pgx.Conn) error {
	return func(ctx context.Context, conn *pgx.Conn) error {
		status, err := json.Marshal(s.current())
		if err != nil {
			return fmt.Errorf("encode status: %w", err)
		}
		_, err = conn.Exec(ctx, `
insert into clerkstream.watchers (instance, started_at, beat_at, status) values ($1, $2, $3, $4)
on conflict (instance) do update set started_at = excluded.started_at, beat_at = excluded.beat_at, status = excluded.status`,
			instance, s.started, s.now(), status)
		return err
	}
}
