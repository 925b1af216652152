package clerksim

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"testing"
)

// newReading is a Clerk with enough of everything, behind a real HTTP server.
func newReading(t *testing.T, world Config) face {
	t.Helper()
	c := founded(t, ClerkConfig{World: world})
	s := httptest.NewServer(c.Handler())
	t.Cleanup(s.Close)
	return face{c, s}
}

// get is the answer's status and body.
func (f face) get(t *testing.T, path string, query url.Values) (int, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.URL+path+"?"+query.Encode(), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+f.SecretKey())
	res, err := f.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, body
}

// page is one page of a list, of either form. The total of a bare array is -1.
func (f face) page(t *testing.T, path string, query url.Values) (list []map[string]any, total int) {
	t.Helper()
	status, body := f.get(t, path, query)
	if status != http.StatusOK {
		t.Fatalf("GET %s?%s: %d %s", path, query.Encode(), status, body)
	}
	if body[0] == '[' {
		if err := json.Unmarshal(body, &list); err != nil {
			t.Fatal(err)
		}
		return list, -1
	}
	var envelope struct {
		Data  []map[string]any `json:"data"`
		Total int              `json:"total_count"`
	}
	if err := json.Unmarshal(body, &envelope); err != nil || envelope.Data == nil {
		t.Fatalf("GET %s: %v: %s", path, err, body)
	}
	return envelope.Data, envelope.Total
}

func with(pairs ...string) url.Values {
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		q.Add(pairs[i], pairs[i+1])
	}
	return q
}

func also(q url.Values, pairs ...string) url.Values {
	all := url.Values{}
	maps.Copy(all, q)
	for i := 0; i < len(pairs); i += 2 {
		all[pairs[i]] = append(slices.Clone(all[pairs[i]]), pairs[i+1])
	}
	return all
}

// walk reads a whole list by offset.
func (f face) walk(t *testing.T, path string, query url.Values, size int) (all []map[string]any) {
	t.Helper()
	for offset := 0; ; offset += size {
		list, total := f.page(t, path, also(query, "limit", strconv.Itoa(size), "offset", strconv.Itoa(offset)))
		all = append(all, list...)
		if len(list) < size {
			if total >= 0 && total != len(all) {
				t.Errorf("%s: total_count is %d, and %d came", path, total, len(all))
			}
			return all
		}
	}
}

// walkOn reads users by cursor; between is called after each page. Where the cursor's user is gone it steps back to the one before.
func (f face) walkOn(t *testing.T, order string, size int, between func(last string)) (ids []string, steps int) {
	t.Helper()
	query := with("order_by", order, "limit", strconv.Itoa(size))
	trail := 0 // how many of ids are before the cursor
	for {
		status, body := f.get(t, "/v1/users", query)
		if status == http.StatusUnprocessableEntity && trail > 1 {
			trail, steps = trail-1, steps+1
			query.Set("starting_after", ids[trail-1])
			continue
		}
		var list []map[string]any
		if err := json.Unmarshal(body, &list); err != nil || status != http.StatusOK {
			t.Fatalf("%s: %d %s", query.Encode(), status, body)
		}
		ids = append(ids, idsOf(list)...)
		if len(list) < size {
			return ids, steps
		}
		trail = len(ids)
		query.Set("starting_after", ids[trail-1])
		between(ids[trail-1])
	}
}

func idsOf(list []map[string]any) []string {
	ids := make([]string, len(list))
	for i, o := range list {
		ids[i] = o["id"].(string)
	}
	return ids
}
