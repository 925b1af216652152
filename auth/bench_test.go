package auth_test

import (
	"slices"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/clerkstream/clerkstream/auth"
)

// benchToken is a token as an organization's member has one: six permissions, in 0.9 KB.
func benchToken(b testing.TB, bed *bed) string {
	b.Helper()
	return bed.edited(b, map[string]any{
		"fea": "o:invoices,o:projects,u:beta", "pla": "o:pro",
		"o": map[string]any{
			"id": "org_2abcdefghijklmnopqrstuvwxyz", "slg": "acme", "rol": "admin",
			"per": "read,create,update,delete,revoke", "fpm": "7,21,0",
		},
	})
}

type parser = func(string, []jose.SignatureAlgorithm) (*jose.JSONWebSignature, error)

// bareVerification is the floor: what go-jose does to check a signature, and nothing else.
func bareVerification(b testing.TB, parse parser, token string) func() {
	b.Helper()
	public := &firstKey().PublicKey
	algorithms := []jose.SignatureAlgorithm{jose.RS256}
	return func() {
		jws, err := parse(token, algorithms)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := jws.Verify(public); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVerifyAgainstBareJOSE measures what everything beyond a signature check costs: the kind of token, the key's lookup in a set that
// can be refreshed, the claims with their checks, permissions, metrics. The floor is the library's documented way in, which accepts two
// forms; compact_ratio is against its way in for the one form that we accept too. Rounds alternate, because the machine is shared; ratios
// are medians of pairs.
//
//	go test ./auth -run '^$' -bench Bare -benchtime 20x
func BenchmarkVerifyAgainstBareJOSE(b *testing.B) {
	const round = 500 // tokens: some hundredths of a second
	bed := newBed(b)
	keys := bed.keySet(b)
	if err := keys.Refresh(b.Context()); err != nil {
		b.Fatal(err)
	}
	v := bed.verifierOf(b, keys)
	token := benchToken(b, bed)
	verify := func() {
		if _, err := v.Verify(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
	runs := []func(){verify, bareVerification(b, jose.ParseSigned, token), bareVerification(b, jose.ParseSignedCompact, token)}
	timed := func(f func()) float64 {
		began := time.Now()
		for range round {
			f()
		}
		return float64(time.Since(began).Nanoseconds()) / round
	}
	for _, f := range runs { // warm up
		timed(f)
	}
	var ours, floor, ratios, compact []float64
	for i := 0; b.Loop(); i++ {
		var took [3]float64
		for j := range runs { // whose turn is first changes
			k := (i + j) % len(runs)
			took[k] = timed(runs[k])
		}
		ours, floor = append(ours, took[0]), append(floor, took[1])
		ratios, compact = append(ratios, took[1]/took[0]), append(compact, took[2]/took[0])
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(medianOf(ours), "verify_ns")
	b.ReportMetric(medianOf(floor), "bare_ns")
	b.ReportMetric(medianOf(ratios), "ratio")
	b.ReportMetric(medianOf(compact), "compact_ratio")
	b.ReportMetric(testing.AllocsPerRun(100, verify)-testing.AllocsPerRun(100, runs[1]), "allocs_beyond_bare")
	b.ReportMetric(float64(bed.fetches.Load()-1), "network_calls")
}

func medianOf(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

// Verifying makes fewer than ten allocations beyond those of the bare signature check.
//
//nolint:paralleltest // the count is the whole process's
func TestVerifyingAllocatesLittleBeyondTheSignature(t *testing.T) {
	bed := newBed(t)
	v := bed.verifierOf(t, bed.keySet(t))
	token := benchToken(t, bed)
	if id := accept(t, v, token); len(id.Permissions) != 6 {
		t.Fatalf("the token grants %q", id.Permissions)
	}
	floor := testing.AllocsPerRun(200, bareVerification(t, jose.ParseSigned, token))
	ours := testing.AllocsPerRun(200, func() { v.Verify(t.Context(), token) })
	if ours-floor >= 10 || floor < 10 {
		t.Errorf("%.0f allocations, %.0f beyond the bare %.0f", ours, ours-floor, floor)
	}
}

var _ auth.Authenticator = (*auth.Verifier)(nil)
