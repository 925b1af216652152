package projector

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// rebuilt is a bed whose next generation is ready.
func rebuilt(t testing.TB) (*bed, *Operator) {
	t.Helper()
	b := newBed(t)
	b.project(t, b.config(), b.fill(t, 10, "a"))
	o := b.operator(t, b.config())
	if _, err := o.Rebuild(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	return b, o
}

func TestASwitchIsRefusedAndNamesWhatStandsInTheWay(t *testing.T) {
	t.Parallel()
	for want, prepare := range map[string]string{
		"view public.report depends on it":                            `create view public.report as select id from clerk.users`,
		"materialized view public.report depends on it":               `create materialized view public.report as select id from clerk_g1.users`,
		"function public.names depends on it":                         `create function public.names() returns setof clerk.users language sql as 'select * from clerk.users'`,
		"policy own on public.orders depends on it":                   `create table public.orders (u text); create policy own on public.orders using (exists (select from clerk.users where id = u))`,
		"constraint orders_u_fkey on public.orders depends on it":     `create table public.orders (u text references clerk_g1.users)`,
		"table clerk.mine is not clerkstream's":                       `create table clerk.mine ()`,
		"function clerk.mine is not clerkstream's":                    `create function clerk.mine() returns int language sql as 'select 1'`,
		"type clerk.mood is not clerkstream's":                        `create type clerk.mood as enum ('well')`,
		"trigger note on clerk_g1.users is not clerkstream's":         `create trigger note before update on clerk_g1.users for each row execute function suppress_redundant_updates_trigger()`,
		"a grant on view clerk.users to pg_monitor would stay behind": `grant select on clerk.users to pg_monitor`,
		"a grant on schema clerk to public would stay behind":         `grant usage on schema clerk to public`,
		"clerkstream_reader may not read clerk_v2.users":              `revoke select on clerk_v2.users from clerkstream_reader`,
		"clerkstream_tenant has no usage of schema clerk_v2":          `revoke usage on schema clerk_v2 from clerkstream_tenant`,
		"generation 2 is behind: it is at 5, the live one at 10":      `update clerkstream.checkpoints set sequence = 5 where generation = 2`,
		"generation 2 stands for another stream":                      `update clerkstream.checkpoints set stream_created_at = now() where generation = 2`,
		"the comparison of generation 2 with the live one failed":     `update clerkstream.generations set gate_passed = false, gate_at = now() where generation = 2`,
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			b, o := rebuilt(t)
			b.exec(t, prepare)
			_, err := o.Switch(t.Context(), SwitchOptions{Patience: 20 * time.Millisecond})
			var refusal *RefusedError
			if !errors.As(err, &refusal) || len(refusal.Reasons) != 1 || !strings.HasPrefix(refusal.Reasons[0], want) {
				t.Errorf("it ended with %v", err)
			}
			if live := value[int](t, b, `select generation from clerkstream.generations where state = 'live'`); live != 1 {
				t.Errorf("generation %d is live", live)
			}
		})
	}
}

func TestASwitchTellsAllReasonsAtOnce(t *testing.T) {
	t.Parallel()
	b, o := rebuilt(t)
	b.exec(t, `create view public.one as select id from clerk.users; create view public.two as select id from clerk.roles; grant select on clerk.users to pg_monitor`)
	_, err := o.Switch(t.Context(), SwitchOptions{})
	var refusal *RefusedError
	if !errors.As(err, &refusal) || len(refusal.Reasons) != 3 {
		t.Errorf("it ended with %v", err)
	}
}

func TestWhatDependsOnNamesOnlyIsNoReason(t *testing.T) {
	t.Parallel()
	b, o := rebuilt(t)
	b.exec(t, `create function public.count_users() returns bigint language plpgsql as 'begin return (select count(*) from clerk.users); end'; grant clerkstream_reader to pg_monitor`)
	if _, err := o.Switch(t.Context(), SwitchOptions{}); err != nil {
		t.Fatal(err)
	}
	if n := value[int](t, b, `select public.count_users()`); n != 10 {
		t.Errorf("the function counts %d", n)
	}
}

func TestRetireNeverDropsWhatItDidNotMake(t *testing.T) {
	t.Parallel()
	for want, prepare := range map[string]string{
		"table clerk_g1.mine is not clerkstream's":                `create table clerk_g1.mine ()`,
		"view clerk_v1.mine is not clerkstream's":                 `create view clerk_v1.mine as select 1`,
		"view public.report depends on it":                        `create view public.report as select id from clerk_g1.users`,
		"constraint orders_u_fkey on public.orders depends on it": `create table public.orders (u text references clerk_g1.users)`,
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			b, o := rebuilt(t)
			if _, err := o.Switch(t.Context(), SwitchOptions{}); err != nil {
				t.Fatal(err)
			}
			b.exec(t, prepare)
			err := o.Retire(t.Context(), 1)
			var refusal *RefusedError
			if !errors.As(err, &refusal) || len(refusal.Reasons) != 1 || refusal.Reasons[0] != want {
				t.Errorf("it ended with %v", err)
			}
			if n := value[int](t, b, `select count(*) from clerk_v1.users`); n != 10 {
				t.Errorf("the old generation holds %d users", n)
			}
		})
	}
}

func TestTheLiveGenerationIsNotRetired(t *testing.T) {
	t.Parallel()
	_, o := rebuilt(t)
	if err := o.Retire(t.Context(), 1); !errors.As(err, new(*RefusedError)) {
		t.Errorf("it ended with %v", err)
	}
	if err := o.Retire(t.Context(), 7); !errors.Is(err, ErrNoGeneration) {
		t.Errorf("one that was never made: %v", err)
	}
}

func TestReadersAreToldOfASwitchAndOfNothingThatOtherGenerationsDo(t *testing.T) {
	t.Parallel()
	b, o := rebuilt(t)
	b.exec(t, `listen clerkstream_clerk`)
	p, _ := b.start(t, b.config())
	waitFor(t, p, StateLeading)
	end := b.fill(t, 1, "b")
	b.generationReaches(t, 1, end)
	b.generationReaches(t, 2, end)
	if _, err := o.Switch(t.Context(), SwitchOptions{}); err != nil {
		t.Fatal(err)
	}
	end = b.fill(t, 1, "c")
	b.generationReaches(t, 1, end)
	b.generationReaches(t, 2, end)
	var heard []string
	for _, want := range []string{
		`{"generation":1,"sequence":11,"occurred_at":"2026-03-01T12:00:00.005Z","changes":{"users":["user_0"]}}`,
		`{"generation":2,"sequence":11,"flush":true}`,
		`{"generation":2,"sequence":12,"occurred_at":"2026-03-01T12:00:00.005Z","changes":{"users":["user_0"]}}`,
	} {
		n, err := b.conn.WaitForNotification(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if heard = append(heard, n.Payload); n.Payload != want {
			t.Errorf("heard %v, not %s", heard, want)
		}
	}
}

func TestASwitchWaitsWhileTheNewGenerationSoaks(t *testing.T) {
	t.Parallel()
	b, o := rebuilt(t)
	c := b.config()
	c.Projections = newCode()
	next := b.operator(t, c)
	if _, err := next.Rebuild(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	// The live one is projected, the next one is not: it does not tail.
	b.exec(t, fmt.Sprintf(`update clerkstream.generations set definition_hash = 'other' where generation = %d`, 2))
	_, _ = b.start(t, b.config())
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				b.fill(t, 1, fmt.Sprint("soak", i))
			}
		}
	}()
	_, err := next.Switch(t.Context(), SwitchOptions{Soak: 2 * time.Second})
	close(stop)
	<-done
	if !errors.As(err, new(*RefusedError)) || !strings.Contains(err.Error(), "while soaking") {
		t.Errorf("it ended with %v", err)
	}
	_ = o
}
