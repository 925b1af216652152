package hydrate

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"

	"github.com/clerkstream/clerkstream/events"
)

var (
	// ErrUnavailable says that it cannot be known now whether Clerk has the object: no `clerkstream watch` answers for the instance, or it cannot reach
	// Clerk, the stream or its read model. Whoever asked for an existing user must not be told that there is none.
	ErrUnavailable = errors.New("hydrate is unavailable")
	// ErrBusy says that more was asked for than the budget for Clerk allows within the time of ctx.
	ErrBusy = errors.New("hydrate is busy")
)

// Config is what a Client needs. Conn and Pool are required.
type Config struct {
	// Conn is the broker's, as the user projector or subscriber of deploy/nats. The caller closes it.
	Conn *nats.Conn
	// Instance is the Clerk environment. Default: default.
	Instance string
	// Pool reads the read model that is to show what was missing: that of the directory. Its login is a member of clerkstream_reader.
	Pool *pgxpool.Pool
	// Schema is the read model's. Default: clerk.
	Schema string

	switches switches
}

// switches turn one guard each off, so that tests can prove that it guards something. The zero value is production.
type switches struct {
	impatient bool // the watch's word is enough, and nobody waits for the row
}

var schemaPattern = regexp.MustCompile(`^[a-z][a-z0-9_]{0,30}$`)

func (c Config) withDefaults() Config {
	if c.Instance == "" {
		c.Instance = "default"
	}
	if c.Schema == "" {
		c.Schema = "clerk"
	}
	return c
}

// validate reports everything that is wrong.
func (c Config) validate() error {
	var wrong []error
	if c.Conn == nil {
		wrong = append(wrong, errors.New("a Conn is missing"))
	}
	if c.Pool == nil {
		wrong = append(wrong, errors.New("a Pool is missing"))
	}
	if !events.IsToken(c.Instance) {
		wrong = append(wrong, fmt.Errorf("the Instance %q is not [A-Za-z0-9_-]+", c.Instance))
	}
	if !schemaPattern.MatchString(c.Schema) {
		wrong = append(wrong, fmt.Errorf("the Schema %q is not %s", c.Schema, schemaPattern))
	}
	if err := errors.Join(wrong...); err != nil {
		return fmt.Errorf("hydrate: %w", err)
	}
	return nil
}
