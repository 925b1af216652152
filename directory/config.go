package directory

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
)

// Config is what a Directory needs. Pool is required, and ListenURL for Run.
type Config struct {
	// Pool reads. Its login is a member of clerkstream_reader; as a tenant it would find nothing.
	Pool *pgxpool.Pool
	// ListenURL is a direct connection to the same server, for LISTEN: not by way of a transaction pooler, nor to a replica.
	ListenURL string
	// Schema is the read model's. Default: clerk.
	Schema string
	// Capacity bounds the memory of what is kept, in bytes, as weighed (a user is 0.6 to 1 KB). What is used least makes room. Default: 128 MiB.
	Capacity int64
	// LostTTL is how long an answer may be used while the feed is lost. Negative is not at all. Default: 5 s.
	LostTTL time.Duration
	// MaxWaiters bounds how many calls of WaitFor and WaitGone wait at a time. Default: 1000.
	MaxWaiters int
	// Missing is asked for a user, an organization or a membership that is not in the read model, before the lookup says ErrNotFound: kind and id,
	// of a membership "<organization id>/<user id>". However many ask for the object, it is asked once. When it returns nil the object is looked up
	// once more, so a hook that writes by way of the stream returns when the row is there. ErrNotFound means that Clerk has no such object either;
	// any other error is the lookup's. It has 10 s together with the lookup, and the values of the context of one of those who asked; it must not look the
	// object up here, for that lookup would wait for it. Default: none.
	Missing func(ctx context.Context, kind Kind, id string) error
	// TrustMembershipPermissions lets HasPermission believe what Clerk's last event of the membership listed where the read model has no row for
	// the role. See there. Default: no.
	TrustMembershipPermissions bool
	// Metrics gets the collectors. Default: none.
	Metrics prometheus.Registerer
	// Log gets changes of state, never what is looked up. Default: discard.
	Log *slog.Logger
	// Now is the clock. Default: time.Now.
	Now func() time.Time

	// switches are the guards that tests turn off to prove that they guard something.
	switches switches
}

// switches turn one guard each off, or stand in for a moment. The zero value is production.
type switches struct {
	stampLate bool                  // what was read counts as read when it is stored
	shareAll  bool                  // who asks after a notice takes an answer that was under way before it
	unsettled bool                  // what is found by a value is used although nobody knows yet which values a notice is about
	read      func(key)             // called when something was read and is not stored yet
	settle    func()                // called before the values of a notice's entities are read
	heard     func(sequence uint64) // called when a notice was taken in
}

var schemaPattern = regexp.MustCompile(`^[a-z][a-z0-9_]{0,30}$`)

func (c Config) withDefaults() Config {
	if c.Schema == "" {
		c.Schema = "clerk"
	}
	if c.Capacity == 0 {
		c.Capacity = 128 << 20
	}
	if c.LostTTL == 0 {
		c.LostTTL = 5 * time.Second
	}
	if c.MaxWaiters == 0 {
		c.MaxWaiters = 1000
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// validate reports everything that is wrong.
func (c Config) validate() error {
	var wrong []error
	if c.Pool == nil {
		wrong = append(wrong, errors.New("a Pool is missing"))
	}
	if _, err := pgx.ParseConfig(c.ListenURL); err != nil {
		// The cause may quote the password.
		wrong = append(wrong, errors.New("the ListenURL is malformed"))
	}
	if !schemaPattern.MatchString(c.Schema) {
		wrong = append(wrong, fmt.Errorf("the Schema %q is not %s", c.Schema, schemaPattern))
	}
	if c.Capacity < 0 {
		wrong = append(wrong, fmt.Errorf("a Capacity of %d is negative", c.Capacity))
	}
	if c.MaxWaiters < 0 {
		wrong = append(wrong, fmt.Errorf("a MaxWaiters of %d is negative", c.MaxWaiters))
	}
	if err := errors.Join(wrong...); err != nil {
		return fmt.Errorf("directory: %w", err)
	}
	return nil
}
