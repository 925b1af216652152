package projector

import (
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/clerkstream/clerkstream/internal/testkit"
	"github.com/clerkstream/clerkstream/internal/testkit/syncbuffer"
	"github.com/clerkstream/clerkstream/projections"
)

// What is promised, from the moment at which the leader is gone to the first commit of the next one.
const (
	failoverLimit  = 5 * time.Second
	cleanStopLimit = time.Second
)

// successor is a projector that stands by, and what it committed since.
type successor struct {
	*Projector
	log syncbuffer.Buffer
	// first is when it committed first.
	first atomic.Pointer[time.Time]
	// from is the position at which it took over, messages how many it committed since.
	from, messages atomic.Int64
}

// standBy starts a projector beside a leader and waits until it stands by.
func (b *bed) standBy(t *testing.T, change func(c *Config)) *successor {
	t.Helper()
	s := &successor{}
	c := b.sequencesConfig()
	c.Log = slog.New(slog.NewTextHandler(&s.log, nil))
	c.Observe = func(done Commit) {
		if now := time.Now(); s.first.CompareAndSwap(nil, &now) {
			s.from.Store(int64(done.Sequence) - int64(done.Messages))
		}
		s.messages.Add(int64(done.Messages))
	}
	change(&c)
	s.Projector, _ = b.start(t, c)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(s.log.String())
		}
	})
	waitFor(t, s.Projector, StateStandby)
	return s
}

func asItIs(*Config) {}

// lead starts a projector process and waits until it leads. Postgres knows it and its successors by an ordinary login.
func (b *bed) lead(t *testing.T, mode string) *exec.Cmd {
	t.Helper()
	b.url = b.login(t, "ordinary", projections.RoleOwner, projections.RoleProjector)
	b.project(t, b.sequencesConfig(), b.fill(t, 1, "first"))
	leader := b.spawn(t, mode)
	b.until(t, b.fill(t, 20, "led"))
	return leader
}

// trouble sends the message inside whose transaction the leader stops, and waits until Postgres waits for that event inside it.
func (b *bed) trouble(t *testing.T, event string) {
	t.Helper()
	b.fill(t, 1, troubling)
	testkit.Eventually(t, func() error {
		if b.waitsFor(t, event, 0) {
			return nil
		}
		return fmt.Errorf("no session of the leader waits for %s", event)
	})
}

// waitsFor reports whether the session that has the lock has been inside one statement for that long, and waits for event.
func (b *bed) waitsFor(t *testing.T, event string, long time.Duration) bool {
	t.Helper()
	return value[bool](t, b, `
select exists (
  select from pg_locks l join pg_stat_activity a using (pid)
  where l.locktype = 'advisory' and l.granted and a.datname = current_database()
    and a.state = 'active' and a.wait_event = $1 and clock_timestamp() - a.state_change >= $2)`, event, long)
}

// firstCommit publishes until the successor commits, and tells how long that took.
func (b *bed) firstCommit(t *testing.T, s *successor, began time.Time) time.Duration {
	t.Helper()
	n := 0
	testkit.Eventually(t, func() error {
		if s.first.Load() != nil {
			return nil
		}
		n++
		b.fill(t, 1, fmt.Sprintf("meanwhile_%d", n))
		return fmt.Errorf("the successor is %s and committed nothing", s.State())
	})
	return s.first.Load().Sub(began)
}

//nolint:paralleltest // it is parallel where its limits are not strict
func TestAStandbyTakesOverInTime(t *testing.T) {
	soloIfTimed(t)
	for name, c := range map[string]struct {
		mode   string
		inside string // what Postgres waits for when it happens
		signal syscall.Signal
		limit  time.Duration
	}{
		"from a clean stop":                        {"fenced", "", syscall.SIGTERM, cleanStopLimit},
		"from a kill -9":                           {"fenced", "", syscall.SIGKILL, failoverLimit},
		"from a kill -9 inside a long statement":   {"long", "PgSleep", syscall.SIGKILL, failoverLimit},
		"from a SIGSTOP":                           {"fenced", "", syscall.SIGSTOP, failoverLimit},
		"from a SIGSTOP inside a COPY":             {"stopped copy", "ClientRead", syscall.SIGSTOP, failoverLimit},
		"from a SIGSTOP that leaves a result over": {"stopped result", "ClientWrite", syscall.SIGSTOP, failoverLimit},
	} {
		t.Run(name, func(t *testing.T) {
			soloIfTimed(t)
			b := newBed(t)
			leader := b.lead(t, c.mode)
			next := b.standBy(t, asItIs)
			if c.inside != "" {
				b.trouble(t, c.inside)
			}
			began := time.Now()
			if err := leader.Process.Signal(c.signal); err != nil {
				t.Fatal(err)
			}
			took := b.firstCommit(t, next, began)
			t.Logf("the first commit came %d ms after the signal", took.Milliseconds())
			if took > failoverSlack*c.limit {
				t.Errorf("it took %s and should take less than %s", took, c.limit)
			}
			if c.signal == syscall.SIGSTOP {
				b.wake(t, leader)
			}
			b.isCommittedBy(t, next)
		})
	}
}

// wake makes sure that nothing of a stopped leader is left at Postgres, lets it go on, and waits until it has seen that it leads no more.
func (b *bed) wake(t *testing.T, leader *exec.Cmd) {
	t.Helper()
	testkit.Eventually(t, func() error {
		// Each projector has a session for its roster and one for its generation.
		if n := value[int](t, b, `select count(*) from pg_stat_activity where datname = current_database() and application_name = 'clerkstream projector test'`); n != 2 {
			return fmt.Errorf("there are %d sessions, 2 of them the successor's", n)
		}
		return nil
	})
	testkit.Eventually(t, func() error {
		// Again and again: on a busy machine the test's own signal may stop the leader before it comes to stopping itself.
		if err := leader.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		if n := value[int](t, b, `
select count(*)
from pg_stat_activity
where datname = current_database() and state = 'idle' and (query like '%pg_try_advisory_lock(%' or query like '%pg_stat_progress_copy%') and pid <> pg_backend_pid()`); n != 1 {
			return fmt.Errorf("%d projectors stand by", n)
		}
		return nil
	})
}

// isCommittedBy makes sure that everything since the take-over was committed by the successor, once and whole.
func (b *bed) isCommittedBy(t *testing.T, s *successor) {
	t.Helper()
	end := b.fill(t, 200, "after")
	b.until(t, end)
	if missing, repeated := b.applied(t, end); missing+repeated > 0 {
		t.Errorf("%d messages are missing and %d were applied more than once", missing, repeated)
	}
	testkit.Eventually(t, func() error { // the observer hears of a commit behind it
		if by := s.from.Load() + s.messages.Load(); by != int64(end) {
			return fmt.Errorf("the successor committed up to %d of %d: somebody else did the rest", by, end)
		}
		return nil
	})
}

// The negative control: without the look no timeout of Postgres ends these leaders, and a standby stands by for ever.
func TestNoIdleTimeoutEndsALeaderThatStoppedInsideAStatement(t *testing.T) {
	t.Parallel()
	for mode, event := range map[string]string{"stopped copy": "ClientRead", "stopped result": "ClientWrite"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			b.lead(t, mode)
			next := b.standBy(t, func(c *Config) { c.switches.unwatched = true })
			b.trouble(t, event)
			testkit.Eventually(t, func() error {
				if !b.waitsFor(t, event, 0) {
					t.Fatal("the session was ended")
				}
				if !b.waitsFor(t, event, idleTimeout+2*time.Second) {
					return errors.New("it has not waited for long yet")
				}
				return nil
			})
			if s := next.State(); s != StateStandby {
				t.Errorf("the successor is %s", s)
			}
		})
	}
}

func TestALeaderThatIsOnlySlowIsLeftAlone(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.lead(t, "slow copy")
	next := b.standBy(t, asItIs)
	b.trouble(t, "ClientRead")
	end := b.fill(t, 1, "behind")
	longest := time.Duration(0)
	testkit.Eventually(t, func() error {
		if b.waitsFor(t, "ClientRead", longest) {
			longest += 100 * time.Millisecond
		}
		at, err := b.checkpoint(t)
		if err == nil && at < end {
			err = errors.New("the COPY goes on")
		}
		return err
	})
	if longest < idleTimeout+time.Second {
		t.Errorf("the COPY took %s: too quick to look stopped", longest)
	}
	if s := next.State(); s != StateStandby || next.first.Load() != nil {
		t.Errorf("the successor is %s", s)
	}
}

func TestAStandbyThatMayNotEndTheLeaderSaysOnceWhatItLacks(t *testing.T) {
	t.Parallel()
	for name, grant := range map[string]string{"it sees nothing": "", "it sees and may not end it": `grant pg_read_all_stats to `} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			b.lead(t, "stopped copy")
			var login string
			next := b.standBy(t, func(c *Config) {
				c.DatabaseURL = b.login(t, "another", projections.RoleOwner, projections.RoleProjector)
				login = `"another_` + b.conn.Config().Database + `"`
			})
			if grant != "" {
				b.exec(t, grant+login)
			}
			b.trouble(t, "ClientRead")
			began := time.Now()
			told := func() int { return strings.Count(next.log.String(), "grant pg_read_all_stats and pg_signal_backend") }
			testkit.Eventually(t, func() error {
				if told() == 0 {
					return errors.New("it says nothing")
				}
				return nil
			})
			b.exec(t, `grant pg_read_all_stats, pg_signal_backend to `+login)
			b.firstCommit(t, next, began)
			if n := told(); n != 1 {
				t.Errorf("it said so %d times", n)
			}
		})
	}
}

// soloIfTimed lets a test whose limits are strict have the machine to itself.
func soloIfTimed(t *testing.T) {
	t.Helper()
	if failoverSlack > 1 {
		t.Parallel()
	}
}
