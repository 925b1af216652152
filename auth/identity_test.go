package auth_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/clerkstream/clerkstream/auth"
)

// A claim of the application's own tells the platform, else an origin means a browser. What cannot be read is unknown and no reason to refuse.
func TestPlatformIsAGuess(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	v := b.verifier(t)
	for name, c := range map[string]struct {
		claims map[string]any
		want   auth.Platform
	}{
		"an origin":              {nil, auth.PlatformWeb},
		"nothing":                {map[string]any{"azp": nil}, auth.PlatformUnknown},
		"a claim":                {map[string]any{"azp": nil, "platform": "ios"}, auth.PlatformIOS},
		"metadata":               {map[string]any{"azp": nil, "metadata": map[string]any{"platform": "android"}}, auth.PlatformAndroid},
		"a claim and an origin":  {map[string]any{"platform": "expo"}, auth.PlatformExpo},
		"a claim of another use": {map[string]any{"azp": nil, "platform": map[string]any{"id": 7}, "metadata": "x"}, auth.PlatformUnknown},
	} {
		if id := accept(t, v, b.edited(t, c.claims)); id.Platform != c.want {
			t.Errorf("%s: platform %q, want %q", name, id.Platform, c.want)
		}
	}
}

// Factors count from the moment of issue, and what is absent, never or unreadable is not fresh.
func TestFactorsAreFreshOrNot(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	v := b.verifier(t)
	issued := b.clock.now()
	for name, c := range map[string]struct {
		fva           any
		first, second time.Duration // before the issue; negative: never
	}{
		"both":              {[]int{3, 5}, 3 * time.Minute, 5 * time.Minute},
		"just now":          {[]int{0, 0}, 0, 0},
		"no second":         {[]int{3, -1}, 3 * time.Minute, -1},
		"none":              {[]int{-1, -1}, -1, -1},
		"absent":            {nil, -1, -1},
		"one number":        {[]int{3}, -1, -1},
		"no numbers":        {[]any{}, -1, -1},
		"three numbers":     {[]int{3, 3, 3}, 3 * time.Minute, -1},
		"texts":             {[]string{"0", "0"}, -1, -1},
		"text":              {"0,0", -1, -1},
		"fractions":         {[]float64{0.5, 0.5}, -1, -1},
		"longer than times": {[]any{1e300, 4294967296}, -1, -1},
		"nulls":             {[]any{nil, nil}, -1, -1},
	} {
		id := accept(t, v, b.edited(t, map[string]any{"fva": c.fva}))
		at := func(before time.Duration) time.Time {
			if before < 0 {
				return time.Time{}
			}
			return issued.Add(-before)
		}
		if !id.Factors.First.Equal(at(c.first)) || !id.Factors.Second.Equal(at(c.second)) {
			t.Errorf("%s: factors %v", name, id.Factors)
		}
	}
}

// However long ago is still fresh, never is not.
func TestNeverIsNotFreshForAnyAge(t *testing.T) {
	t.Parallel()
	for _, level := range []auth.Level{auth.FirstFactor, auth.SecondFactor, auth.MultiFactor, auth.StrongestFactor} {
		if (&auth.Identity{}).Fresh(time.Now(), math.MaxInt64, level) {
			t.Errorf("%s was never proved and is fresh", level)
		}
	}
}

func TestWhoHasNoRoleHasNone(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	v := b.verifier(t)
	id := accept(t, v, b.edited(t, map[string]any{"o": map[string]any{"id": "org_2a"}}))
	if id.Role != "" || id.HasRole("") || id.HasRole("org:") || id.HasPermission("") {
		t.Errorf("role %q", id.Role)
	}
	custom := accept(t, v, b.edited(t, map[string]any{"o": map[string]any{"id": "org_2a", "rol": "billing"}}))
	if custom.Role != "org:billing" || !custom.HasRole("org:billing") || !custom.HasRole("billing") || custom.HasRole("org:admin") {
		t.Errorf("role %q", custom.Role)
	}
}

func TestFreshNeedsTheFactorsOfItsLevel(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	ago := func(minutes int) time.Time { return now.Add(-time.Duration(minutes) * time.Minute) }
	for name, c := range map[string]struct {
		factors auth.Factors
		want    []auth.Level // that are fresh
	}{
		"both":         {auth.Factors{First: ago(10), Second: ago(10)}, []auth.Level{auth.FirstFactor, auth.SecondFactor, auth.MultiFactor, auth.StrongestFactor}},
		"first only":   {auth.Factors{First: ago(10)}, []auth.Level{auth.FirstFactor, auth.StrongestFactor}},
		"second stale": {auth.Factors{First: ago(1), Second: ago(11)}, []auth.Level{auth.FirstFactor}},
		"first stale":  {auth.Factors{First: ago(11), Second: ago(1)}, []auth.Level{auth.SecondFactor, auth.StrongestFactor}},
		"never":        {auth.Factors{}, nil},
	} {
		id := &auth.Identity{Factors: c.factors}
		for _, level := range []auth.Level{auth.FirstFactor, auth.SecondFactor, auth.MultiFactor, auth.StrongestFactor, "", "third_factor"} {
			if got := id.Fresh(now, 10*time.Minute, level); got != slices.Contains(c.want, level) {
				t.Errorf("%s: %s is fresh: %t", name, level, got)
			}
		}
	}
}
