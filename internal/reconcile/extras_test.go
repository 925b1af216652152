package reconcile

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/clerkstream/clerkstream/internal/clerksim"
)

// shifted is an API whose list of users, and their count, lack one of them, as a page that shifted does; asked for by itself the user is there. deny makes it
// answer 404 to that too.
func (b *bed) shifted(t *testing.T, id string, count bool, deny func(path string) bool) string {
	t.Helper()
	to, err := url.Parse(b.api)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	face := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch path := strings.TrimPrefix(r.URL.Path, "/v1/"); {
		case deny != nil && deny(path):
			http.Error(w, `{"errors":[{"code":"resource_not_found"}]}`, http.StatusNotFound)
		case path == "users", path == "users/count" && count:
			r.Header.Del("Accept-Encoding")
			kept := httptest.NewRecorder()
			proxy.ServeHTTP(kept, r)
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(kept.Code)
			_, _ = w.Write(without(kept.Body.Bytes(), id))
		default:
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(face.Close)
	return face.URL
}

func without(body []byte, id string) []byte {
	var list []json.RawMessage
	var count struct {
		Object string `json:"object"`
		Total  int    `json:"total_count"`
	}
	var out any
	switch {
	case json.Unmarshal(body, &list) == nil:
		out = slices.DeleteFunc(list, func(o json.RawMessage) bool { return strings.Contains(string(o), `"id":"`+id+`"`) })
	case json.Unmarshal(body, &count) == nil && count.Total > 0:
		count.Total--
		out = count
	default:
		return body
	}
	text, err := json.Marshal(out)
	if err != nil {
		panic(err)
	}
	return text
}

// filled is a small world that is backfilled.
func filled(t *testing.T) (*bed, *Reconciler) {
	t.Helper()
	b := newBed(t, world(30, 5, 20, -1, true))
	b.clerk.Found()
	r := b.reconciler(t, nil)
	if _, err := r.Backfill(t.Context(), BackfillOptions{}); err != nil {
		t.Fatal(err)
	}
	b.expectTruth(t)
	return b, r
}

// through is the bed's reconciler by another way to the API.
func (b *bed) through(t *testing.T, r *Reconciler, api string, unconfirmed bool) *Reconciler {
	t.Helper()
	c := Config{
		Instance: b.Instance, ClerkInstance: b.clerk.InstanceID(), DatabaseURL: r.config.DatabaseURL, Grace: -1, Log: quiet(t), unconfirmed: unconfirmed,
	}
	other, closeAll, err := open(c, b.URL, api, b.clerk.SecretKey(), plenty)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(closeAll)
	return other
}

func TestWhatAWalkDidNotMeetIsDeletedOnlyWhereA404SaysSo(t *testing.T) {
	t.Parallel()
	b, r := filled(t)
	id := b.clerk.Sketch(30).Users[7].ID
	users := []string{"users"}
	for name, tc := range map[string]struct {
		api         string
		unconfirmed bool
		complete    bool
		extra       int64
		err         error
	}{
		"the object is there":      {api: b.shifted(t, id, true, nil), complete: true},
		"the walk is not complete": {api: b.shifted(t, id, false, nil), unconfirmed: true},
		"every object is denied": {
			api: b.shifted(t, id, true, func(path string) bool { return strings.HasPrefix(path, "users/user_") }), err: ErrNoWitness,
		},
		"nobody asks": {api: b.shifted(t, id, true, nil), unconfirmed: true, complete: true, extra: 1}, // the negative control
	} {
		found, err := b.through(t, r, tc.api, tc.unconfirmed).Reconcile(t.Context(), Options{Kinds: users, DryRun: true})
		k := found.Kinds[0]
		if !errors.Is(err, tc.err) || k.Complete != tc.complete || k.Extra != tc.extra {
			t.Errorf("%s: complete %v, %d extra (%s): %v", name, k.Complete, k.Extra, k.Note, err)
		}
	}
	b.expectTruth(t)
}

func TestAKeyOfAnotherInstanceComparesNothing(t *testing.T) {
	t.Parallel()
	b, r := filled(t)
	other := newBed(t, clerksim.ClerkConfig{World: clerksim.Config{Seed: 99, Users: 3, Sparse: true, Changes: -1}, SecretKey: b.clerk.SecretKey()})
	other.clerk.Found()
	before := b.last(t)
	stranger := b.through(t, r, other.api, false)
	if _, err := stranger.Reconcile(t.Context(), Options{}); !errors.Is(err, ErrOtherInstance) {
		t.Errorf("reconcile: %v", err)
	}
	if _, err := stranger.Backfill(t.Context(), BackfillOptions{}); !errors.Is(err, ErrOtherInstance) {
		t.Errorf("backfill: %v", err)
	}
	if after := b.last(t); after != before {
		t.Errorf("%d events were published", after-before)
	}
}
