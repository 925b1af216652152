package events_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/clerkstream/clerkstream/events"
)

// TestOnlyTheOuterDataNamesTheEntity: an object that Clerk embeds, also one that it calls data, has an id and clocks of its own.
func TestOnlyTheOuterDataNamesTheEntity(t *testing.T) {
	t.Parallel()
	e := takeBody([]byte(`{"timestamp":1788256800009,"data":{"id":"user_1","updated_at":1788256800001,
		"data":{"id":"user_2","updated_at":1788256800002,"type":"user.deleted"},
		"user":{"id":"user_3","updated_at":1788256800003}},
		"other":{"id":"user_4","type":"user.deleted","timestamp":1},"id":"user_5","updated_at":1788256800005,"type":"user.updated"}`))
	if e.Subject() != "clerk.prod.user.user_1.updated" || e.Version != "0000.0.001788256800001.001788256800009.02."+sampleID {
		t.Errorf("%s at %s", e.Subject(), e.Version)
	}
}

// TestSourceTime is the design's order of clocks: updated_at, else a creation under either name, else the envelope's.
func TestSourceTime(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]int64{
		`"updated_at":1788256800003,"created_at":1788256800002`:          1788256800003,
		`"updated_at":null,"created_at":1788256800002`:                   1788256800002,
		`"created_at_ms":1788256800002`:                                  1788256800002,
		`"created_at_ms":1788256800002,"created_at":null`:                1788256800002,
		`"created_at":1788256800,"updated_at":"never","created_at_ms":0`: 1788256800000,
		`"updated_at":{}`: 1788256800001,
	} {
		e := takeBody([]byte(`{"type":"sms.created","timestamp":1788256800001,"data":{"id":"sms_1",` + data + `}}`))
		if v, err := e.Version.Parse(); err != nil || v.Source != want || v.Observed != 1788256800001 {
			t.Errorf("%s: %+v (%v), want %d", data, v, err, want)
		}
	}
}

// TestIDsThatLookEncodedAreKept: what is percent-encoded on its way out comes back as it was.
func TestIDsThatLookEncodedAreKept(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"%41", "100%", "%", "%4", "%zz", `a "b" c`, "é%C3%A9"} {
		in := intake()
		in.ID = id
		want, _ := events.New(in, []byte(`{}`))
		got, err := events.FromMessage(want.Subject(), overTheWire(t, want.Header()), want.Body)
		if err != nil || got.ID != id {
			t.Errorf("%q came back as %q (%v)", id, got.ID, err)
		}
	}
}

func TestAGoogleAccountIsOneByItsObject(t *testing.T) {
	t.Parallel()
	e := takeBody([]byte(`{"type":"user.updated","data":{"id":"user_1","external_accounts":[
		{"object":"google_account","provider_user_id":"7"},{"object":"external_account","provider_user_id":"8"},{"google_id":"9"}]}}`))
	u, err := events.Payload[events.User](&e)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [][2]string{{"oauth_google", "7"}, {"", "8"}, {"oauth_google", "9"}} {
		if a := u.ExternalAccounts.Items[i]; a.Provider != want[0] || a.ProviderUserID != want[1] {
			t.Errorf("account %d: %s %s, want %v", i, a.Provider, a.ProviderUserID, want)
		}
	}
}

// TestADeepBodyDoesNotCostItsSquare: 4,000 credentials, each 100 kB down, would be 200 MB of pointers that no header could hold. It is
// not parallel, because it measures the memory of the whole process.
//
//nolint:paralleltest // see above
func TestADeepBodyDoesNotCostItsSquare(t *testing.T) {
	const depth = 4000
	body := []byte(`{"type":"user.updated","data":{"id":"user_1","x":` +
		strings.Repeat(`{"aaaaaaaaaaaaaaaaaaaaaaaa":{"otp_code":1},"bbbbbbbbbbbbbbbbbbbbbbbb":`, depth) + `1` + strings.Repeat(`}`, depth) + `}}`)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	e := takeBody(body)
	runtime.ReadMemStats(&after)
	if spent := after.TotalAlloc - before.TotalAlloc; spent > 16<<20 {
		t.Errorf("%d bytes spent on a body of %d", spent, len(body))
	}
	if strings.Contains(string(e.Body), `"otp_code":1`) {
		t.Error("a credential is left")
	}
	if n := len(e.Blanked); n < 2 || e.Blanked[n-1] != events.MorePointers {
		t.Errorf("%d pointers, not cut", n)
	}
}
