package projector

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
	"github.com/clerkstream/clerkstream/schema"
)

// States in which a projector refuses to go on. Each of them needs a person or another deployment; going on would build a read model that is
// wrong without saying so.
var (
	// ErrLogIdentity: the stream is not the one that the checkpoint was made from, or it lost what was applied already.
	ErrLogIdentity = errors.New("stream is not the one that the checkpoint stands for")
	// ErrDefinition: the service has generations, but none that was made by these projections.
	ErrDefinition = errors.New("no generation was made by these projections")
	// ErrSchemaTaken: the schema for views or tables exists and is not this service's.
	ErrSchemaTaken = errors.New("schema exists and is not this service's")
	// ErrNotPermitted: the login or the NATS user lacks a right.
	ErrNotPermitted = errors.New("not permitted")
	// ErrStructure: Postgres refuses the statements themselves, not the rows in them.
	ErrStructure = errors.New("read model's tables do not fit its projection")
)

// errFenced says that somebody else moved the checkpoint. It happens when this session lost its lock without noticing; nothing of its
// transaction was kept. The cure is to begin anew as a standby.
var errFenced = errors.New("checkpoint was moved by another projector")

// errRetired ends a follower: the generation is gone for good.
var errRetired = errors.New("generation was retired")

// errNotBuilt says that whoever was building the generation went away, and that this projector may not go on with it by itself.
var errNotBuilt = errors.New("generation is not built; run projector rebuild again")

// errReconnected ends a session after the broker came back: it may be another broker with another stream, so every check is made again.
var errReconnected = errors.New("broker connection was renewed")

// cause sorts errors of Postgres by who can do something about them.
type cause uint8

const (
	// causeTransient: the same statements may pass later.
	causeTransient cause = iota
	// causeStructure: no statement of this kind will ever pass.
	causeStructure
	// causeMessage: some row in the batch is to blame.
	causeMessage
)

// causeOf goes by the SQLSTATE class. What is no error of Postgres is a broken connection.
//
// Source: PostgreSQL documentation, appendix A.
func causeOf(err error) cause {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || len(pg.Code) != 5 {
		return causeTransient
	}
	switch pg.Code {
	case "42501", "42P01", "42703", "3F000", "0A000", "25006":
		// No right, no table, no column, no schema, changed result type, read-only server: all rows of all messages would fail alike, and
		// putting them all into dead letters would hide that.
		return causeStructure
	}
	switch pg.Code[:2] {
	case "08", "25", "40", "53", "55", "57", "58":
		return causeTransient
	}
	return causeMessage
}

// fatal reports whether a session's end is the projector's end.
func fatal(err error) bool {
	for _, e := range []error{
		ErrLogIdentity, ErrDefinition, ErrSchemaTaken, ErrNotPermitted, ErrStructure,
		broker.ErrStreamMissing, broker.ErrStreamDiffers, schema.ErrTooOld, schema.ErrTooNew,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// refused turns Postgres' "insufficient privilege" into ErrNotPermitted with what mends it, and leaves other errors alone.
func refused(err error, mend string) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && (pg.Code == "42501" || pg.Code == "22023") {
		return fmt.Errorf("%w: %s; %s", ErrNotPermitted, pg.Message, mend)
	}
	return err
}
