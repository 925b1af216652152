package hydrate

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clerkstream/clerkstream/directory"
	answering "github.com/clerkstream/clerkstream/internal/hydrate"
	"github.com/clerkstream/clerkstream/internal/hydrate/wire"
	"github.com/clerkstream/clerkstream/internal/testkit"
)

func TestADirectoryFindsWhatNoWebhookHasToldYet(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.answer(nil)
	who := b.directory()
	user, err := who.User(t.Context(), "user_new")
	if err != nil || user.FirstName != "Ada" {
		t.Errorf("the user is %+v, %v", user, err)
	}
	org, err := who.Organization(t.Context(), "org_new")
	if err != nil || org.Name != "Northwind" {
		t.Errorf("the organization is %+v, %v", org, err)
	}
	member, err := who.Membership(t.Context(), "org_new", "user_new")
	if err != nil || member.Role != "org:admin" {
		t.Errorf("the membership is %+v, %v", member, err)
	}
	if n := b.calls.Load(); n != 3 {
		t.Errorf("clerk was asked %d times for 3 objects", n)
	}
}

func TestAThousandFirstRequestsInTwoServicesAreOneCall(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.answer(nil)
	services := []*directory.Directory{b.directory(), b.directory()}
	var all sync.WaitGroup
	for i := range 1000 {
		all.Go(func() {
			if user, err := services[i%2].User(t.Context(), "user_new"); err != nil || user.FirstName != "Ada" {
				t.Errorf("the user is %+v, %v", user, err)
			}
		})
	}
	all.Wait()
	if n := b.calls.Load(); n != 1 {
		t.Errorf("clerk was asked %d times", n)
	}
}

func TestMissingReturnsWhenTheReadModelShowsTheRow(t *testing.T) {
	t.Parallel()
	for name, impatient := range map[string]bool{"waits": false, "control: does not wait": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			b.answer(nil)
			b.stop() // no projector, no row
			c := b.client(func(c *Config) { c.switches.impatient = impatient })
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			if err := c.Missing(ctx, directory.KindUsers, "user_new"); impatient != (err == nil) || !impatient && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("it returned %v", err)
			}
		})
	}
}

func TestWhatIsThereIsNotAskedFor(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	sequence := b.Publish(t, "msg_1", testkit.Body("user.created", time.Now(), testkit.Data{"id": "user_a"}))
	c := b.client(nil) // and nobody answers
	testkit.Eventually(t, func() error {
		at, err := c.sequence(t.Context())
		if err == nil && at < sequence {
			err = errors.New("the projector is behind")
		}
		return err
	})
	if err := c.Missing(t.Context(), directory.KindUsers, "user_a"); err != nil {
		t.Error(err)
	}
	if err := c.Missing(t.Context(), directory.KindUsers, "user_b"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("control: one who is not there: %v", err)
	}
}

func TestHowItEndsIsClear(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.answer(nil)
	c := b.client(nil)
	for name, x := range map[string]struct {
		kind directory.Kind
		id   string
		want error
	}{
		"somebody":                    {directory.KindUsers, "user_a", nil},
		"clerk has none":              {directory.KindUsers, "user_nobody", directory.ErrNotFound},
		"deleted":                     {directory.KindUsers, "user_gone", directory.ErrNotFound},
		"clerk is away":               {directory.KindUsers, "user_trouble", ErrUnavailable},
		"no id of Clerk's":            {directory.KindUsers, "user a/../b", directory.ErrNotFound},
		"a membership without a user": {directory.KindOrganizationMemberships, "org_a", directory.ErrNotFound},
		"what cannot be fetched":      {directory.KindSessions, "sess_a", directory.ErrUnknownKind},
	} {
		if err := c.Missing(t.Context(), x.kind, x.id); !errors.Is(err, x.want) || x.want == nil && err != nil {
			t.Errorf("%s: %v, want %v", name, err, x.want)
		}
	}
	b.silence()
	err := c.Missing(t.Context(), directory.KindUsers, "user_later")
	if !errors.Is(err, ErrUnavailable) || errors.Is(err, directory.ErrNotFound) || !strings.Contains(err.Error(), "no watch answers") {
		t.Errorf("without a watch: %v", err)
	}
	c.cfg.Conn.Close()
	if err := c.Missing(t.Context(), directory.KindUsers, "user_later"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("without a broker: %v", err)
	}
	other := b.client(func(c *Config) { c.Schema = "another" })
	if err := other.Missing(t.Context(), directory.KindUsers, "user_a"); err == nil || errors.Is(err, directory.ErrNotFound) {
		t.Errorf("of a schema that is not there: %v", err)
	}
	other = b.client(func(c *Config) { c.Instance = "another" })
	if err := other.Missing(t.Context(), directory.KindUsers, "user_later"); !errors.Is(err, errNoReadModel) {
		t.Errorf("of another instance: %v", err)
	}
}

func TestWhoIsTurnedAwayComesBack(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	held := make(chan struct{})
	b.answer(func(c *answering.Config) {
		c.Workers, c.Queue = 1, 1
		c.Fetch = func(ctx context.Context, kind, id string) (uint64, error) {
			<-held
			return b.fetch(ctx, kind, id)
		}
	})
	c := b.client(nil)
	var all sync.WaitGroup
	for _, id := range []string{"user_a", "user_b", "user_c", "user_d", "user_e"} {
		all.Go(func() {
			if err := c.Missing(t.Context(), directory.KindUsers, id); err != nil {
				t.Errorf("%s: %v", id, err)
			}
		})
	}
	n := 0
	testkit.Eventually(t, func() error { // until worker and queue are taken
		hasty, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		n++
		if err := c.Missing(hasty, directory.KindUsers, fmt.Sprintf("user_hasty%d", n)); !errors.Is(err, ErrBusy) {
			return fmt.Errorf("one without time to come back gets %w", err)
		}
		return nil
	})
	close(held)
	all.Wait()
}

func TestConfigSaysAllThatIsWrong(t *testing.T) {
	t.Parallel()
	_, err := New(Config{Instance: "a.b", Schema: "X"})
	for _, want := range []string{"Conn", "Pool", `"a.b"`, `"X"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no word of %s in: %v", want, err)
		}
	}
}

func TestTheKindsAreTheDirectorys(t *testing.T) {
	t.Parallel()
	for kind, name := range map[directory.Kind]string{
		directory.KindUsers: wire.Users, directory.KindOrganizations: wire.Organizations, directory.KindOrganizationMemberships: wire.Memberships,
	} {
		if string(kind) != name {
			t.Errorf("%s is %s on the wire", kind, name)
		}
	}
}
