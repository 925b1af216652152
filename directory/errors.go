package directory

import "errors"

var (
	// ErrNotFound says that the read model has no such object, or shows none to this login: it never was, is deleted, or hangs on something
	// that is deleted. What happened at Clerk a moment ago may not have arrived: see WaitFor.
	ErrNotFound = errors.New("not found")
	// ErrTooManyWaiters refuses a wait while Config.MaxWaiters others wait.
	ErrTooManyWaiters = errors.New("too many waiters")
	// ErrUnknownKind refuses a kind that is none of the constants.
	ErrUnknownKind = errors.New("unknown kind")
	// ErrRunning refuses a second Run beside the first.
	ErrRunning = errors.New("directory is running already")
	// ErrNotReader ends Run: the pool's login does not read everything, so its answers would be those of nobody.
	ErrNotReader = errors.New("the pool's login is no member of clerkstream_reader")
)
