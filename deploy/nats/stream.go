package broker

import (
	"bytes"
	_ "embed" // stream.json
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

//go:embed stream.json
var streamJSON []byte

// instanceForm is what may stand in a subject as one token and in the name of a
// stream: no dot, wildcard, space or path separator.
var instanceForm = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// Errors of StreamConfig and Provision.
var (
	ErrInstanceName = errors.New("instance name must match [A-Za-z0-9_-]+")
	ErrSettings     = errors.New("unusable stream settings")
)

// Settings are what an installation may choose. Everything else in stream.json is
// what the guarantees rest on.
type Settings struct {
	// Replicas is 1 or 3. Zero: as in stream.json for a new stream, as it is for
	// an existing one.
	Replicas int
	// DuplicateWindow is how long the broker remembers message ids, at 129 bytes
	// an id. Duplicates that come later are harmless: the version gate, not the
	// window, keeps rows right. Zero: as for Replicas.
	DuplicateWindow time.Duration
}

// StreamName is the stream of an instance: CLERK_PROD for prod. Letters become
// capitals, `-` and `_` stay. Two instances that differ in case only would share
// a name; Provision refuses the second, for its subjects are not the first's.
func StreamName(instance string) string { return "CLERK_" + strings.ToUpper(instance) }

// Subjects is everything the stream of an instance takes: clerk.<instance>.>.
func Subjects(instance string) string { return "clerk." + instance + ".>" }

// StreamConfig is stream.json for an instance.
func StreamConfig(instance string, s Settings) (jetstream.StreamConfig, error) {
	if !instanceForm.MatchString(instance) {
		return jetstream.StreamConfig{}, fmt.Errorf("%w: %q", ErrInstanceName, instance)
	}
	if err := s.validate(); err != nil {
		return jetstream.StreamConfig{}, err
	}
	cfg, err := decodeStream(streamJSON)
	if err != nil {
		return jetstream.StreamConfig{}, err
	}
	cfg.Name = StreamName(instance)
	cfg.Subjects = []string{Subjects(instance)}
	s.apply(&cfg)
	return cfg, nil
}

func decodeStream(text []byte) (jetstream.StreamConfig, error) {
	var cfg jetstream.StreamConfig
	dec := json.NewDecoder(bytes.NewReader(text))
	// A misspelt setting would otherwise be a guarantee that nobody applies.
	dec.DisallowUnknownFields()
	if err := dec.Decode(&cfg); err != nil {
		return cfg, fmt.Errorf("decode stream.json: %w", err)
	}
	if cfg.PersistMode == jetstream.AsyncPersistMode {
		return cfg, fmt.Errorf("%w: persist_mode async acknowledges before writing", ErrSettings)
	}
	return cfg, nil
}

func (s Settings) validate() error {
	if s.Replicas != 0 && !replicasAllowed(s.Replicas) {
		return fmt.Errorf("%w: replicas %d, not 1 or 3", ErrSettings, s.Replicas)
	}
	// 100 ms is the server's own lower bound.
	if s.DuplicateWindow != 0 && s.DuplicateWindow < 100*time.Millisecond {
		return fmt.Errorf("%w: duplicate window %s is below 100ms", ErrSettings, s.DuplicateWindow)
	}
	return nil
}

func (s Settings) apply(cfg *jetstream.StreamConfig) {
	if s.Replicas != 0 {
		cfg.Replicas = s.Replicas
	}
	if s.DuplicateWindow != 0 {
		cfg.Duplicates = s.DuplicateWindow
	}
}

// replicasAllowed: two or four copies cost more than one or three and survive no
// further failure.
func replicasAllowed(n int) bool { return n == 1 || n == 3 }
