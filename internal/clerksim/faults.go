package clerksim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Faults are what goes wrong at the Backend API. Rates are shares of requests, 0 to 1; the zero value is an API that never fails.
// The keys document (GET /v1/jwks) is spared.
type Faults struct {
	// ErrorRate: answered 500, 502, 503 or 504 without doing anything, half of them with a proxy's HTML instead of Clerk's JSON.
	ErrorRate float64 `json:"error_rate"`
	// SlowRate: answered only after Slow, in JSON a Go duration as text ("2s").
	SlowRate float64       `json:"slow_rate"`
	Slow     time.Duration `json:"-"`
	// ThrottleRate: begins a stretch of Throttle in which every request is answered 429 with Retry-After, whatever the limit says.
	ThrottleRate float64       `json:"throttle_rate"`
	Throttle     time.Duration `json:"-"`
	// GarbageRate: of pages, those in which one object, another one each time, has a wrong shape.
	GarbageRate float64 `json:"garbage_rate"`
	// Garbage are ids of objects that always have a wrong shape, in pages and alone, but keep their id.
	Garbage []string `json:"garbage"`
	// NoJSONRate: answered 200 with a page of HTML.
	NoJSONRate float64 `json:"no_json_rate"`
	// CutRate: the connection ends in the middle of the answer.
	CutRate float64 `json:"cut_rate"`
}

// SetFaults replaces what goes wrong from the next request on, and ends a stretch of throttling.
func (c *Clerk) SetFaults(f Faults) error {
	if err := f.Validate(); err != nil {
		return fmt.Errorf("faults: %w", err)
	}
	c.trouble.set(f)
	return nil
}

// Faults are those set last.
func (c *Clerk) Faults() Faults { return c.trouble.get() }

// Validate reports all that is wrong with the faults.
func (f Faults) Validate() error {
	var problems []error
	for _, rate := range []struct {
		name  string
		value float64
	}{
		{"error_rate", f.ErrorRate}, {"slow_rate", f.SlowRate}, {"throttle_rate", f.ThrottleRate}, {"garbage_rate", f.GarbageRate},
		{"no_json_rate", f.NoJSONRate}, {"cut_rate", f.CutRate},
	} {
		if rate.value < 0 || rate.value > 1 {
			problems = append(problems, fmt.Errorf("%s %v is not between 0 and 1", rate.name, rate.value))
		}
	}
	for _, span := range []struct {
		name string
		rate float64
		time.Duration
	}{{"slow", f.SlowRate, f.Slow}, {"throttle", f.ThrottleRate, f.Throttle}} {
		if span.Duration < 0 || span.rate > 0 && span.Duration == 0 {
			problems = append(problems, fmt.Errorf("%s must be a time above 0 where %s_rate is", span.name, span.name))
		}
	}
	return errors.Join(problems...)
}

// faultsJSON shows durations as people write them.
type faultsJSON struct {
	plainFaults
	Slow     string `json:"slow"`
	Throttle string `json:"throttle"`
}

type plainFaults Faults

// MarshalJSON writes durations as text.
func (f Faults) MarshalJSON() ([]byte, error) {
	if f.Garbage == nil {
		f.Garbage = []string{}
	}
	return json.Marshal(faultsJSON{plainFaults(f), f.Slow.String(), f.Throttle.String()})
}

// UnmarshalJSON reads durations as text. A field that it does not know is an error: a misspelt fault that never happens would pass for a proof.
func (f *Faults) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	read := faultsJSON{Slow: "0", Throttle: "0"}
	if err := d.Decode(&read); err != nil {
		return err
	}
	var slow, throttle error
	*f = Faults(read.plainFaults)
	f.Slow, slow = time.ParseDuration(read.Slow)
	f.Throttle, throttle = time.ParseDuration(read.Throttle)
	return errors.Join(slow, throttle)
}
