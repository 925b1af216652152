package settings

import (
	"fmt"
	"slices"
	"strings"
)

// ExitCode is the exit status of a binary that was told something wrong.
const ExitCode = 2

// Problems collects what is wrong with the settings, so that a person who sets up a service reads one message instead of fixing one
// setting a start. The zero value is empty. Not for concurrent use.
type Problems struct{ lines []string }

// Add notes that a setting is wrong. name is what the person set: a flag with its environment twin, or a variable. What is said twice
// is noted once. Neither a secret nor a part of one may be among the arguments.
func (p *Problems) Add(name, format string, args ...any) {
	line := name + ": " + fmt.Sprintf(format, args...)
	if !slices.Contains(p.lines, line) {
		p.lines = append(p.lines, line)
	}
}

// Err is nil when nothing is wrong, and an *Error otherwise.
func (p *Problems) Err() error {
	if len(p.lines) == 0 {
		return nil
	}
	return &Error{Problems: slices.Clone(p.lines)}
}

// Error says that settings are wrong; a binary exits with ExitCode.
type Error struct {
	// Problems has one line for each, "NAME: what is wrong", in the order of their discovery.
	Problems []string
}

// Error lists all of them.
func (e *Error) Error() string {
	if len(e.Problems) == 1 {
		return "wrong setting: " + e.Problems[0]
	}
	return fmt.Sprintf("%d wrong settings:\n  - %s", len(e.Problems), strings.Join(e.Problems, "\n  - "))
}
