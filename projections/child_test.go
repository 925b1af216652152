package projections

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/internal/testkit"
)

// account is a user with e-mail addresses; one with a ! in front of it is not verified.
func account(id string, at time.Time, name string, addresses ...string) events.Event {
	list := make([]any, len(addresses))
	for i, a := range addresses {
		address, unverified := strings.CutPrefix(a, "!")
		status := "verified"
		if unverified {
			status = "unverified"
		}
		list[i] = testkit.Data{"id": fmt.Sprintf("idn_%d", i), "email_address": address, "verification": testkit.Data{"status": status}}
	}
	return event(fmt.Sprintf("msg_%d", at.UnixNano()), testkit.Body("user.updated", at, testkit.Data{"id": id, "first_name": name, "email_addresses": list}))
}

// places is where Postgres keeps each child row and which transaction wrote it.
func (b *tables) places(t *testing.T, user string) map[string]string {
	t.Helper()
	rows, err := b.conn.Query(t.Context(), `select value, concat(verified, ' ', ctid, ' ', xmin) from g.user_identifiers where user_id = $1`, user)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for rows.Next() {
		var value, place string
		if err := rows.Scan(&value, &place); err != nil {
			t.Fatal(err)
		}
		found[value] = place
	}
	return found
}

func TestChildRowsAreWrittenOnlyWhenTheyChanged(t *testing.T) {
	t.Parallel()
	p := users()
	b := newTables(t, p, organizations(), organizationMemberships())
	b.write(t, p, account("a", noon, "Ada", "a@x.example", "b@x.example"), account("b", noon, "Ben", "c@x.example"))
	before, other := b.places(t, "a"), b.places(t, "b")
	if len(before) != 2 || len(other) != 1 {
		t.Fatalf("there are %v and %v", before, other)
	}
	// Another name, and the same addresses in another order and spelling.
	b.write(t, p, account("a", noon.Add(time.Second), "Ada B.", "B@x.example", "a@x.example"))
	if after := b.places(t, "a"); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("nothing changed, and yet the rows moved from %v to %v", before, after)
	}
	// One address is verified no more: now they are written.
	b.write(t, p, account("a", noon.Add(2*time.Second), "Ada B.", "a@x.example", "!b@x.example"))
	after := b.places(t, "a")
	if len(after) != 2 || !strings.HasPrefix(after["b@x.example"], "f ") || after["a@x.example"] == before["a@x.example"] {
		t.Errorf("the rows were %v and are %v", before, after)
	}
	if now := b.places(t, "b"); fmt.Sprint(now) != fmt.Sprint(other) {
		t.Errorf("the other user's rows moved from %v to %v", other, now)
	}
}

func TestChildRowsFollowTheirOwnerInOneBatchWithOthers(t *testing.T) {
	t.Parallel()
	p := users()
	b := newTables(t, p, organizations(), organizationMemberships())
	b.write(t, p, account("gains", noon, ""), account("loses", noon, "", "l@x.example"), account("keeps", noon, "", "k@x.example"), account("late", noon.Add(time.Hour), "", "new@x.example"))
	b.write(t, p,
		account("gains", noon.Add(time.Second), "", "g@x.example"), account("loses", noon.Add(time.Second), ""),
		account("keeps", noon.Add(time.Second), "", "k@x.example"), account("late", noon, "", "old@x.example"), account("comes", noon, "", "c@x.example"))
	have := value[[]string](t, b, `select array_agg(user_id || ' ' || value order by 1) from v.user_identifiers`)
	slices.Sort(have)
	if want := []string{"comes c@x.example", "gains g@x.example", "keeps k@x.example", "late new@x.example"}; !slices.Equal(have, want) {
		t.Errorf("%v, want %v", have, want)
	}
}

// An address moves between users: it belongs to whoever lists it now, and for a moment to both.
func TestTwoUsersMayListTheSameIdentifier(t *testing.T) {
	t.Parallel()
	p := users()
	b := newTables(t, p, organizations(), organizationMemberships())
	b.write(t, p, account("from", noon, "", "m@x.example"), account("to", noon, "", "M@x.example"))
	b.write(t, p, account("from", noon.Add(time.Second), ""))
	if owners := value[[]string](t, b, `select array_agg(user_id) from v.user_identifiers where kind = 'email' and value = 'm@x.example'`); !slices.Equal(owners, []string{"to"}) {
		t.Errorf("it belongs to %v", owners)
	}
}

func TestAnIdentifierThatIsListedTwiceIsVerifiedIfEitherIs(t *testing.T) {
	t.Parallel()
	p := users()
	b := newTables(t, p, organizations(), organizationMemberships())
	b.write(t, p, account("a", noon, "", "!m@x.example", "M@x.example", "!m@X.example"), account("b", noon, "", "!n@x.example", "!N@x.example"))
	for address, want := range map[string]bool{"m@x.example": true, "n@x.example": false} {
		if have := value[bool](t, b, `select verified from v.user_identifiers where value = $1`, address); have != want {
			t.Errorf("%s verified: %t", address, have)
		}
	}
}

func TestARowWithoutAKeyIsLeftOut(t *testing.T) {
	t.Parallel()
	p := roles()
	b := newTables(t, p, permissions())
	b.write(t, p, event("msg_1", []byte(`{"type":"role.updated","timestamp":1772366400000,"data":{"id":"r","permissions":[{"key":"nobody"},{"id":"p"},null]}}`)))
	if have := value[string](t, b, `select string_agg(permission_id || '/' || coalesce(permission_key, 'NULL'), ' ') from v.role_permissions`); have != "p/NULL" {
		t.Error(have)
	}
}
